"""The drop-in for `scipy.optimize.curve_fit` with method 'lm'."""

import functools
import inspect
import types
import warnings
from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Matrix, Vector
from leastsq._leastsq import leastsq
from leastsq._outcome import USABLE, InfoDict

__all__ = ["OptimizeWarning", "curve_fit"]

Array = npt.NDArray[Any]
Model = Callable[..., npt.ArrayLike]

UNBOUNDED = (-np.inf, np.inf)
REAL_KINDS = "biuf"
"""dtype.kind of real numbers."""
ELSEWHERE = "leastsq.curve_fit has method 'lm' alone, without bounds: use scipy.optimize.curve_fit"


class OptimizeWarning(UserWarning):
    """The covariance of the parameters could not be estimated.

    See Also
    --------
    curve_fit : Warns so.

    Examples
    --------
    Two parameters of which only the sum has an effect; the warning is made an error.

    >>> import warnings
    >>> from leastsq import OptimizeWarning, curve_fit
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", OptimizeWarning)
    ...     try:
    ...         curve_fit(lambda t, a, b: 0.0 * t + a, [0.0, 1.0, 2.0], [1.0, 2.0, 1.0])
    ...     except OptimizeWarning as warning:
    ...         print(warning)
    Covariance of the parameters could not be estimated
    """


@overload
def curve_fit(
    f: Model,
    xdata: object,
    ydata: npt.ArrayLike,
    p0: npt.ArrayLike | None = None,
    sigma: npt.ArrayLike | None = None,
    absolute_sigma: object = False,
    check_finite: object = None,
    bounds: object = UNBOUNDED,
    method: Literal["lm"] | None = None,
    jac: Model | None = None,
    *,
    full_output: Literal[False] = False,
    nan_policy: Literal["raise", "omit"] | None = None,
    **kwargs: Any,
) -> tuple[Vector, Matrix]: ...
@overload
def curve_fit(
    f: Model,
    xdata: object,
    ydata: npt.ArrayLike,
    p0: npt.ArrayLike | None = None,
    sigma: npt.ArrayLike | None = None,
    absolute_sigma: object = False,
    check_finite: object = None,
    bounds: object = UNBOUNDED,
    method: Literal["lm"] | None = None,
    jac: Model | None = None,
    *,
    full_output: Literal[True],
    nan_policy: Literal["raise", "omit"] | None = None,
    **kwargs: Any,
) -> tuple[Vector, Matrix, InfoDict, str, int]: ...


