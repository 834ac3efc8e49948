"""CompiledResidual: a func that is called without Python."""

import sys
from typing import Any, Protocol, SupportsIndex

from leastsq._checks import Vector, as_c_int, require_bundled
from leastsq._pointers import PointerFunction
from leastsq._problems import Rows

__all__ = ["CompiledResidual", "is_numba", "require_no_python"]


class Backend(Protocol):
    """What a CompiledResidual consists of: a pointer or a numba function."""

    m: int
    """The number of residuals that was given, or 0."""
    expected_m: int
    """The number of residuals of the last solve."""
    finds_m: bool
    """Whether m can be determined by an evaluation."""
    writes_jacobian: bool
    """Whether the function computes Jacobians, without Dfun."""

    def refuse_dfun(self, dfun: object) -> None:
        """Refuse a Dfun that cannot go with it."""

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

    def writable_args(
        self, args: tuple[Any, ...], dfun: object, transposed: bool, rows: int
    ) -> tuple[Any, ...]:
        """Return args, the first of which are rows, for a call of the function from Python."""

    def explain(
        self,
        value: int,
        x: Vector,
        args: tuple[Any, ...],
        m: int,
        dfun: object,
        transposed: bool,
        rows: int = 0,
    ) -> int:
        """Return the negative value that has ended a solve, or raise what the function raised.

        m is 0 where it was not known yet.
        """


class CompiledResidual:
    """A residual that is called without Python, for `leastsq` and `leastsq_many` as func.

    The whole solve runs without the GIL; an interrupt still ends it. The bits are those of the same
    function called from Python.

    Parameters
    ----------
    function : numba function or cfunc, ctypes or cffi pointer, PyCapsule, scipy.LowLevelCallable
        A numba function is called like a Python one, ``function(x, *args)``, as is a Dfun of
        numba's; args are arrays, numbers and tuples of them. They are compiled once for each
        combination of argument types; those with parallel=True or in object mode are refused.
        A pointer is of a function ``int f(void *p, int m, int n, const double *x, double *fvec,
        int iflag)``, which writes the m residuals at x, shape (n,), to fvec. A negative value that
        it returns stops the solve with ier -1; 0 means success (in `scipy.ndimage` it means
        failure).
    m : int
        The number of residuals: required for a pointer; for a numba function optional, and checked.
    data : array or tuple of arrays, optional
        What p of a pointer points to: one C-contiguous array, of any dtype, which is used as it
        stands. With several, or with args, p is an array of pointers: to the data, then to args.
        In `leastsq_many` data are given there, and are a problem's rows as float64. Without any,
        p is NULL, or what a LowLevelCallable has as user_data.
    jacobian : bool, default False
        Whether function writes Jacobians too: ``int f(void *p, int m, int n, const double *x,
        double *fvec, double *fjac, int ldfjac, int iflag)``, where iflag is 1 for fvec and 2 for
        fjac[i + j*ldfjac], d fvec[i] / d x[j]; fvec is then the residual at x, in `leastsq_many`
        times the weights.

    Raises
    ------
    TypeError
        If function is of another kind or is known to have another signature, m is missing or no
        integer, or data are no arrays of numbers.
    ValueError
        If the pointer is NULL, m is not positive, an array is not C-contiguous or not aligned, or
        data are given beside a user_data or, like jacobian, for a numba function.
    NotImplementedError
        If leastsq was built on the system's MINPACK.

    See Also
    --------
    leastsq : Takes it in place of func.
    leastsq_many : The same; there a numba function is taken as it is.

    Notes
    -----
    Pointers cannot be sent to other processes: workers are threads. Those share data; of args each
    has copies. The pointer's owner is kept alive. A signature that it declares is checked; one that
    it does not declare is trusted, as is m. In leastsq_many, arrays that a numba function passes to
    Python code (objmode) are valid only during the call.

    Examples
    --------
    >>> from leastsq import CompiledResidual, leastsq
    >>> from numba import cfunc, types  # doctest: +SKIP
    >>> i, numbers = types.intc, types.CPointer(types.float64)  # doctest: +SKIP
    >>> @cfunc(i(types.voidptr, i, i, numbers, numbers, i))  # doctest: +SKIP
    ... def rosenbrock(p, m, n, x, fvec, iflag):
    ...     fvec[0] = 10.0 * (x[1] - x[0] * x[0])
    ...     fvec[1] = 1.0 - x[0]
    ...     return 0
    >>> leastsq(CompiledResidual(rosenbrock, 2), [-1.2, 1.0])  # doctest: +SKIP
    (array([1., 1.]), 2)
    """

    def __init__(
        self,
        function: object,
        m: SupportsIndex | None = None,
        *,
        data: object = None,
        jacobian: object = False,
    ) -> None:
        require_bundled("CompiledResidual")
        self.function: Any = function
        count = 0 if m is None else as_c_int("m", m)
        if count < 1 and m is not None:
            raise ValueError(f"m must be positive, not {m!r}")
        if not is_numba(function):
            self.backend: Backend = PointerFunction(function, count, data, bool(jacobian))
            return
        if data is not None or jacobian:
            raise ValueError(
                "data and jacobian are for pointers: a numba function has args and Dfun"
            )
        from leastsq._numba import NumbaFunction

        self.backend = NumbaFunction(function, count)

    def __repr__(self) -> str:
        """Return the function, m and jacobian."""
        backend = self.backend
        return (
            f"CompiledResidual({self.function!r}, m={backend.m or None}, "
            f"jacobian={backend.writes_jacobian})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a numba function; refuse a pointer."""
        if self.backend.finds_m:
            return CompiledResidual, (self.function, self.backend.m or None)
        raise TypeError("a pointer cannot cross processes; a numba function can")


def require_no_python(
    func: CompiledResidual, dfun: object, vectorized: object, workers: object = None
) -> None:
    """Refuse arguments that would need Python beside a compiled func."""
    if dfun is not None:
        func.backend.refuse_dfun(dfun)
    if vectorized:
        raise ValueError(
            "vectorized=True cannot go with a CompiledResidual, called with one point at a time"
        )
    if workers is not None:
        raise TypeError(
            "workers cannot go with a CompiledResidual in leastsq: its differences need no "
            "Python and are taken here; it cannot cross processes where it is a pointer"
        )


def is_numba(function: object) -> bool:
    """Return whether a function is numba's, without importing numba."""
    dispatcher = sys.modules.get("numba.core.dispatcher")
    return dispatcher is not None and isinstance(function, dispatcher.Dispatcher)


CompiledResidual.__module__ = "leastsq"
