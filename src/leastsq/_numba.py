"""numba functions: compiled for the types of their arguments, and bound to arguments.

This is imported when the first numba function is seen. Only this file and _numba_adapters.py use
internals of numba.
"""

import functools
import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numba
import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.np.numpy_support import as_dtype

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._numba_adapters import POINT, Signature, adapter, adapter_of_both
from leastsq._problems import Rows

__all__ = ["NumbaFunction"]

LAYOUT = 0x1 | 0x2 | 0x100 | 0x400
"""LEASTSQ_LAYOUT of _compiled.h: C and Fortran order, aligned, writable."""
INT64_MAX = 2**63 - 1
MAX_SPECIALIZATIONS = 64
SIZE_CHANGED = "The array returned by a function changed size between calls"

REFUSED_OPTIONS = {"forceobj": "needs Python", "parallel": "threads cannot call at once"}
"""Options of numba.jit, and why a function that was compiled with one cannot be called."""

SCALAR_TYPES = types.Number, types.Boolean


class Overload(NamedTuple):
    """A function, compiled for some types of arguments."""

    function: Any
    signature: Signature
    address: int
    compiled: Any

    @property
    def arg_types(self) -> list[Any]:
        """The types of the arguments after x that are given, those of *args one by one."""
        given = [kind for kind in self.signature.args[1:] if not isinstance(kind, types.Omitted)]
        if self.function.py_func.__code__.co_flags & inspect.CO_VARARGS:
            given[-1:] = given[-1]
        return given


@dataclass(frozen=True)
class Specialization:
    """Func and Dfun compiled for some types of arguments, and the adapter that calls them."""

    dfun: Any
    transposed: bool
    overloads: tuple[Overload, ...]
    """Of func and of Dfun, if there is one."""
    adapter: int
    """Its address."""
    arg_types: tuple[list[Any], ...]
    """For each function the types of its arguments, as `_minpack.bind` checks them."""
    relative_error: float
    """The machine epsilon of the dtype that func returns."""

    @functools.cached_property
    def functions(self) -> tuple[Any, ...]:
        """The argument functions of `_minpack.bind`, without rows."""
        return self.with_rows(())

    def with_rows(self, rows: tuple[Rows, ...]) -> tuple[Any, ...]:
        """Return the same for functions whose first arguments are a problem's rows."""
        return tuple(
            (overload.address, tuple(map(_rows, overload.arg_types, rows)),
             arg_types[len(rows) :], overload.compiled)
            for overload, arg_types in zip(self.overloads, self.arg_types, strict=True)
        )  # fmt: skip


class NumbaFunction:
    """The backend of a CompiledResidual for a numba function."""

    finds_m = True
    writes_jacobian = False

    def __init__(self, function: Any, m: int) -> None:
        self.function = function
        self.m = self.expected_m = m
        self.specializations: dict[Any, Specialization] = {}
        self.last: Specialization | None = None

    def refuse_dfun(self, dfun: object) -> None:
        """Refuse a Dfun that is not numba's."""
        if not isinstance(dfun, Dispatcher):
            raise TypeError(f"Dfun must be a numba function too, not {dfun!r}")

    def bind(
        self,
        n: int,
        args: tuple[Any, ...],
        dfun: Any,
        transposed: bool,
        m: int = 0,
        rows: tuple[Rows, ...] = (),
    ) -> object:
        """Return a capsule for func with its arguments; rows: the data of many problems."""
        m = m or self.m
        last, bound = self.last, None
        if not rows and last and last.dfun is dfun and last.transposed is transposed:
            bound = self._bind(last, last.functions, m, n, args)
        if bound is None:
            given = (*(row.one(0) for row in rows), *args)
            specialization = self._specialization(given, dfun, transposed, len(rows))
            bound = self._bind(specialization, specialization.with_rows(rows), m, n, args)
            # Rows may have types that are refused for args.
            self.last = None if rows else specialization
        if bound is None:
            raise OverflowError("a number in args is beyond the range of the type func takes it as")
        return bound

    def _bind(
        self,
        specialization: Specialization,
        functions: tuple[Any, ...],
        m: int,
        n: int,
        args: tuple[Any, ...],
    ) -> object:
        return _minpack.bind(
            specialization.adapter, specialization.dfun is not None, 0, m or self.expected_m,
            m == 0, n, specialization.relative_error, functions, args, None,
        )  # fmt: skip

    def writable_args(
        self, args: tuple[Any, ...], dfun: Any, transposed: bool, rows: int
    ) -> tuple[Any, ...]:
        """Return args, with copies of the rows that a signature has as writable arrays."""
        specialization = self._specialization(args, dfun, transposed, rows)
        mutable = [
            any(isinstance(kind, types.Array) and kind.mutable for kind in kinds)
            for kinds in zip(*(one.arg_types for one in specialization.overloads), strict=True)
        ]
        return tuple(
            arg.copy() if write and not arg.flags.writeable else arg
            for write, arg in zip(mutable, args, strict=True)
        )

    def explain(
        self,
        value: int,
        x: Vector,
        args: tuple[Any, ...],
        m: int,
        dfun: Any,
        transposed: bool,
        rows: int = 0,
    ) -> NoReturn:
        """Raise what the function raised at x, by calling it from Python."""
        args = self.writable_args(args, dfun, transposed, rows)
        improper = 0.0, 0.0, 0.0, 1, -1.0, None, None  # factor < 0: each is called just once
        outcome = _minpack.solve(self.function, x.copy(), args, dfun, transposed, *improper)
        size = outcome[4].size
        if self.m not in (0, size):
            raise ValueError(f"func returns {size} residuals, not m={self.m}")
        if m and size != m:
            raise ValueError(SIZE_CHANGED)
        raise RuntimeError(
            "func or Dfun has raised in a compiled solve, or its result had a wrong shape, but not "
            f"when called from Python at that x={x.tolist()}"
        )

    def _specialization(
        self, given: tuple[Any, ...], dfun: Any, transposed: bool, rows: int
    ) -> Specialization:
        """Return the specialization for arguments of one problem, the first of which are rows."""
        key = dfun, transposed, rows, _type_key(given)
        specialization = self.specializations.get(key)
        if specialization is None:
            # There can be many if Dfun is a new function in each call.
            if len(self.specializations) >= MAX_SPECIALIZATIONS:
                self.specializations.clear()
            specialization = _specialize(self.function, dfun, transposed, given, rows)
            self.specializations[key] = specialization
        return specialization


