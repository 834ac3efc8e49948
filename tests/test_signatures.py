"""The signatures in the C header, Cython's declarations, the capsules and the Fortran interface."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import NamedTuple

from reference import bundled

import leastsq
from leastsq import _minpack

HEADER = Path(leastsq.get_include(), "leastsq.h")
TABLE = Path(leastsq.get_include(), "leastsq_capi.h")
INTERFACE = Path(leastsq.get_include(), "leastsq_interface.f90")
CYTHON = Path(leastsq.__file__).with_name("cython_leastsq.pxd")

FUNCTIONS = {"lmdif", "lmder", "lmdif1", "lmder1", "enorm", "qrfac", "qrsolv", "lmpar", "fdjac2",
             "covar", "chkder", "dpmpar", "workspace_size", "start", "resume", "inspect",
             "difference_point", "difference_column"}  # fmt: skip
CALLBACKS = {"func_mn": "residual", "funcder_mn": "residual_and_jacobian"}

C_TYPES = {
    "real(wp)": "double",
    "integer": "int",
    "integer(c_int)": "int",
    "integer(c_size_t)": "size_t",
    "logical": "int",
    "procedure(residual)": "leastsq_func_mn",
    "procedure(residual_and_jacobian)": "leastsq_funcder_mn",
    "type(leastsq_view)": "leastsq_view",
}

# Fortran's status argument is C's return value.
STATUS_ARGUMENTS = {"lmdif": "info", "lmder": "info", "lmdif1": "info", "lmder1": "info",
                    "fdjac2": "iflag"}  # fmt: skip
# cminpack's chkder takes these without const; Fortran says that they are inputs.
INPUTS_WITHOUT_CONST = {("chkder", "fvec"), ("chkder", "fjac"), ("chkder", "fvecp")}


class Argument(NamedTuple):
    """An argument or a component, its type in Cython's spelling: ``double const *``."""

    name: str
    type: str


class Signature(NamedTuple):
    """The result's type, then the arguments."""

    result: str
    arguments: tuple[Argument, ...]

    @property
    def types(self) -> tuple[str, ...]:
        return (self.result, *(argument.type for argument in self.arguments))


# C and Cython


def argument_of_c(text: str) -> Argument:
    """Parse a declaration such as ``const double *x``."""
    const, kind, star, name = re.fullmatch(
        r"\s*(const )?\s*(\w+)\s*(\*?)\s*(\w+)\s*", text
    ).groups()
    return Argument(name, kind + (" const" if const else "") + (" *" if star else ""))


def signature_of_c(result: str, arguments: str) -> Signature:
    return Signature(result, tuple(argument_of_c(text) for text in arguments.split(",")))


def parse(text: str, pattern: str) -> dict[str, Signature]:
    """Find declarations by a pattern of result, name and arguments."""
    found = re.findall(pattern, text)
    assert len({name for _, name, _ in found}) == len(found)
    return {name: signature_of_c(result, arguments) for result, name, arguments in found}


def header_text() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text("utf-8"), flags=re.DOTALL)


def header_functions() -> dict[str, Signature]:
    return parse(header_text(), r"typedef (\w+) leastsq_(\w+)_function\(([^)]*)\);")


def header_callbacks() -> dict[str, Signature]:
    return parse(header_text(), r"typedef (\w+) \(\*leastsq_(\w+)\)\(([^)]*)\);")


def header_view() -> list[Argument]:
    """Return the components of the view; ``int m, n;`` declares two."""
    body = re.search(r"typedef struct leastsq_view \{(.*?)\}", header_text(), re.DOTALL)[1]
    components = []
    for declaration in body.split(";")[:-1]:
        first, *others = declaration.split(",")
        components.append(argument_of_c(first))
        components += [Argument(name.strip(), components[-1].type) for name in others]
    return components


def cython_text() -> str:
    return re.sub(r"#.*", "", CYTHON.read_text("utf-8"))


# Capsules


def capsule_types() -> dict[str, tuple[str, ...]]:
    """Return the types of result and arguments, which are the name of a function's capsule."""
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    types = {}
    for name, capsule in _minpack.__pyx_capi__.items():
        spelled = name_of(capsule).decode().replace("__pyx_t_7leastsq_14cython_leastsq_", "")
        result, arguments = re.fullmatch(r"(\w+) \((.*)\)", spelled).groups()
        types[name.removeprefix("leastsq_")] = (result, *arguments.split(", "))
    return types


# Fortran


def interface_text() -> str:
    """Return the interface module without comments, its continued lines joined."""
    text = re.sub(r"!.*", "", INTERFACE.read_text("utf-8"))
    return re.sub(r"&\s*\n\s*&?", " ", text)


def argument_of_fortran(name: str, attributes: str, dimension: str) -> Argument:
    """Translate a declaration: a scalar that is only read is passed by value in C."""
    kind, *others = re.split(r",\s*(?![^(]*\))", attributes.strip())
    read, value = "intent(in)" in others, "value" in others
    pointer = dimension or not (read or value or kind.startswith("procedure"))
    const = " const" if dimension and read else ""
    return Argument(name, C_TYPES[kind] + const + (" *" if pointer else ""))