def curve_fit(
    f: Model,
    xdata: Any,
    ydata: npt.ArrayLike,
    p0: npt.ArrayLike | None = None,
    sigma: npt.ArrayLike | None = None,
    absolute_sigma: object = False,
    check_finite: object = None,
    bounds: Any = UNBOUNDED,
    method: object = None,
    jac: Any = None,
    *,
    full_output: object = False,
    nan_policy: object = None,
    **kwargs: Any,
) -> tuple[Vector, Matrix] | tuple[Vector, Matrix, InfoDict, str, int]:
    """Fit a function to data, ``ydata = f(xdata, *params) + errors``, by least squares.

    The signature and the results of `scipy.optimize.curve_fit` with method 'lm', popt to the last
    bit.

    Parameters
    ----------
    f : callable
        The model, ``f(xdata, *params)``, which returns what is to be compared with ydata.
    xdata : array_like or object
        Where the data were measured, usually shape (M,) or (k, M): lists and arrays become float64,
        other objects are passed to f as they are.
    ydata : array_like, shape (M,)
        The data.
    p0 : array_like, shape (N,), optional
        Where to start. By default ones, as many as f has parameters.
    sigma : array_like, shape (), (M,) or (M, M), optional
        Uncertainty of ydata: standard deviations, or a covariance matrix. The sum of squares is
        that of ``(f(xdata, *params) - ydata)/sigma``; with a matrix, residuals are multiplied by
        the inverse of its lower Cholesky factor, with SciPy's LAPACK if SciPy is installed.
    absolute_sigma : bool, default False
        Whether sigma is in ydata's units, so that pcov is too; else only the ratios of sigma count
        and pcov is multiplied by the residual variance.
    check_finite : bool, optional
        Whether to refuse data that are not finite; by default so unless nan_policy is given.
    bounds : 2-tuple of array_like, or object with lb and ub
        For SciPy's signature: none may be finite.
    method : 'lm', optional
        For SciPy's signature.
    jac : callable, optional
        ``jac(xdata, *params)`` returns the Jacobian of f, shape (M, N).
    full_output : bool, default False
        Whether to return infodict, mesg and ier, too.
    nan_policy : 'raise' or 'omit', optional
        What to do about NaNs in the data if check_finite is not set.
    **kwargs
        For `leastsq`: ftol, xtol, gtol, maxfev, epsfcn, factor, diag, col_deriv, callback, workers
        and vectorized. With vectorized, f gets parameters of shape (S, 1) and returns (S, M), and
        jac (S, M, N); with col_deriv jac returns (N, M) or (N, S, M).

    Returns
    -------
    popt : ndarray, shape (N,)
        The parameters.
    pcov : ndarray, shape (N, N)
        Their covariance; infinite where it cannot be estimated.
    infodict, mesg, ier
        (only with full_output) As `leastsq` returns them.

    Raises
    ------
    ValueError
        If the data or sigma are not finite, empty, of the wrong shape or not positive definite,
        f does not tell how many parameters it has, bounds or method are for another solver, or args
        are given.
    TypeError
        If there are more parameters than data; and what `leastsq` raises.
    RuntimeError
        If the fit has not converged.

    Warns
    -----
    OptimizeWarning
        If the covariance could not be estimated.
    RuntimeWarning
        If the solve ended where something is not finite. popt is then p0 or the last good point,
        and pcov infinite.

    See Also
    --------
    leastsq : Takes a residual instead of a model.
    leastsq_many : Fits many curves.
    scipy.optimize.curve_fit : Has bounds and other methods.

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq import curve_fit
    >>> t = np.linspace(0.0, 4.0, 50)
    >>> y = 2.5 * np.exp(-1.3 * t) + 0.5
    >>> def decay(t, a, b, c):
    ...     return a * np.exp(-b * t) + c
    >>> popt, pcov = curve_fit(decay, t, y)
    >>> popt.round(6).tolist()
    [2.5, 1.3, 0.5]
    """
    if p0 is None:
        n = _count_parameters(f)
        start = np.ones(n)
    else:
        start = np.atleast_1d(p0)
        n = start.size
    _refuse_bounds(bounds, method)
    if check_finite is None:
        check_finite = nan_policy is None
    as_array = np.asarray_chkfinite if check_finite else np.asarray
    data = as_array(ydata, float)
    if isinstance(xdata, list | tuple | np.ndarray):
        xdata = as_array(xdata, float)
    if data.size == 0:
        raise ValueError("`ydata` must not be empty!")
    if not check_finite and nan_policy is not None:
        xdata, data, sigma = _without_nans(xdata, data, sigma, nan_policy)
    func, jac = _functions(f, jac, xdata, data, sigma, bool(kwargs.get("col_deriv", False)))
    if "args" in kwargs:
        raise ValueError("'args' is not a supported keyword argument.")
    if data.size != 1 and n > data.size:
        raise TypeError(
            f"The number of func parameters={n} must not exceed the number of data "
            f"points={data.size}"
        )
    popt, cov_x, infodict, message, ier = leastsq(func, start, Dfun=jac, full_output=True, **kwargs)
    if ier not in USABLE:
        raise RuntimeError("Optimal parameters not found: " + message)
    pcov = _covariance(cov_x, infodict["fvec"], popt.size, bool(absolute_sigma))
    if pcov is None:
        pcov = np.full((popt.size, popt.size), np.inf)
        warnings.warn(
            "Covariance of the parameters could not be estimated", OptimizeWarning, stacklevel=2
        )
    if full_output:
        return popt, pcov, infodict, message, ier
    return popt, pcov


def _count_parameters(f: Model) -> int:
    """Return the number of a model's parameters after the first."""
    if type(f) is types.FunctionType and not f.__dict__:  # inspect takes 15 us
        count = f.__code__.co_argcount
    else:
        count = sum(
            one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
            for one in inspect.signature(f).parameters.values()
        )
    if count < 2:
        raise ValueError("Unable to determine number of fit parameters.")
    return count - 1


def _refuse_bounds(bounds: Any, method: object) -> None:
    """Refuse finite bounds and other methods."""
    if method not in (None, "lm"):
        raise ValueError(f"method={method!r}: {ELSEWHERE}")
    if bounds is UNBOUNDED:
        return
    lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    if np.any(np.asarray(lower, float) > -np.inf) or np.any(np.asarray(upper, float) < np.inf):
        raise ValueError(f"bounds={bounds!r}: {ELSEWHERE}")


