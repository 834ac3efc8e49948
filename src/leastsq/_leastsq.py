"""The drop-in function: validates once, calls the core, assembles the outputs."""

import warnings
from collections.abc import Callable
from typing import Literal, SupportsFloat, SupportsIndex, TypedDict, overload

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import INT_MAX, Matrix, Vector, as_c_int, as_float64, as_number

__all__ = ["InfoDict", "leastsq"]

Residual = Callable[..., npt.ArrayLike]

IMPROPER_INPUT = 0
SUCCESS = range(1, 5)

REDUCTION = (
    "Both actual and predicted relative reductions in the sum of squares\n  are at most {0:f}"
)
MESSAGES = (
    "Improper input parameters.",
    REDUCTION,
    "The relative error between two consecutive iterates is at most {1:f}",
    REDUCTION + " and the relative error between two consecutive iterates is at \n  most {1:f}",
    "The cosine of the angle between func(x) and any column of the\n"
    "  Jacobian is at most {2:f} in absolute value",
    "Number of calls to function has reached maxfev = {3:d}.",
    "ftol={0:f} is too small, no further reduction in the sum of squares\n  is possible.",
    "xtol={1:f} is too small, no further improvement in the approximate\n  solution is possible.",
    "gtol={2:f} is too small, func(x) is orthogonal to the columns of\n"
    "  the Jacobian to machine precision.",
)


class InfoDict(TypedDict, total=False):
    """What `leastsq` tells of a solve beside the solution; njev is there with Dfun alone."""

    fvec: Vector
    nfev: int
    njev: int
    fjac: Matrix
    ipvt: npt.NDArray[np.int32]
    qtf: Vector


Full = tuple[Vector, Matrix | None, InfoDict, str, int]


