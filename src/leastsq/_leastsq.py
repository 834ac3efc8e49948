"""The drop-in function: validates once, calls the core, assembles the outputs."""

import warnings
from typing import Any, Literal, SupportsFloat, SupportsIndex, overload

import numpy.typing as npt

from leastsq import _driver, _minpack
from leastsq._checks import Vector, settings
from leastsq._compiled import CompiledResidual, require_no_python
from leastsq._driver import Callback, Residual
from leastsq._outcome import (
    IMPROPER_INPUT,
    MESSAGES,
    STOPPED,
    USABLE,
    FullOutput,
    caller_stacklevel,
    improper_message,
    not_finite_message,
)
from leastsq._outcome import full_output as full_output_of
from leastsq._workers import Workers

__all__ = ["leastsq"]


# A call without full_output matches the first two overloads and takes the first. The default in the
# second lets one overload serve full_output by position and by keyword.
@overload
def leastsq(  # pyright: ignore[reportOverlappingOverload]
    func: Residual | CompiledResidual,
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
    *,
    callback: Callback | None = None,
    workers: Workers | None = None,
    vectorized: object = False,
) -> tuple[Vector, int]: ...
@overload
def leastsq(
    func: Residual | CompiledResidual,
    x0: npt.ArrayLike,
    args: object = (),
    Dfun: Residual | None = None,
    full_output: Literal[True, 1] = True,
    col_deriv: object = False,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
    *,
    callback: Callback | None = None,
    workers: Workers | None = None,
    vectorized: object = False,
) -> FullOutput: ...
@overload
def leastsq(
    func: Residual | CompiledResidual,
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
    *,
    callback: Callback | None = None,
    workers: Workers | None = None,
    vectorized: object = False,
) -> tuple[Vector, int] | FullOutput: ...
def leastsq(
    func: Residual | CompiledResidual,
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
    *,
    callback: Callback | None = None,
    workers: Workers | None = None,
    vectorized: object = False,
) -> tuple[Vector, int] | FullOutput:
    """Minimise the sum of squares of M residuals over N variables: one nonlinear fit.

    The Levenberg-Marquardt method of MINPACK's lmdif and lmder, to the last bit, with the signature
    and the results of `scipy.optimize.leastsq`.

    Parameters
    ----------
    func : callable or CompiledResidual
        ``func(x, *args)`` returns the M residuals at x, an array of shape (N,) that it may keep or
        modify. Any one-dimensional array_like of real numbers will do (``ravel()`` one of more
        dimensions, ``view(float)`` a complex one); a scalar is M = 1. M must not change and must be
        at least N.
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
        Number of evaluations of func, nfev below, after which to stop; tested after each trial
        step. 0 or less stands for 200*(N + 1), with Dfun for 100*(N + 1).
    epsfcn : float, optional
        Relative error of func, from which the difference step comes. By default, and at least, the
        machine epsilon (of float32 or float16 if func returns that). Not used with Dfun.
    factor : float, default 100
        First bound on the norm of diag*step, over the norm of diag*x0; usually 0.1 to 100.
    diag : array_like of N positive numbers, optional
        Scale factors of the variables. By default they follow the Jacobian's column norms.
    callback : callable, optional
        Called after each accepted step. If ``intermediate_result`` is its only parameter, it gets
        an `IntermediateResult` with x, fun, cost, nit and nfev; otherwise x alone. It may keep or
        modify them. A StopIteration that it raises ends the solve at that x with ier -2, before
        any stop test.
    workers : map-like callable, optional
        ``workers(f, points)`` returns f(p) for each p of a list, in order, at once or lazily: a
        pool's or an executor's map. The N calls of func for a difference Jacobian go through it,
        all others are made here. f can be pickled if func and args can. An array that func
        returns must stay as it is until all are there. No effect with Dfun.
    vectorized : bool, default False
        Whether func and Dfun take S points at once: p of shape (N, S, 1), so that p[0], p[1], ...
        broadcast against arrays of samples. func returns (S, M), Dfun (S, M, N), with col_deriv
        (N, S, M). A difference Jacobian is one call of func then. The bits are the same if
        func has the same bits for a number as for an array; NumPy's ``p[0]**2`` has not,
        ``p[0]*p[0]`` has. Not together with workers.

    Returns
    -------
    x : ndarray, shape (N,)
        The solution, or the last iterate if there is none.
    cov_x : ndarray, shape (N, N), or None
        (only with full_output) Inverse of J^T J at the last Jacobian; times the residual variance
        it is the covariance of x. None if R has a zero on its diagonal, as where a parameter has no
        effect, if ier is none of 1, 2, 3, 4, -2, or if R or the norm of func(x) is not finite. Huge
        where J is singular but for rounding.
    infodict : dict
        (only with full_output)

        - ``fvec``, shape (M,): the residual at x.
        - ``nfev``: the number of points at which func was evaluated, one a call unless vectorized.
        - ``njev``: that of Dfun, if given.
        - ``fjac``, shape (N, M): the transpose has R of the last Jacobian's factors J P = Q R in
          its upper triangle.
        - ``ipvt``, shape (N,): column j of J P is column ipvt[j] of J, counted from 0.
        - ``qtf``, shape (N,): the first elements of Q^T func(x).
    mesg : str
        (only with full_output) Why the solve ended.
    ier : int
        The same as a number: 1 to 4 for a solution (but see Warns), 5 for maxfev calls, 6, 7 and 8
        for tolerances too small to be met, 0 for an argument out of range, -2 if the callback
        stopped the solve, -1 if a compiled residual returned a negative value.

    Raises
    ------
    TypeError
        If an argument or a result of func or Dfun is not real numbers, if Dfun's shape is wrong,
        if M < N, if callback or workers is not callable, or, without full_output, if a tolerance,
        factor or diag is out of range.
    ValueError
        If M changes between calls, diag is not of length N, a result's shape is wrong with
        vectorized, workers does not return N results, or workers and vectorized are both given.
    OverflowError
        If M, N or maxfev does not fit a C int.
    NotImplementedError
        If leastsq was built on the system's MINPACK, for callback, workers and vectorized.

    Warns
    -----
    RuntimeWarning
        If ier is 5 to 8 or -1, without full_output; and whenever the solve ended where x, the norm
        of func(x), or an element or a column's norm of the Jacobian is not finite, often with ier
        4.

    See Also
    --------
    curve_fit : Takes a model instead of a residual, and returns the covariance.
    leastsq_many : Solves many problems of one size, much faster than a loop.
    CompiledResidual : A func that needs no Python.
    LevenbergMarquardt : Asks for residuals instead of calling a function; can be pickled.
    minpack.chkder : Checks a Dfun.

    Notes
    -----
    Where each residual is divided by the standard deviation of its noise, the standard errors of x
    are ``sqrt(diag(cov_x))``. Where the noise is not known they are estimated, as
    ``sqrt(diag(cov_x) * ssq / (M - N))``, ssq being the sum of the squares of ``fvec``.

    An exception of func, Dfun, callback or workers ends the solve and reaches the caller as it
    was raised. There are no bounds: `scipy.optimize.least_squares` has them.

    References
    ----------
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, LNM 630 (1978).
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980).

    Examples
    --------
    A decay of unknown amplitude and rate; args are passed through to the residual.

    >>> import numpy as np
    >>> from leastsq import leastsq
    >>> def residual(p, t, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> t = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    >>> y = np.array([5.1, 2.9, 1.9, 1.1, 0.7, 0.4])
    >>> x, ier = leastsq(residual, [1.0, 1.0], args=(t, y))
    >>> ier in (1, 2, 3, 4)
    True
    >>> print(x.round(3))
    [5.053 0.51 ]

    Their standard errors, from the scatter of the residuals:

    >>> x, cov_x, infodict, mesg, ier = leastsq(
    ...     residual, [1.0, 1.0], args=(t, y), full_output=True
    ... )
    >>> variance = np.sum(infodict["fvec"] ** 2) / (t.size - x.size)
    >>> print(np.sqrt(variance * np.diag(cov_x)).round(3))
    [0.079 0.015]

    The same with the Jacobian, whose rows are derivatives because of col_deriv:

    >>> def slopes(p, t, y):
    ...     e = np.exp(-p[1] * t)
    ...     return [e, -p[0] * t * e]
    >>> x, ier = leastsq(residual, [1.0, 1.0], args=(t, y), Dfun=slopes, col_deriv=True)
    >>> print(x.round(3))
    [5.053 0.51 ]
    """
    full_output, col_deriv = bool(full_output), bool(col_deriv)
    analytic = Dfun is not None
    backend = None
    if isinstance(func, CompiledResidual):
        require_no_python(func, Dfun, vectorized, workers)
        backend = func.backend
        analytic = analytic or backend.writes_jacobian
    x, ftol, xtol, gtol, limit, epsfcn, factor, scale, shown_maxfev = settings(
        x0, ftol, xtol, gtol, maxfev, epsfcn, factor, diag, analytic
    )
    if not isinstance(args, tuple):
        args = (args,)

    functions: tuple[Any, tuple[Any, ...], Any] = func, args, Dfun
    if backend is not None:
        functions = backend.bind(x.size, args, Dfun, col_deriv), (), None
    if callback is None and workers is None and not vectorized:
        ier, finite, nfev, njev, fvec, fjac, ipvt, qtf = _minpack.solve(
            functions[0], x, functions[1], functions[2], col_deriv, ftol, xtol, gtol, limit,
            factor, scale, epsfcn,
        )  # fmt: skip
    else:
        # No *functions: CPython before 3.13 leaks a list that it cannot extend for want of memory.
        ier, finite, nfev, njev, fvec, fjac, ipvt, qtf = _driver.solve(
            (functions[0], functions[1], functions[2], col_deriv, bool(vectorized)), analytic, x,
            (ftol, xtol, gtol, limit, factor, scale), epsfcn, callback, workers,
        )  # fmt: skip
    value = 0
    if backend is not None:
        backend.expected_m = fvec.size
        if ier == STOPPED:
            value, point = _minpack.failure(functions[0])
            m = fvec.size if nfev > 1 else 0  # after the first call it may be an estimate
            value = backend.explain(value, point, args, m, Dfun, col_deriv)

    if not finite:
        text = not_finite_message(ier, x, fvec, fjac)
        warnings.warn(text, RuntimeWarning, stacklevel=caller_stacklevel())
    if not full_output and ier in USABLE:
        return x, ier
    message = MESSAGES[ier].format(ftol, xtol, gtol, shown_maxfev, value)
    if ier == IMPROPER_INPUT:
        message = improper_message(x.size, scale, ftol=ftol, xtol=xtol, gtol=gtol, factor=factor)
    if full_output:
        counted = njev if analytic else None
        return full_output_of(ier, message, finite, x, fvec, nfev, counted, fjac, ipvt, qtf)
    if ier == IMPROPER_INPUT:
        raise TypeError(message)
    warnings.warn(message, RuntimeWarning, stacklevel=2)
    return x, ier
