"""Pointers to compiled functions with cminpack's argument lists: of ctypes, cffi, numba, SciPy."""

import ctypes
import re
import reprlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._problems import Rows

__all__ = ["PointerFunction"]

RESIDUAL = "int (void *, int, int, const double *, double *, int)"
BOTH = "int (void *, int, int, const double *, double *, double *, int, int)"
ACCEPTED_TYPES = (
    "a numba function, a numba cfunc, a function pointer of ctypes or cffi, a PyCapsule or a "
    "scipy.LowLevelCallable"
)

Array = npt.NDArray[Any]
Pointer = tuple[int, str | None, int]
"""Address of a function, its signature if it is known, and its user data's address or 0."""


class PointerFunction:
    """The backend of a CompiledResidual for a function pointer and its data."""

    finds_m = False

    def __init__(self, function: object, m: int, data: object, jacobian: bool) -> None:
        self.function = function
        self.m = self.expected_m = m
        self.writes_jacobian = jacobian
        self.data = _arrays("data", () if data is None else data)
        self.address, signature, self.user_data = _pointer(function)
        wanted = BOTH if jacobian else RESIDUAL
        if signature is not None and not _types_match(_types(signature), _types(wanted)):
            raise TypeError(f"function must be {wanted}, not {signature} (jacobian={jacobian})")
        if self.address == 0:
            raise ValueError(f"function must not be a null pointer: {function!r}")
        if m == 0:
            raise TypeError("m, the number of residuals, must be given: a pointer does not tell it")
        if self.data and self.user_data:
            raise ValueError("data cannot go with a user_data, which is what p points to already")

    def refuse_dfun(self, dfun: object) -> None:
        """Refuse a Dfun."""
        raise ValueError(
            "Dfun cannot go with a CompiledResidual of a pointer: let its function write the "
            f"Jacobian and say jacobian=True (here {self.writes_jacobian})"
        )

    def bind(
        self,
        n: int,
        args: tuple[Any, ...],
        dfun: object,
        transposed: bool,
        m: int = 0,
        rows: tuple[Rows, ...] = (),
    ) -> object:
        """Return a capsule for func with its arguments; rows: the data of many problems."""
        shared = self.data
        if args:
            shared = *shared, *_arrays("args", args)
        if (shared or rows) and self.user_data:
            raise ValueError("data and args cannot go with a user_data")
        if self.data and rows:
            raise ValueError("data must be given to leastsq_many or to CompiledResidual, not both")
        alone = not args and len(rows) + len(shared) == 1
        return _minpack.bind(
            self.address, self.writes_jacobian, self.user_data, self.m, False, n, 0.0,
            ((0, tuple(map(_doubles, rows)), alone),), shared, self,
        )  # fmt: skip

    def writable_args(
        self, args: tuple[Any, ...], dfun: object, transposed: bool, rows: int
    ) -> tuple[Any, ...]:
        """Return args."""
        return args

    def explain(self, value: int, *_: object) -> int:
        """Return the negative value that has ended a solve."""
        return value


def _doubles(row: Rows) -> tuple[Array, int, Array | None, bool]:
    """Return the rows of problems as doubles, as `_minpack.bind` takes them."""
    if not np.can_cast(row.array.dtype, np.float64, "same_kind"):
        raise TypeError(f"data of a pointer must be real numbers, not {row.array.dtype}")
    array = np.require(row.array, np.float64, ["C", "ALIGNED"])
    return array, 0 if row.shared else array.strides[0], row.index, False


def _arrays(name: str, given: object) -> tuple[Array, ...]:
    """Return arrays that C code can read at their addresses."""
    arrays = given if isinstance(given, tuple) else (given,)
    whose = f"{name} of a compiled residual must be"
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise TypeError(f"{whose} arrays of numbers, not {reprlib.repr(array)}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{whose} C-contiguous, not of strides {array.strides}")
        if not array.flags.aligned:
            raise ValueError(f"{whose} aligned, not at {array.ctypes.data:#x}")
    return arrays


def _pointer(function: object) -> Pointer:
    """Read a pointer of any accepted type."""
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return _ctypes_pointer(function)
    for module, name, read in READERS:
        for base in type(function).__mro__:
            if base.__name__ == name and base.__module__.partition(".")[0] == module:
                return read(function)
    raise TypeError(f"function must be {ACCEPTED_TYPES}, not {function!r}")


def _ctypes_pointer(function: Any) -> Pointer:  # noqa: ANN401
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    if function.argtypes is None and function.restype is ctypes.c_int:  # nothing is declared
        return address, None, 0
    arguments = ", ".join(map(_ctypes_name, function.argtypes or ()))
    return address, f"{_ctypes_name(function.restype)} ({arguments})", 0


def _ctypes_name(kind: Any) -> str:  # noqa: ANN401
    """Return a type as C spells it."""
    if kind is None:
        return "void"
    if not isinstance(kind, type):
        return repr(kind)
    if kind is ctypes.c_char_p:
        return "char *"
    if hasattr(kind, "_dtype_"):  # numpy.ctypeslib.ndpointer
        return "void *" if kind._dtype_ in (None, np.float64) else f"{kind._dtype_} *"
    if issubclass(kind, ctypes._Pointer):
        return f"{_ctypes_name(kind._type_)} *"
    if issubclass(kind, ctypes.c_void_p):
        return "void *"
    return str(kind.__name__).removeprefix("c_")


def _cffi_pointer(function: object) -> Pointer:
    backend = sys.modules["_cffi_backend"]
    signature = backend.typeof(function).cname
    if "(*)" not in signature:
        raise TypeError(f"function must be {ACCEPTED_TYPES}, not {function!r}")
    address = int(backend.cast(backend.new_primitive_type("uintptr_t"), function))
    return address, signature.replace("(*)", " ", 1), 0


def _numba_pointer(function: Any) -> Pointer:  # noqa: ANN401
    names = {"int32": "int", "float64*": "double *", "voidptr": "void *", "none*": "void *"}
    signature = function._sig
    arguments = ", ".join(names.get(str(kind), str(kind)) for kind in signature.args)
    result = names.get(str(signature.return_type), str(signature.return_type))
    return function.address, f"{result} ({arguments})", 0


def _capsule_pointer(function: object) -> Pointer:
    return _minpack.read_capsule(function)


def _low_level_callable_pointer(function: tuple[object, ...]) -> Pointer:
    return _capsule_pointer(tuple.__getitem__(function, 0))


READERS: list[tuple[str, str, Callable[[Any], Pointer]]] = [
    ("_cffi_backend", "_CDataBase", _cffi_pointer),
    ("numba", "CFunc", _numba_pointer),
    ("builtins", "PyCapsule", _capsule_pointer),
    ("scipy", "LowLevelCallable", _low_level_callable_pointer),
]
"""The package of a type, its name, and the function that reads it; no package is imported."""


def _types(signature: str) -> list[str]:
    """Return the types of a signature, the result's first."""
    result, _, arguments = re.sub(r"\bconst\b|\s", "", signature).partition("(")
    return [result, *arguments.rstrip(")").split(",")]


def _types_match(found: list[str], wanted: list[str]) -> bool:
    """Return whether types are those wanted; a void pointer matches any pointer."""
    return len(found) == len(wanted) and all(
        one == other or (one.endswith("*") and other.endswith("*") and "void*" in (one, other))
        for one, other in zip(found, wanted, strict=True)
    )