def _rows(kind: Any, rows: Rows) -> tuple[npt.NDArray[Any], int, Any, bool]:
    """Return the rows of problems that become an argument, as `_minpack.bind` takes them."""
    is_array = isinstance(kind, types.Array)
    array = np.ascontiguousarray(rows.array, _dtype(kind))
    if is_array and kind.mutable and array is rows.array:
        array = array.copy()  # the function may write to it
    return array, 0 if rows.shared else array.strides[0], rows.index, is_array


def _specialize(
    func: Any, dfun: Any, transposed: bool, given: tuple[Any, ...], rows: int
) -> Specialization:
    """Compile the functions and their adapter for some arguments, where that is not done yet."""
    overloads = [_compile(func, given, rows, "func")]
    if dfun is not None:
        overloads.append(_compile(dfun, given, rows, "Dfun"))
    arg_types = [list(map(_argument_type, one.arg_types, given)) for one in overloads]
    signatures = [
        part for one in overloads for part in (one.signature.return_type, one.signature.args)
    ]
    compiled = (
        adapter(*signatures) if dfun is None else adapter_of_both(*signatures, not transposed)
    )
    return Specialization(
        dfun, transposed, tuple(overloads), compiled.address, tuple(arg_types),
        _relative_error(signatures[0]),
    )  # fmt: skip


def _argument_type(kind: Any, arg: Any) -> Any:
    """Return the type of an argument as `_minpack.bind` compares it."""
    if isinstance(kind, types.BaseTuple):
        return [type(arg), *map(_argument_type, kind, arg)]
    return _type_key(arg) if isinstance(kind, types.Array) else (type(arg), _dtype(kind))


def _relative_error(result: Any) -> float:
    """Return the machine epsilon of the dtype that func returns; a scalar becomes a double."""
    is_float = isinstance(result, types.Array) and isinstance(result.dtype, types.Float)
    return float(np.finfo(_dtype(result) if is_float else np.float64).eps)


def _type_key(arg: Any) -> Any:
    """Return what numba's type for an argument depends on."""
    if isinstance(arg, tuple):
        return type(arg), *map(_type_key, arg)
    if isinstance(arg, np.ndarray):
        return type(arg), arg.dtype, arg.ndim, arg.flags.num & LAYOUT
    return type(arg), isinstance(arg, int) and arg > INT64_MAX  # such a one is unsigned to numba


def _compile(function: Any, args: tuple[Any, ...], rows: int, name: str) -> Overload:
    """Compile a function for some arguments, unless it is compiled already."""
    for option, reason in REFUSED_OPTIONS.items():
        if function.targetoptions.get(option):
            raise TypeError(f"{name} is compiled with {option}=True, which {reason}")
    try:
        signature = _resolved(function, [numba.typeof(arg) for arg in args], rows)
    except MemoryError:
        raise
    except Exception as error:  # numba raises many types, not only its own
        raise TypeError(f"numba cannot compile {name} for these arguments: {error}") from error
    compiled = function.overloads[signature.args]
    if compiled.objectmode:
        raise TypeError(f"numba has compiled {name} in object mode, which needs Python")
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    overload = Overload(function, signature, address, compiled)
    for kind, arg in zip(overload.arg_types, args, strict=True):
        _require_supported(kind, arg, name)
    return overload


def _require_supported(kind: Any, arg: Any, name: str) -> None:
    """Refuse arguments that an adapter cannot read, or that cannot be cast to that type."""
    if isinstance(kind, types.BaseTuple):
        for inner, one in zip(kind, arg, strict=True):
            _require_supported(inner, one, name)
    elif not isinstance(_scalar_type(kind), SCALAR_TYPES):
        raise TypeError(
            f"arguments of a compiled {name} are arrays, numbers and tuples of them, not {kind}; "
            "let it have others as globals"
        )
    elif not np.can_cast(_dtype(numba.typeof(arg)), _dtype(kind), "same_kind"):
        raise TypeError(f"{arg!r} is not of type {kind}, of which {name} wants it")


def _resolved(function: Any, kinds: list[Any], rows: int) -> Signature:
    """Return the signature for some types.

    Rows are read-only. Explicit signatures have writable arrays; they match, and get copies.
    """
    if not function._can_compile:
        kinds = [*map(_mutable, kinds[:rows]), *kinds[rows:]]
    signature = _call_type(function, kinds)
    if signature is None:
        raise TypeError(f"there is none for {kinds}")
    return signature


def _call_type(function: Any, kinds: list[Any]) -> Signature:
    return types.Dispatcher(function).get_call_type(function.typingctx, (POINT, *kinds), {})


def _scalar_type(kind: Any) -> Any:
    """Return the type of an array's elements, or of a number."""
    return kind.dtype if isinstance(kind, types.Array) else kind


def _dtype(kind: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = as_dtype(_scalar_type(kind))
    return dtype


def _mutable(kind: Any) -> Any:
    """Return the type of the same array, writable; other types as they are."""
    if isinstance(kind, types.Array) and not kind.mutable:
        return kind.copy(readonly=False)
    return kind
