"""Adapters by which the core calls numba functions: without Python, without the GIL.

An adapter is compiled for types, not for a function. It gets a block of words: the address of the
function's own machine code, then what its arguments are made of, arrays' data, shapes and strides.
So the bits are those of a call from Python. It leans on insides of numba; what it needs of them is
in this file alone, which nothing imports before a numba function is seen.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import NumbaError
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

from leastsq._problems import Rows

__all__ = ["Plan", "bind", "planned", "writable"]

RAISED = -(2**31)
"""Returned where the function raised, or gave an array of another size."""

POINT = types.Array(types.float64, 1, "C")
NUMBERS = types.CPointer(types.float64)
INT = types.intc
RESIDUAL = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, INT)
BOTH = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, NUMBERS, INT, INT)

REFUSED = {"forceobj": "needs Python", "parallel": "threads cannot call at once"}
"""Options of numba's."""

NUMBER = types.Number, types.Boolean
Signature = Any
"""Of numba; its types are not known to type checkers."""


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
        return np.array([word % 2**64 for word in self.words], np.uint64).astype(np.uintp)


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
        return Plan((first,), _adapter(*residual).address)
    second = _found(dfun, given, "Dfun")
    jacobian = second.signature.return_type, second.signature.args
    return Plan((first, second), _adapter_of_both(*residual, *jacobian, by_row).address)


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


def _caller(signature: Signature, offset: int) -> Callable[..., Any]:
    """Return what calls a function whose block stands at a word: (went well, result)."""
    result, kinds = signature.return_type, signature.args

    @intrinsic
    def call(typingctx: Any, p: Any, x: Any, n: Any) -> Any:
        outcome = types.Tuple((types.boolean, result))

        def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:
            p, x, n = given
            word = ir.IntType(64)
            block = builder.bitcast(p, word.as_pointer())
            words = (
                builder.load(cgutils.gep_inbounds(builder, block, place))
                for place in itertools.count(offset)
            )
            made = context.call_conv.get_function_type(result, kinds)
            function = builder.inttoptr(next(words), made.as_pointer())
            count = builder.sext(n, word)
            point = _array(context, builder, POINT, iter([x, count, word(8)]))
            args = [point, *(_unpacked(context, builder, kind, words) for kind in kinds[1:])]
            status, value = context.call_conv.call_function(
                builder, function, result, kinds, args
            )
            return context.make_tuple(builder, outcome, (status.is_ok, value))

        return outcome(p, x, n), generate

    called: Callable[..., Any] = call
    return called


def _unpacked(context: Any, builder: Any, kind: Any, words: Iterator[Any]) -> Any:
    """Return an argument that is made of the next words."""
    if isinstance(kind, types.BaseTuple):
        parts = [_unpacked(context, builder, inner, words) for inner in kind]
        return context.make_tuple(builder, kind, parts)
    if isinstance(kind, types.Array):
        return _array(context, builder, kind, words)
    model = context.data_model_manager[kind]
    pointer = builder.inttoptr(next(words), model.get_data_type().as_pointer())
    return model.load_from_data_pointer(builder, pointer)


def _words(kind: Any) -> int:
    """Return how many words an argument is made of."""
    if isinstance(kind, types.BaseTuple):
        return sum(map(_words, kind))
    return 1 + 2 * kind.ndim if isinstance(kind, types.Array) else 1


def _array(context: Any, builder: Any, kind: Any, words: Iterator[Any]) -> Any:
    """Return a view of an array: data, shape, strides."""
    item = context.get_data_type(kind.dtype)
    data = next(words)
    made = context.make_array(kind)(context, builder)
    if isinstance(data.type, ir.IntType):
        data = builder.inttoptr(data, item.as_pointer())
    populate_array(
        made, data=data, shape=[next(words) for _ in range(kind.ndim)],
        strides=[next(words) for _ in range(kind.ndim)],
        itemsize=context.get_abi_sizeof(item), meminfo=None,
    )  # fmt: skip
    return made._getvalue()


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _require_numbers(kind: Any, ndim: int, name: str) -> None:
    """Refuse results that are no residuals."""
    number = kind
    if isinstance(kind, types.Array):
        number = kind.dtype if kind.ndim == ndim else None
    elif ndim == 2:
        number = None
    if not isinstance(number, types.Float | types.Integer | types.Boolean):
        raise TypeError(f"{name} must return an array of {ndim} axes of real numbers, not {kind}")


@functools.cache
def _adapter(result: Signature, kinds: Signature) -> Any:
    _require_numbers(result, 1, "func")
    call, store = _caller(result(*kinds), 0), _storage(result)

    @numba.cfunc(RESIDUAL)
    def adapter(p: Any, m: Any, n: Any, x: Any, fvec: Any, iflag: Any) -> Any:
        well, result = call(p, x, n)
        if not well:
            return RAISED
        return store(result, fvec, m)

    return adapter


@functools.cache
def _adapter_of_both(
    result: Signature, kinds: Signature, matrix: Signature, matrix_kinds: Signature, by_row: bool
) -> Any:
    _require_numbers(result, 1, "func")
    _require_numbers(matrix, 2, "Dfun")
    call, store = _caller(result(*kinds), 0), _storage(result)
    call_jacobian = _caller(matrix(*matrix_kinds), 1 + sum(map(_words, kinds[1:])))

    @numba.cfunc(BOTH)
    def adapter(
        p: Any, m: Any, n: Any, x: Any, fvec: Any, fjac: Any, ldfjac: Any, iflag: Any
    ) -> Any:
        if iflag == 1:
            well, result = call(p, x, n)
            if not well:
                return RAISED
            return store(result, fvec, m)
        well, jacobian = call_jacobian(p, x, n)
        if not well:
            return RAISED
        if jacobian.shape != ((m, n) if by_row else (n, m)):
            return RAISED
        columns = numba.carray(fjac, n * ldfjac)
        for j in range(n):
            for i in range(m):
                columns[i + j * ldfjac] = jacobian[i, j] if by_row else jacobian[j, i]
        return 0

    return adapter


def _storage(result: Any) -> Callable[..., Any]:
    """Return what copies a result into fvec."""
    if isinstance(result, types.Array):

        @numba.njit
        def store(result: Any, fvec: Any, m: Any) -> Any:
            if result.size != m:
                return RAISED
            for i in range(m):
                fvec[i] = result[i]
            return 0

    else:

        @numba.njit
        def store(result: Any, fvec: Any, m: Any) -> Any:
            if m != 1:
                return RAISED
            fvec[0] = result
            return 0

    stored: Callable[..., Any] = store
    return stored