def interface() -> dict[str, Signature]:
    """Return the procedures, those of the C API without their prefix."""
    pattern = r"(subroutine|function) (\w+)\(([^)]*)\)([^\n]*)\n(.*?)end \1 \2"
    signatures = {}
    for kind, name, names, suffix, body in re.findall(pattern, interface_text(), re.DOTALL):
        declarations = re.findall(r"^ *(.*?) +:: (\w+)(\(.*\))?\s*$", body, re.MULTILINE)
        declared = {entry[1]: entry for entry in declarations if "import" not in entry[0]}
        result = "void"
        if kind == "function":
            result = C_TYPES[declared[re.search(r"result\((\w+)\)", suffix)[1]][0]]
        arguments = []
        for argument in re.split(r",\s*", names.strip()):
            attributes, _, dimension = declared[argument]
            arguments.append(argument_of_fortran(argument, attributes, dimension))
        signatures[name.removeprefix("leastsq_")] = Signature(result, tuple(arguments))
    return signatures


def in_fortran(name: str, signature: Signature) -> Signature:
    """Translate a signature of C to that of the interface."""
    arguments = []
    for argument in signature.arguments:
        if argument == ("p", "void *"):  # callbacks of MINPACK-1 have no user data
            continue
        if argument.name == "workspace":  # an array of reals
            arguments.append(Argument("block", "double *"))
        elif (name, argument.name) in INPUTS_WITHOUT_CONST:
            arguments.append(Argument(argument.name, argument.type.replace(" *", " const *")))
        else:
            arguments.append(argument)
    return Signature(signature.result, tuple(arguments))


def with_status_returned(name: str, signature: Signature) -> Signature:
    """Make the status argument of a procedure the result."""
    status = STATUS_ARGUMENTS.get(name)
    if status is None:
        return signature
    assert signature.result == "void"
    assert Argument(status, "int *") in signature.arguments
    rest = tuple(argument for argument in signature.arguments if argument.name != status)
    return Signature("int", rest)


# What must agree


def test_header_declares_every_function() -> None:
    declared = re.findall(r"^leastsq_(\w+)_function leastsq_(\w+);$", header_text(), re.MULTILINE)
    assert all(first == second for first, second in declared)
    assert {name for name, _ in declared} == set(header_functions()) == FUNCTIONS
    assert set(header_callbacks()) == set(CALLBACKS)


def test_table_of_the_c_api() -> None:
    """Members are never moved: their order is part of the binary interface."""
    members = re.findall(r"^ +leastsq_(\w+)_function \*(\w+);$", TABLE.read_text(), re.MULTILINE)
    assert all(first == second for first, second in members)
    assert [name for _, name in members] == [
        "lmdif", "lmder", "lmdif1", "lmder1", "enorm", "qrfac", "qrsolv", "lmpar", "fdjac2",
        "covar", "chkder", "dpmpar", "workspace_size", "start", "resume", "inspect",
        "difference_point", "difference_column",
    ]  # fmt: skip


def test_cython() -> None:
    text, attributes = cython_text(), r" noexcept nogil"
    functions = parse(text, r"cdef (\w+) leastsq_(\w+)\(([^)]*)\)" + attributes)
    callbacks = parse(text, r"ctypedef (\w+) \(\*leastsq_(\w+)\)\(([^)]*)\)" + attributes)
    view = re.search(r"ctypedef struct leastsq_view:\n((?: .*\n)+)", text)[1]
    assert functions == header_functions()
    assert callbacks == header_callbacks()
    assert [argument_of_c(line) for line in view.splitlines()] == header_view()


def test_capsules() -> None:
    ours = set(re.findall(r"function leastsq_(\w+)\(", interface_text()))
    expected = {
        name: signature.types
        for name, signature in header_functions().items()
        if bundled() or name not in ours
    }
    assert capsule_types() == expected


def test_fortran_interface() -> None:
    procedures = interface()
    assert set(procedures) == FUNCTIONS | set(CALLBACKS.values())
    for name, signature in header_functions().items():
        assert with_status_returned(name, procedures[name]) == in_fortran(name, signature), name
    for name, signature in header_callbacks().items():
        # MINPACK-1's callbacks declare no intents: names, base types and ranks are compared.
        expected = in_fortran(name, signature).arguments
        got = procedures[CALLBACKS[name]].arguments
        scalars = {"m", "n", "ldfjac", "iflag"}
        assert [argument.name for argument in got] == [argument.name for argument in expected]
        for mine, theirs in zip(got, expected, strict=True):
            assert mine.type.split()[0] == theirs.type.split()[0], (name, mine, theirs)
            assert ("*" in theirs.type) != (mine.name in scalars), (name, theirs)


def test_fortran_view() -> None:
    body = re.search(
        r"type, bind\(c\) :: leastsq_view\n(.*?)end type", interface_text(), re.DOTALL
    )[1]
    components = re.findall(r"^ *(\S+) :: (\w+)", body, re.MULTILINE)
    expected = [
        ("type(c_ptr)" if "*" in component.type else "integer(c_int)", component.name)
        for component in header_view()
    ]
    assert components == expected
