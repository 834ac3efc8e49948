"""Adapters by which the core calls numba functions: without Python, without the GIL.

An adapter is compiled for types, not for a function. It gets a block of words: the array that x
stands in, the address of the function's own machine code, then what its arguments are made of:
numbers' addresses; arrays as Python knows them or 0, their data, shapes and strides.
So the bits are those of a call from Python.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["POINT", "Signature", "adapter", "adapter_of_both"]

INT_MAX = 2**31 - 1
RAISED = -(2**31)
"""Returned where the function raised, or gave an array of another size."""

POINT = types.Array(types.float64, 1, "C")
NUMBERS = types.CPointer(types.float64)
INT = types.intc
RESIDUAL = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, INT)
BOTH = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, NUMBERS, INT, INT)

Signature = Any
"""Of numba; its types are not known to type checkers."""


def _caller(signature: Signature, offset: int) -> Callable[..., Any]:
    """Return what calls a function whose block stands at a word: (went well, result)."""
    result, kinds = signature.return_type, signature.args

    @intrinsic
    def call(typingctx: Any, p: Any, x: Any, n: Any) -> Any:
        outcome = types.Tuple((types.boolean, result))

        def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:
            p, x, n = given
            word = context.get_value_type(types.intp)
            block = builder.bitcast(p, word.as_pointer())
            words = (
                builder.load(cgutils.gep_inbounds(builder, block, place))
                for place in itertools.count(offset)
            )
            made = context.call_conv.get_function_type(result, kinds)
            function = builder.inttoptr(next(words), made.as_pointer())
            count = builder.sext(n, word)
            x = builder.ptrtoint(x, word)
            parent = builder.load(block)
            point = _array(context, builder, POINT, iter([parent, x, count, word(8)]))
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
    if isinstance(kind, types.Omitted):
        return context.get_constant_undef(kind)
    model = context.data_model_manager[kind]
    pointer = builder.inttoptr(next(words), model.get_data_type().as_pointer())
    return model.load_from_data_pointer(builder, pointer)


def _words(kind: Any) -> int:
    """Return how many words an argument is made of."""
    if isinstance(kind, types.BaseTuple):
        return sum(map(_words, kind))
    if isinstance(kind, types.Array):
        return 2 + 2 * int(kind.ndim)
    return 0 if isinstance(kind, types.Omitted) else 1


def _array(context: Any, builder: Any, kind: Any, words: Iterator[Any]) -> Any:
    """Return an array: itself as Python has it, if it does, data, shape, strides."""
    item = context.get_data_type(kind.dtype)
    parent = builder.inttoptr(next(words), context.get_value_type(types.pyobject))
    data = builder.inttoptr(next(words), item.as_pointer())
    made = context.make_array(kind)(context, builder)
    populate_array(
        made, data=data, shape=[next(words) for _ in range(kind.ndim)],
        strides=[next(words) for _ in range(kind.ndim)],
        itemsize=context.get_abi_sizeof(item), meminfo=None, parent=parent,
    )  # fmt: skip
    return made._getvalue()


def _require_numbers(kind: Any, ndim: int, name: str) -> None:
    """Refuse results that are no residuals, or no Jacobian; for n = 1 one axis will do."""
    number = kind
    if isinstance(kind, types.Array):
        number = kind.dtype if kind.ndim in (1, ndim) else None
    elif ndim == 2:
        number = None
    if not isinstance(number, types.Float | types.Integer | types.Boolean):
        raise TypeError(f"{name} must return an array of {ndim} axes of real numbers, not {kind}")


@functools.cache
def adapter(result: Signature, kinds: Signature) -> Any:
    """Return an adapter for functions of such a result and such arguments."""
    _require_numbers(result, 1, "func")
    call, store = _caller(result(*kinds), 1), _storage(result)

    @numba.cfunc(RESIDUAL)
    def called(p: Any, m: Any, n: Any, x: Any, fvec: Any, iflag: Any) -> Any:
        well, result = call(p, x, n)
        if not well:
            return RAISED
        return store(result, fvec, m, iflag)

    return called


@functools.cache
def adapter_of_both(
    result: Signature, kinds: Signature, matrix: Signature, matrix_kinds: Signature, by_row: bool
) -> Any:
    """Return one for functions and their Jacobians, (m, n) if by_row, else (n, m)."""
    _require_numbers(result, 1, "func")
    _require_numbers(matrix, 2, "Dfun")
    call, store = _caller(result(*kinds), 1), _storage(result)
    call_jacobian = _caller(matrix(*matrix_kinds), 2 + sum(map(_words, kinds[1:])))
    store_jacobian = _jacobian_storage(matrix, by_row)

    @numba.cfunc(BOTH)
    def called(
        p: Any, m: Any, n: Any, x: Any, fvec: Any, fjac: Any, ldfjac: Any, iflag: Any
    ) -> Any:
        if iflag != 2:
            well, result = call(p, x, n)
            if not well:
                return RAISED
            return store(result, fvec, m, iflag)
        well, jacobian = call_jacobian(p, x, n)
        if not well:
            return RAISED
        return store_jacobian(jacobian, fjac, m, n, ldfjac)

    return called


def _storage(result: Any) -> Callable[..., Any]:
    """Return what copies a result into fvec; with iflag 0 it returns how many numbers it has."""
    if isinstance(result, types.Array):

        @numba.njit(inline="always")
        def store(result: Any, fvec: Any, m: Any, iflag: Any) -> Any:
            if result.size == m:
                for i in range(m):
                    fvec[i] = result[i]
            elif iflag != 0 or result.size > INT_MAX:
                return RAISED
            return 0 if iflag != 0 else result.size

    else:

        @numba.njit(inline="always")
        def store(result: Any, fvec: Any, m: Any, iflag: Any) -> Any:
            if m == 1:
                fvec[0] = result
            elif iflag != 0:
                return RAISED
            return 0 if iflag != 0 else 1

    stored: Callable[..., Any] = store
    return stored


def _jacobian_storage(matrix: Any, by_row: bool) -> Callable[..., Any]:
    """Return what copies a Jacobian into fjac; for n = 1 any shape of m numbers will do."""
    if matrix.ndim == 1:

        @numba.njit(inline="always")
        def store(jacobian: Any, fjac: Any, m: Any, n: Any, ldfjac: Any) -> Any:
            if n != 1 or jacobian.size != m:
                return RAISED
            for i in range(m):
                fjac[i] = jacobian[i]
            return 0

    else:

        @numba.njit(inline="always")
        def store(jacobian: Any, fjac: Any, m: Any, n: Any, ldfjac: Any) -> Any:
            rows = by_row
            if n == 1 and jacobian.size == m:
                rows = jacobian.shape[0] == m
            if jacobian.shape != ((m, n) if rows else (n, m)):
                return RAISED
            for j in range(n):
                for i in range(m):
                    fjac[i + j * ldfjac] = jacobian[i, j] if rows else jacobian[j, i]
            return 0

    stored: Callable[..., Any] = store
    return stored
