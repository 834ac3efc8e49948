"""numba functions as numba has compiled them, and their arguments as adapters want them.

Nothing imports this before a numba function is seen. It and _numba_adapters.py lean on insides of
numba; no other file does.
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
MOST_PLANS = 64
SIZE_CHANGED = "The array returned by a function changed size between calls"

REFUSED = {"forceobj": "needs Python", "parallel": "threads cannot call at once"}
"""Options of numba's."""

NUMBER = types.Number, types.Boolean


class Found(NamedTuple):
    """A function as numba has compiled it for some types of arguments."""

    function: Any
    signature: Signature
    address: int
    compiled: Any

    @property
    def kinds(self) -> list[Any]:
        """The types of the arguments that are given after x, those of *args one by one."""
        kinds = [kind for kind in self.signature.args[1:] if not isinstance(kind, types.Omitted)]
        if self.function.py_func.__code__.co_flags & inspect.CO_VARARGS:
            kinds[-1:] = kinds[-1]
        return kinds


@dataclass(frozen=True)
class Plan:
    """How functions are called with arguments of some types."""

    dfun: Any
    transposed: bool
    compiled: tuple[Found, ...]
    adapter: int
    """Its address."""
    kinds: tuple[list[Any], ...]
    """What arguments must be, for `_minpack.bind`, a list a function."""
    relative_error: float
    """Of what func returns."""

    @functools.cached_property
    def functions(self) -> tuple[Any, ...]:
        """What `_minpack.bind` wants of functions that have no rows."""
        return self.with_rows(())

    def with_rows(self, rows: tuple[Rows, ...]) -> tuple[Any, ...]:
        """Return it for functions whose first arguments are rows of a problem's own."""
        return tuple(
            (found.address, tuple(map(_rows, found.kinds, rows)), kinds[len(rows) :],
             found.compiled)
            for found, kinds in zip(self.compiled, self.kinds, strict=True)
        )  # fmt: skip


