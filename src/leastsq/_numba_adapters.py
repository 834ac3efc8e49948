"""Adapters by which the core calls numba functions: without Python, without the GIL.

An adapter is compiled for types, not for a function. Its argument p points to a block of words: the
array object that has x; the address of the function's machine code, which is the one that Python
calls too, so that the bits are the same; then the function's arguments: for a number its address,
for an array the object or 0, data, shape and strides.
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
"""Returned if the function raised, or its result has a wrong size."""

POINT = types.Array(types.float64, 1, "C")
NUMBERS = types.CPointer(types.float64)
INT = types.intc
RESIDUAL = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, INT)
BOTH = INT(types.voidptr, INT, INT, NUMBERS, NUMBERS, NUMBERS, INT, INT)

Signature = Any
"""A type or a signature of numba, which type checkers do not know."""


def _caller(signature: Signature, offset: int) -> Callable[..., Any]:
    """Return an intrinsic that calls a function whose words begin at offset: (ok, result)."""
    result, arg_types = signature.return_type, signature.args

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
            function_type = context.call_conv.get_function_type(result, arg_types)
            function = builder.inttoptr(next(words), function_type.as_pointer())
            count = builder.sext(n, word)
            x = builder.ptrtoint(x, word)
            parent = builder.load(block)
            point = _array_argument(context, builder, POINT, iter([parent, x, count, word(8)]))
            args = [point, *(_argument(context, builder, kind, words) for kind in arg_types[1:])]
            status, value = context.call_conv.call_function(
                builder, function, result, arg_types, args
            )
            return context.make_tuple(builder, outcome, (status.is_ok, value))

        return outcome(p, x, n), generate

    typed: Callable[..., Any] = call
    return typed


def _argument(context: Any, builder: Any, arg_type: Any, words: Iterator[Any]) -> Any:
    """Return an argument, read from the next words."""
    if isinstance(arg_type, types.BaseTuple):
        parts = [_argument(context, builder, inner, words) for inner in arg_type]
        return context.make_tuple(builder, arg_type, parts)
    if isinstance(arg_type, types.Array):
        return _array_argument(context, builder, arg_type, words)
    if isinstance(arg_type, types.Omitted):
        return context.get_constant_undef(arg_type)
    model = context.data_model_manager[arg_type]
    pointer = builder.inttoptr(next(words), model.get_data_type().as_pointer())
    return model.load_from_data_pointer(builder, pointer)


def _word_count(arg_type: Any) -> int:
    """Return the number of words of an argument."""
    if isinstance(arg_type, types.BaseTuple):
        return sum(map(_word_count, arg_type))
    if isinstance(arg_type, types.Array):
        return 2 + 2 * int(arg_type.ndim)
    return 0 if isinstance(arg_type, types.Omitted) else 1


def _array_argument(context: Any, builder: Any, arg_type: Any, words: Iterator[Any]) -> Any:
    """Return an array, read from the next words: its object or 0, data, shape, strides."""
    item = context.get_data_type(arg_type.dtype)
    parent = builder.inttoptr(next(words), context.get_value_type(types.pyobject))
    data = builder.inttoptr(next(words), item.as_pointer())
    made = context.make_array(arg_type)(context, builder)
    populate_array(
        made, data=data, shape=[next(words) for _ in range(arg_type.ndim)],
        strides=[next(words) for _ in range(arg_type.ndim)],
        itemsize=context.get_abi_sizeof(item), meminfo=None, parent=parent,
    )  # fmt: skip
    return made._getvalue()


def _require_numbers(result: Any, ndim: int, name: str) -> None:
    """Refuse results that are no residuals, or no Jacobian; for n = 1 one axis will do."""
    scalar = result
    if isinstance(result, types.Array):
        scalar = result.dtype if result.ndim in (1, ndim) else None
    elif ndim == 2:
        scalar = None
    if not isinstance(scalar, types.Float | types.Integer | types.Boolean):
        raise TypeError(f"{name} must return an array of {ndim} axes of real numbers, not {result}")


@functools.cache
def adapter(result: Signature, arg_types: Signature) -> Any:
    """Return an adapter for functions with that result and arguments of those types."""
    _require_numbers(result, 1, "func")
    call, store = _caller(result(*arg_types), 1), _storage(result)

    @numba.cfunc(RESIDUAL)
    def compiled(p: Any, m: Any, n: Any, x: Any, fvec: Any, iflag: Any) -> Any:
        ok, result = call(p, x, n)
        if not ok:
            return RAISED
        return store(result, fvec, m, iflag)

    return compiled


@functools.cache
def adapter_of_both(
    result: Signature,
    arg_types: Signature,
    jacobian_type: Signature,
    jacobian_arg_types: Signature,
    by_row: bool,
) -> Any:
    """Return one for a func and its Dfun, which returns (m, n) if by_row, else (n, m)."""
    _require_numbers(result, 1, "func")
    _require_numbers(jacobian_type, 2, "Dfun")
    call, store = _caller(result(*arg_types), 1), _storage(result)
    words = 2 + sum(map(_word_count, arg_types[1:]))
    call_jacobian = _caller(jacobian_type(*jacobian_arg_types), words)
    store_jacobian = _jacobian_storage(jacobian_type, by_row)

    @numba.cfunc(BOTH)
    def compiled(
        p: Any, m: Any, n: Any, x: Any, fvec: Any, fjac: Any, ldfjac: Any, iflag: Any
    ) -> Any:
        if iflag != 2:
            ok, result = call(p, x, n)
            if not ok:
                return RAISED
            return store(result, fvec, m, iflag)
        ok, jacobian = call_jacobian(p, x, n)
        if not ok:
            return RAISED
        return store_jacobian(jacobian, fjac, m, n, ldfjac)

    return compiled


def _storage(result: Any) -> Callable[..., Any]:
    """Return a function that copies a result to fvec; with iflag 0 it returns the result's size."""
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


def _jacobian_storage(jacobian_type: Any, by_row: bool) -> Callable[..., Any]:
    """Return a function that copies a Jacobian to fjac; for n = 1 any m numbers will do."""
    if jacobian_type.ndim == 1:

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