def _without_nans(
    xdata: Any, ydata: Array, sigma: Any, nan_policy: object
) -> tuple[Any, Array, Any]:
    """Refuse samples with a NaN, or leave them out."""
    if nan_policy == "propagate":
        raise ValueError("`nan_policy='propagate'` is not supported by this function.")
    if nan_policy not in ("raise", "omit"):
        raise ValueError("nan_policy must be one of {None, 'raise', 'omit'}")
    missing = np.isnan(ydata)
    if getattr(getattr(xdata, "dtype", None), "kind", "") == "f":
        missing = missing | np.isnan(np.asarray(xdata)).any(axis=tuple(range(xdata.ndim - 1)))
    if not missing.any():
        return xdata, ydata, sigma
    if nan_policy == "raise":
        raise ValueError("The input contains nan values")
    kept = ~missing
    if sigma is not None:
        sigma = np.asarray(sigma)
        if sigma.ndim == 1:
            sigma = sigma[kept]
        elif sigma.ndim == 2:
            sigma = sigma[kept][:, kept]
    return xdata[..., kept], ydata[kept], sigma


def _functions(
    f: Model, jac: Any, xdata: Any, ydata: Array, sigma: Any, transposed: bool
) -> tuple[Callable[[Array], Any], Any]:
    """Return the residual and its Jacobian; they can be pickled if f and jac can."""
    residual: Callable[..., Any] = _minpack.model_residual
    jacobian: Callable[..., Any] = _scaled_jacobian
    transform: Any = None
    if sigma is not None:
        sigma = np.asarray(sigma)
        if sigma.size == 1 or sigma.shape == (ydata.size,):
            transform = 1.0 / sigma
        elif sigma.shape == (ydata.size, ydata.size):
            residual, jacobian, transform = _whitened, _whitened_jacobian, _cholesky_factor(sigma)
        else:
            raise ValueError("`sigma` has incorrect shape.")
    if callable(jac):
        name = getattr(jac, "__name__", "jac")
        jac = functools.partial(jacobian, jac, xdata, transform, transposed)
        jac.__name__ = name  # for the error about its shape
    return functools.partial(residual, f, xdata, ydata, transform), jac


def _cholesky_factor(sigma: Array) -> Matrix:
    """Return the lower Cholesky factor, from SciPy if it is installed: NumPy's has other bits."""
    if sigma.dtype.kind == "c":
        raise TypeError(f"`sigma` must be real, not {sigma.dtype}.")
    try:
        from scipy.linalg import cholesky
    except ImportError:
        cholesky = None
    try:
        if cholesky is None:
            return np.linalg.cholesky(np.asarray_chkfinite(sigma, np.float64))
        factor: Matrix = cholesky(sigma, lower=True)
    except np.linalg.LinAlgError as error:
        raise ValueError("`sigma` must be positive definite.") from error
    return factor.astype(np.float64, copy=False)  # LAPACK's bits depend on its order in memory


def _whitened(f: Model, xdata: Any, ydata: Array, factor: Matrix, p: Array) -> Array:
    """Return the residuals times the inverse of a Cholesky factor."""
    rows = np.asarray(_minpack.model_residual(f, xdata, ydata, None, p))
    if rows.ndim == 0 or rows.dtype.kind not in REAL_KINDS:  # leastsq will raise
        return rows
    return _minpack.whiten(factor, rows, 1)


def _scaled_jacobian(
    jac: Model, xdata: Any, transform: Array | None, transposed: bool, p: Array
) -> npt.ArrayLike:
    """Return the Jacobian over the uncertainties, if there are any."""
    matrix = jac(xdata, *p)
    if transform is None:
        return matrix
    factors = transform if transposed else transform[..., None]
    scaled: Array = factors * np.asarray(matrix)
    return scaled


def _whitened_jacobian(
    jac: Model, xdata: Any, factor: Matrix, transposed: bool, p: Array
) -> Array:
    """Solve for the N columns of a Jacobian together, as SciPy does."""
    matrix = np.asarray(jac(xdata, *p))
    if matrix.ndim == 1 and len(p) == 1:
        matrix = matrix[None] if transposed else matrix[:, None]
    if matrix.ndim < 2 or matrix.dtype.kind not in REAL_KINDS:
        return matrix  # leastsq will raise
    rows = matrix if transposed else np.swapaxes(matrix, -1, -2)  # vectorized, (N, 1, M), (1, N, M)
    if rows.shape[-1] != factor.shape[0]:
        return matrix
    rows = _minpack.whiten(factor, rows, rows.shape[0 if transposed else -2])
    return rows if transposed else np.swapaxes(rows, -1, -2)


def _covariance(
    cov_x: Matrix | None, fvec: Vector, n: int, absolute_sigma: bool
) -> Matrix | None:
    """Return the covariance of the parameters, None where it cannot be estimated."""
    if cov_x is None or np.isnan(cov_x).any():
        return None
    if absolute_sigma:
        return cov_x
    if fvec.size <= n:
        return None
    scaled: Matrix = cov_x * (fvec.dot(fvec) / (fvec.size - n))
    return scaled


curve_fit.__module__ = OptimizeWarning.__module__ = "leastsq"
