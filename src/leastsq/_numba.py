"""numba functions as numba has compiled them, and their arguments as adapters want them.

Nothing imports this before a numba function is seen. It and _numba_adapters.py lean on insides of
numba; no other file does.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.core.errors import NumbaError
from numba.np.numpy_support import as_dtype

from leastsq._numba_adapters import POINT, Signature, adapter, adapter_of_both
from leastsq._problems import Rows

__all__ = ["Plan", "bind", "planned", "writable"]

REFUSED = {"forceobj": "needs Python", "parallel": "threads cannot call at once"}
"""Options of numba's."""

NUMBER = types.Number, types.Boolean


class Found(NamedTuple):
    """A function as numba has compiled it for some types of arguments."""

    signature: Signature
    address: int
    compiled: Any


class Plan(NamedTuple):
    """How functions are called with arguments of some types."""

    functions: tuple[Found, ...]
    adapter: int
    """Its address."""


@dataclass
class Block:
    """The words of which arguments are made, and what they point to."""

    words: list[int] = field(default_factory=list)
    rows: list[tuple[int, int, int, npt.NDArray[np.int64] | None]] = field(default_factory=list)
    """Words that point to a row: which, the address of all rows, their distance, which is whose."""
    keep: list[Any] = field(default_factory=list)

    def add_function(
        self, found: Found, rows: tuple[Rows, ...], args: tuple[Any, ...]
    ) -> None:
        """Add a function and its arguments."""
        self.words.append(found.address)
        self.keep.append(found.compiled)
        kinds = found.signature.args[1:]
        for kind, row in zip(kinds, rows, strict=False):
            self._add_rows(kind, row)
        for kind, arg in zip(kinds[len(rows) :], args, strict=True):
            self._add(kind, arg)

    def _add_rows(self, kind: Any, rows: Rows) -> None:
        """Add an argument that is a row of a problem's own."""
        dtype = as_dtype(kind.dtype if isinstance(kind, types.Array) else kind)
        array = np.ascontiguousarray(rows.array, dtype)
        if isinstance(kind, types.Array) and kind.mutable and array is rows.array:
            array = array.copy()  # the function's own, which it may write to
        self.keep.append(array)
        address = _address(array)
        self.rows.append(
            (len(self.words), address, 0 if rows.shared else array.strides[0], rows.index)
        )
        self.words.append(address)
        if isinstance(kind, types.Array):
            self.words += [*array.shape[1:], *array.strides[1:]]

    def _add(self, kind: Any, arg: Any) -> None:
        """Add an argument that all problems share."""
        if isinstance(kind, types.BaseTuple):
            for inner, one in zip(kind, arg, strict=True):
                self._add(inner, one)
        elif isinstance(kind, types.Array):
            self.keep.append(arg)
            self.words += [_address(arg), *arg.shape, *arg.strides]
        else:
            number = np.array(arg, as_dtype(kind))
            self.keep.append(number)
            self.words.append(_address(number))

    def array(self) -> npt.NDArray[np.uintp]:
        """Return the words as memory."""
        return np.array(self.words, np.int64).view(np.uintp)


def bind(
    plans: dict[Any, Plan],
    func: Any,
    dfun: Any,
    by_row: bool,
    rows: tuple[Rows, ...],
    args: tuple[Any, ...],
) -> tuple[int, Block]:
    """Return an adapter's address and its block; plans has what is known of other calls."""
    plan = planned(plans, func, dfun, by_row, (*(row.one(0) for row in rows), *args))
    block = Block()
    for found in plan.functions:
        block.add_function(found, rows, args)
    return plan.adapter, block


def planned(
    plans: dict[Any, Plan], func: Any, dfun: Any, by_row: bool, given: tuple[Any, ...]
) -> Plan:
    """Return the plan for arguments of one problem."""
    key = dfun, by_row, _fingerprint(given)
    if key not in plans:
        plans[key] = _plan(func, dfun, by_row, given)
    return plans[key]


def writable(plan: Plan, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments for a call from Python: copies where a signature names no read-only ones."""
    kinds = plan.functions[0].signature.args[1:]
    return tuple(
        arg.copy()
        if isinstance(kind, types.Array) and kind.mutable and not arg.flags.writeable
        else arg
        for kind, arg in zip(kinds, given, strict=True)
    )


def _plan(func: Any, dfun: Any, by_row: bool, given: tuple[Any, ...]) -> Plan:
    """Compile what is not compiled yet."""
    first = _found(func, given, "func")
    residual = first.signature.return_type, first.signature.args
    if dfun is None:
        return Plan((first,), adapter(*residual).address)
    second = _found(dfun, given, "Dfun")
    jacobian = second.signature.return_type, second.signature.args
    return Plan((first, second), adapter_of_both(*residual, *jacobian, by_row).address)


def _fingerprint(arg: Any) -> Any:
    """Return what the type of an argument depends on."""
    if isinstance(arg, tuple):
        return tuple(map(_fingerprint, arg))
    if isinstance(arg, np.ndarray):
        return arg.dtype, arg.ndim, arg.flags.num
    return type(arg)


def _found(function: Any, args: tuple[Any, ...], name: str) -> Found:
    for option, reason in REFUSED.items():
        if function.targetoptions.get(option):
            raise TypeError(f"{name} is compiled with {option}=True, which {reason}")
    try:
        signature = _resolved(function, [numba.typeof(arg) for arg in args])
    except (NumbaError, TypeError, ValueError) as error:
        raise TypeError(f"numba cannot compile {name} for these arguments: {error}") from error
    for kind in signature.args:
        _require_simple(kind, name)
    compiled = function.overloads[signature.args]
    if compiled.objectmode:
        raise TypeError(f"numba has compiled {name} in object mode, which needs Python")
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return Found(signature, address, compiled)


def _require_simple(kind: Any, name: str) -> None:
    """Refuse arguments that a block has no words for."""
    if isinstance(kind, types.BaseTuple):
        for inner in kind:
            _require_simple(inner, name)
    elif not isinstance(kind.dtype if isinstance(kind, types.Array) else kind, NUMBER):
        raise TypeError(
            f"arguments of a compiled {name} are arrays, numbers and tuples of them, not {kind}; "
            "let it have others as globals"
        )


def _resolved(function: Any, kinds: list[Any]) -> Signature:
    """Return the signature for some types; one that names arrays to write to takes others too."""
    try:
        signature = _call_type(function, kinds)
    except (NumbaError, TypeError):
        signature = None
    if signature is None:
        signature = _call_type(function, [_mutable(kind) for kind in kinds])
    if signature is None:
        raise TypeError(f"there is none for {kinds}")
    return signature


def _call_type(function: Any, kinds: list[Any]) -> Signature:
    return types.Dispatcher(function).get_call_type(function.typingctx, (POINT, *kinds), {})


def _mutable(kind: Any) -> Any:
    """Return the type of an array that may be written to: signatures that are given name such."""
    if isinstance(kind, types.Array) and not kind.mutable:
        return kind.copy(readonly=False)
    return kind


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