@overload
def leastsq(
    func: Residual,
    x0: npt.ArrayLike,
    args: object = (),
    Dfun: Residual | None = None,
    full_output: Literal[False, 0] = False,
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
) -> tuple[Vector, int]: ...
@overload
def leastsq(
    func: Residual,
    x0: npt.ArrayLike,
    args: object = (),
    Dfun: Residual | None = None,
    *,
    full_output: Literal[True, 1],
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
) -> Full: ...
@overload
def leastsq(
    func: Residual,
    x0: npt.ArrayLike,
    args: object,
    Dfun: Residual | None,
    full_output: Literal[True, 1],
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
) -> Full: ...
@overload
def leastsq(
    func: Residual,
    x0: npt.ArrayLike,
    args: object = (),
    Dfun: Residual | None = None,
    full_output: object = False,
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
) -> tuple[Vector, int] | Full: ...
def leastsq(
    func: Residual,
    x0: npt.ArrayLike,
    args: object = (),
    Dfun: Residual | None = None,
    full_output: object = False,
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
) -> tuple[Vector, int] | Full:
    """Minimise the sum of squares of M functions of N variables.

    Levenberg-Marquardt as MINPACK's lmdif and lmder have it, to the last bit, with the signature
    and the results of `scipy.optimize.leastsq`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)`` returns the M residuals at x, an array of shape (N,) and its own to
        keep or change. Any one-dimensional array_like of real numbers will do; a scalar is M = 1.
        M must not change and must be at least N.
    x0 : array_like of N real numbers
        Where to start; flattened in C order.
    args : tuple or object, default ()
        Extra arguments of func and Dfun; anything but a tuple is one argument.
    Dfun : callable, optional
        ``Dfun(x, *args)`` returns the Jacobian, d func[i] / d x[j], of shape (M, N), or its
        transpose if col_deriv is true. By default it is approximated by forward differences.
    full_output : bool, default False
        Whether to return everything below.
    col_deriv : bool, default False
        Whether Dfun returns derivatives down the columns: shape (N, M), which is copied faster.
    ftol : float, default 1.49012e-08
        Relative reduction of the sum of squares, actual and predicted, at which to stop.
    xtol : float, default 1.49012e-08
        Relative error between two iterates at which to stop.
    gtol : float, default 0.0
        Cosine of the angle between func(x) and the Jacobian's columns at which to stop.
    maxfev : int, default 0
        Number of calls of func after which to stop; tested after each trial step. 0 or less stands
        for 200*(N + 1), with Dfun for 100*(N + 1).
    epsfcn : float, optional
        Relative error of func, from which the difference step comes. By default, and at least, the
        machine epsilon (of float32 or float16 if func returns that). Not used with Dfun.
    factor : float, default 100
        First bound on the norm of diag*step, over the norm of diag*x0; usually 0.1 to 100.
    diag : array_like of N positive numbers, optional
        Scale factors of the variables. By default they follow the Jacobian's column norms.

    Returns
    -------
    x : ndarray, shape (N,)
        The solution, or the last iterate if there is none.
    cov_x : ndarray, shape (N, N), or None
        (only with full_output) Inverse of J^T J at the last Jacobian; times the residual variance
        it is the covariance of x. None if J is singular, there is no solution, or R or the norm
        of func(x) is not finite.
    infodict : dict
        (only with full_output) fvec, the residual at x, shape (M,); nfev, the number of calls of
        func; njev, that of Dfun if given; fjac, shape (N, M), whose transpose holds R of the last
        Jacobian's factors J P = Q R in its upper triangle; ipvt, shape (N,), column j of J P
        being column ipvt[j] of J, from 0; qtf, shape (N,), the first elements of Q^T func(x).
    mesg : str
        (only with full_output) Why the solve ended.
    ier : int
        The same as a number: 1 to 4 for a solution (see Warns for 4), 5 for maxfev calls, 6, 7
        and 8 for tolerances too small to be met, 0 for an argument out of range.

    Raises
    ------
    TypeError
        If an argument or a result of func or Dfun is not real numbers, if Dfun's shape is wrong,
        if M < N, or, without full_output, if a tolerance, factor or diag is out of range.
    ValueError
        If M changes between calls, or diag is not of length N.
    OverflowError
        If M, N or maxfev does not fit a C int.

    Warns
    -----
    RuntimeWarning
        If ier is 5 to 8, without full_output; and whenever the solve ended where x, the norm of
        func(x), or an element or a column's norm of the Jacobian is not finite, often with ier 4.

    Notes
    -----
    An exception of func or Dfun ends the solve and reaches the caller as it was raised.

    References
    ----------
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, LNM 630 (1978).
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> y = 5.0 * np.exp(-0.5 * t)
    >>> x, ier = leastsq(lambda p: p[0] * np.exp(-p[1] * t) - y, [1.0, 1.0])
    >>> x.round(6).tolist(), ier in (1, 2, 3, 4)
    ([5.0, 0.5], True)
    """
    if type(ftol) is not float:
        ftol = as_number("ftol", ftol)
    if type(xtol) is not float:
        xtol = as_number("xtol", xtol)
    if type(gtol) is not float:
        gtol = as_number("gtol", gtol)
    most_calls = as_c_int("maxfev", maxfev)
    if epsfcn is not None:
        epsfcn = as_number("epsfcn", epsfcn)
        if epsfcn != epsfcn:  # the system's MINPACK may prefer a NaN to the machine epsilon
            epsfcn = 0.0
    factor = as_number("factor", factor)
    full_output, col_deriv = bool(full_output), bool(col_deriv)
    x = _minpack.fresh_vector(x0)
    n = x.size
    scale = None if diag is None else _scale_factors(diag, n)
    if not isinstance(args, tuple):
        args = (args,)
    limit = most_calls
    if limit <= 0:
        limit = min((200 if Dfun is None else 100) * (n + 1), INT_MAX)

    ier, finite, nfev, njev, fvec, fjac, ipvt, qtf = _minpack.solve(
        func, x, args, Dfun, col_deriv, ftol, xtol, gtol, limit, factor, scale, epsfcn
    )  # fmt: skip

    if not finite:
        warnings.warn(_not_finite(ier, x, fvec, fjac), RuntimeWarning, stacklevel=2)
    if ier in SUCCESS and not full_output:
        return x, ier
    message = MESSAGES[ier].format(ftol, xtol, gtol, most_calls or limit)
    if ier == IMPROPER_INPUT:
        message += _out_of_range(n, scale, ftol=ftol, xtol=xtol, gtol=gtol, factor=factor)
    if not full_output:
        if ier == IMPROPER_INPUT:
            raise TypeError(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return x, ier
    cov_x = _minpack.covariance(fjac, ipvt) if finite and ier in SUCCESS else None
    infodict: InfoDict = {"fvec": fvec, "nfev": nfev}
    if Dfun is not None:
        infodict["njev"] = njev
    infodict |= {"fjac": fjac, "ipvt": ipvt, "qtf": qtf}
    return x, cov_x, infodict, message, ier


def _out_of_range(n: int, scale: Vector | None, *, factor: float, **tolerances: float) -> str:
    """Say which arguments are improper, after SciPy's words for it."""
    faults = ["x0 must not be empty"] * (n == 0)
    negative = [f"{name}={value!r}" for name, value in tolerances.items() if value < 0.0]
    faults += [f"{fault} must not be negative" for fault in negative]
    faults += [f"factor={factor!r} must be positive"] * (factor <= 0.0)
    if scale is not None:
        bad = np.flatnonzero(scale <= 0.0)[:1].tolist()
        faults += [f"diag[{j}]={scale[j].item()!r} must be positive" for j in bad]
    return f" {'; '.join(faults)}."


def _not_finite(ier: int, x: Vector, fvec: Vector, fjac: Matrix) -> str:
    """Say what is not finite where a solve has ended, for a warning."""
    culprits = []
    if not np.isfinite(x).all():
        culprits.append("x")
    if not np.isfinite(fvec).all():
        culprits.append("func(x)")
    elif not np.isfinite(_minpack.enorm(fvec)):
        culprits.append("the norm of func(x)")
    if not np.isfinite(np.triu(fjac.T[: x.size])).all():
        culprits.append("the Jacobian (an element, or the norm of a column)")
    return f"ier is {ier}, but x is no solution; not finite: {', '.join(culprits)}."


def _scale_factors(diag: npt.ArrayLike, n: int) -> Vector:
    array = np.atleast_1d(np.asarray(diag))
    if array.shape != (n,):
        raise ValueError(
            f"diag must have one entry for each of the N={n} variables, "
            f"but its length is {array.size} (shape {array.shape})"
        )
    return as_float64(array)