class NumbaFunction:
    """A numba function, one kind of what a CompiledResidual is made of."""

    finds_m = True
    writes_jacobian = False

    def __init__(self, function: Any, m: int) -> None:
        self.function = function
        self.m = self.guess = m
        self.plans: dict[Any, Plan] = {}
        self.last: Plan | None = None

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
        """Return what the core calls, with its arguments; rows are those of many problems."""
        m = m or self.m
        plan, bound = self.last, None
        if not rows and plan and plan.dfun is dfun and plan.transposed is transposed:
            bound = self._bind(plan, plan.functions, m, n, args)
        if bound is None:
            given = (*(row.one(0) for row in rows), *args)
            plan = self._planned(given, dfun, transposed, len(rows))
            bound = self._bind(plan, plan.with_rows(rows), m, n, args)
            self.last = None if rows else plan  # rows may be of types that args may not
        if bound is None:
            raise OverflowError("a number in args is beyond the range of the type func takes it as")
        return bound

    def _bind(
        self, plan: Plan, functions: tuple[Any, ...], m: int, n: int, args: tuple[Any, ...]
    ) -> object:
        return _minpack.bind(
            plan.adapter, plan.dfun is not None, 0, m or self.guess, m == 0, n,
            plan.relative_error, functions, args, None,
        )  # fmt: skip

    def writable(
        self, args: tuple[Any, ...], dfun: Any, transposed: bool, rows: int
    ) -> tuple[Any, ...]:
        """Return args, copies of rows that a signature wants to write to."""
        plan = self._planned(args, dfun, transposed, rows)
        wanted = [
            any(isinstance(kind, types.Array) and kind.mutable for kind in kinds)
            for kinds in zip(*(found.kinds for found in plan.compiled), strict=True)
        ]
        return tuple(
            arg.copy() if write and not arg.flags.writeable else arg
            for write, arg in zip(wanted, args, strict=True)
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
        args = self.writable(args, dfun, transposed, rows)
        improper = 0.0, 0.0, 0.0, 1, -1.0, None, None  # each is called once, and looked at
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

    def _planned(self, given: tuple[Any, ...], dfun: Any, transposed: bool, rows: int) -> Plan:
        """Return the plan for arguments of one problem, the first of which are rows."""
        key = dfun, transposed, rows, _fingerprint(given)
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= MOST_PLANS:  # of a Dfun that is made anew for each call
                self.plans.clear()
            plan = self.plans[key] = _plan(self.function, dfun, transposed, given, rows)
        return plan


def _rows(kind: Any, rows: Rows) -> tuple[npt.NDArray[Any], int, Any, bool]:
    """Return the rows of problems that become an argument."""
    is_array = isinstance(kind, types.Array)
    array = np.ascontiguousarray(rows.array, _dtype(kind))
    if is_array and kind.mutable and array is rows.array:
        array = array.copy()  # the function's own, which it may write to
    return array, 0 if rows.shared else array.strides[0], rows.index, is_array


def _plan(func: Any, dfun: Any, transposed: bool, given: tuple[Any, ...], rows: int) -> Plan:
    """Compile what is not compiled yet."""
    found = [_found(func, given, rows, "func")]
    if dfun is not None:
        found.append(_found(dfun, given, rows, "Dfun"))
    kinds = [list(map(_kind, one.kinds, given)) for one in found]
    types_of = [kind for one in found for kind in (one.signature.return_type, one.signature.args)]
    called = adapter(*types_of) if dfun is None else adapter_of_both(*types_of, not transposed)
    return Plan(
        dfun, transposed, tuple(found), called.address, tuple(kinds), _relative_error(types_of[0])
    )


def _kind(kind: Any, arg: Any) -> Any:
    """Return what an argument must be to fit: like one of that type, as it was given."""
    if isinstance(kind, types.BaseTuple):
        return [type(arg), *map(_kind, kind, arg)]
    return _fingerprint(arg) if isinstance(kind, types.Array) else (type(arg), _dtype(kind))


def _relative_error(result: Any) -> float:
    """Return that of the numbers that func returns."""
    single = isinstance(result, types.Array) and isinstance(result.dtype, types.Float)
    return float(np.finfo(_dtype(result) if single else np.float64).eps)  # numbers become doubles


def _fingerprint(arg: Any) -> Any:
    """Return what the type of an argument depends on."""
    if isinstance(arg, tuple):
        return type(arg), *map(_fingerprint, arg)
    if isinstance(arg, np.ndarray):
        return type(arg), arg.dtype, arg.ndim, arg.flags.num & LAYOUT
    return type(arg), isinstance(arg, int) and arg > INT64_MAX  # which numba takes for unsigned


def _found(function: Any, args: tuple[Any, ...], rows: int, name: str) -> Found:
    for option, reason in REFUSED.items():
        if function.targetoptions.get(option):
            raise TypeError(f"{name} is compiled with {option}=True, which {reason}")
    try:
        signature = _resolved(function, [numba.typeof(arg) for arg in args], rows)
    except Exception as error:  # numba's has many kinds, and bugs
        raise TypeError(f"numba cannot compile {name} for these arguments: {error}") from error
    compiled = function.overloads[signature.args]
    if compiled.objectmode:
        raise TypeError(f"numba has compiled {name} in object mode, which needs Python")
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    found = Found(function, signature, address, compiled)
    for kind, arg in zip(found.kinds, args, strict=True):
        _require_simple(kind, arg, name)
    return found


def _require_simple(kind: Any, arg: Any, name: str) -> None:
    """Refuse arguments that a block has no words for, or that are no numbers of that type."""
    if isinstance(kind, types.BaseTuple):
        for inner, one in zip(kind, arg, strict=True):
            _require_simple(inner, one, name)
    elif not isinstance(_number(kind), NUMBER):
        raise TypeError(
            f"arguments of a compiled {name} are arrays, numbers and tuples of them, not {kind}; "
            "let it have others as globals"
        )
    elif not np.can_cast(_dtype(numba.typeof(arg)), _dtype(kind), "same_kind"):
        raise TypeError(f"{arg!r} is not of type {kind}, of which {name} wants it")


def _resolved(function: Any, kinds: list[Any], rows: int) -> Signature:
    """Return the signature for some types.

    Rows are read-only; signatures that were given name arrays to write to, which then get copies.
    """
    if not function._can_compile:
        kinds = [*map(_mutable, kinds[:rows]), *kinds[rows:]]
    signature = _call_type(function, kinds)
    if signature is None:
        raise TypeError(f"there is none for {kinds}")
    return signature


def _call_type(function: Any, kinds: list[Any]) -> Signature:
    return types.Dispatcher(function).get_call_type(function.typingctx, (POINT, *kinds), {})


def _number(kind: Any) -> Any:
    """Return the type of an array's elements, or of a number."""
    return kind.dtype if isinstance(kind, types.Array) else kind


def _dtype(kind: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = as_dtype(_number(kind))
    return dtype


def _mutable(kind: Any) -> Any:
    """Return the type of an array that may be written to."""
    if isinstance(kind, types.Array) and not kind.mutable:
        return kind.copy(readonly=False)
    return kind
