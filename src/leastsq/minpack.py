"""MINPACK's building blocks on NumPy arrays, for tests and for methods of your own.

Everything is float64, permutations count from zero, and no argument is modified.
"""

from typing import overload

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import (
    Matrix,
    Permutation,
    Vector,
    as_number,
    matrix,
    permutation,
    square_matrix,
    triangular_problem,
    vector,
)  # fmt: skip

__all__ = ["chkder", "covar", "enorm", "lmpar", "qrfac", "qrsolv"]


def enorm(x: npt.ArrayLike) -> float:
    """Return the Euclidean norm of a vector, without overflow or underflow on the way.

    Parameters
    ----------
    x : array_like, shape (n,)
        Vector of any length.

    Returns
    -------
    float
        The norm; NaN where a component is NaN.

    Raises
    ------
    TypeError
        If x does not cast safely to float64.
    ValueError
        If x is not one-dimensional.

    See Also
    --------
    qrfac : Uses it.

    References
    ----------
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980), enorm.

    Examples
    --------
    >>> from leastsq.minpack import enorm
    >>> enorm([3e300, 4e300])
    5e+300
    """
    values = vector("x", x)
    return float(_minpack.enorm(values)) if values.size else 0.0


def qrfac(a: npt.ArrayLike, pivot: bool = True) -> tuple[Matrix, Permutation, Vector, Vector]:
    """Factor a matrix, A P = Q R, by Householder reflections.

    Parameters
    ----------
    a : array_like, shape (m, n)
        The matrix; m < n is allowed.
    pivot : bool, default True
        Whether to pivot: each step exchanges columns so that the largest partial norm comes first.

    Returns
    -------
    qr : ndarray, shape (m, n), Fortran order
        The strict upper triangle of R; on and below the diagonal the reflectors v, each standing
        for I - v v^T / v[0].
    ipvt : ndarray of int32, shape (n,)
        Column j of A P is column ipvt[j] of A, counted from 0.
    rdiag : ndarray, shape (n,)
        Diagonal of R.
    acnorm : ndarray, shape (n,)
        Norms of the columns of A.

    Raises
    ------
    TypeError
        If a does not cast safely to float64.
    ValueError
        If a is not two-dimensional.

    See Also
    --------
    qrsolv : Takes R, the permutation and Q^T b.
    covar : Takes R and the permutation.

    References
    ----------
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980), qrfac.

    Examples
    --------
    >>> from leastsq.minpack import qrfac
    >>> qr, ipvt, rdiag, acnorm = qrfac([[3.0, 0.0], [4.0, 10.0]])
    >>> ipvt.tolist(), acnorm.tolist()
    ([1, 0], [5.0, 10.0])
    """
    qr, pivot = matrix("a", a), bool(pivot)
    n = qr.shape[1]
    ipvt, rdiag, acnorm = np.arange(n, dtype=np.int32), np.zeros(n), np.zeros(n)
    if qr.size:
        _minpack.qrfac(qr, int(pivot), ipvt, rdiag, acnorm, np.empty(n))
        if pivot:
            ipvt -= 1
    return qr, ipvt, rdiag, acnorm


def qrsolv(
    r: npt.ArrayLike, ipvt: npt.ArrayLike, diag: npt.ArrayLike, qtb: npt.ArrayLike
) -> tuple[Vector, Vector, Matrix]:
    """Solve A x = b, D x = 0 in the least-squares sense, given A P = Q R.

    Parameters
    ----------
    r : array_like, shape (n, n)
        R in the upper triangle; the rest is not read.
    ipvt : array_like of int, shape (n,)
        The permutation P, counted from 0.
    diag : array_like, shape (n,)
        Diagonal of D.
    qtb : array_like, shape (n,)
        First n elements of Q^T b.

    Returns
    -------
    x : ndarray, shape (n,)
        The solution.
    sdiag : ndarray, shape (n,)
        Diagonal of S, where P^T (A^T A + D^2) P = S^T S.
    s : ndarray, shape (n, n), Fortran order
        The array r with S^T strictly below the diagonal.

    Raises
    ------
    TypeError
        If an array does not cast safely to float64 (ipvt: to int64).
    ValueError
        If shapes do not fit each other, or ipvt is not a permutation.

    See Also
    --------
    qrfac : Makes R and the permutation.
    lmpar : Calls it to find the parameter.

    References
    ----------
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980), qrsolv.

    Examples
    --------
    >>> from leastsq.minpack import qrsolv
    >>> x, sdiag, s = qrsolv([[2.0]], [0], [0.0], [6.0])
    >>> x.tolist()
    [3.0]
    """
    s, ipvt_from_one, scale, rhs = triangular_problem(r, ipvt, diag, qtb)
    x, sdiag = np.empty_like(rhs), np.empty_like(rhs)
    if s.size:
        _minpack.qrsolv(s, ipvt_from_one, scale, rhs, x, sdiag, np.empty_like(rhs))
    return x, sdiag, s


def lmpar(
    r: npt.ArrayLike,
    ipvt: npt.ArrayLike,
    diag: npt.ArrayLike,
    qtb: npt.ArrayLike,
    delta: float,
    par: float = 0.0,
) -> tuple[float, Vector, Vector, Matrix]:
    """Find the Levenberg-Marquardt parameter of a step bound.

    Parameters
    ----------
    r, ipvt : array_like
        As for `qrsolv`.
    diag : array_like, shape (n,)
        Diagonal of D, without zeros.
    qtb : array_like, shape (n,)
        First n elements of Q^T b.
    delta : float
        Bound on the norm of D x, positive.
    par : float, default 0.0
        Initial guess, not negative.

    Returns
    -------
    par : float
        Zero where the Gauss-Newton step is within 1.1 delta, otherwise such that the norm of D x
        is within delta/10 of delta, or what ten iterations have reached.
    x : ndarray, shape (n,)
        Least-squares solution of A x = b, sqrt(par) D x = 0.
    sdiag : ndarray, shape (n,)
        Diagonal of S, where P^T (A^T A + par D^2) P = S^T S; zeros if par is 0.
    s : ndarray, shape (n, n), Fortran order
        The array r with S^T strictly below the diagonal (if par is not 0).

    Raises
    ------
    TypeError
        If an array does not cast safely to float64 (ipvt: to int64).
    ValueError
        If shapes do not fit each other, ipvt is not a permutation, or delta, par or diag is out of
        range.

    See Also
    --------
    qrfac : Makes R and the permutation.
    qrsolv : Solves for one parameter.

    References
    ----------
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, LNM 630 (1978), sec. 5.

    Examples
    --------
    >>> from leastsq.minpack import lmpar
    >>> par, x, sdiag, s = lmpar([[2.0]], [0], [1.0], [6.0], delta=1.0)
    >>> bool(0.9 <= x[0] <= 1.1), par > 0.0
    (True, True)
    """
    s, ipvt_from_one, scale, rhs = triangular_problem(r, ipvt, diag, qtb)
    bound, start = as_number("delta", delta), as_number("par", par)
    if not bound > 0.0:
        raise ValueError(f"delta must be positive, not {bound}")
    if not start >= 0.0:
        raise ValueError(f"par must not be negative, and is {start}")
    if not np.all(scale != 0.0):
        raise ValueError(f"diag must not contain zeros, and is {scale}")
    x, sdiag, parameter = np.empty_like(rhs), np.zeros_like(rhs), 0.0
    if s.size:
        wa1, wa2 = np.empty_like(rhs), np.empty_like(rhs)
        parameter = _minpack.lmpar(
            s, ipvt_from_one, scale, rhs, bound, start, x, sdiag, wa1, wa2
        )
    return parameter, x, sdiag, s


def covar(r: npt.ArrayLike, ipvt: npt.ArrayLike, tol: float = 0.0) -> Matrix:
    """Return the covariance of fitted parameters, up to the residual variance.

    Parameters
    ----------
    r : array_like, shape (n, n)
        R in the upper triangle, from A P = Q R; the rest is not read.
    ipvt : array_like of int, shape (n,)
        The permutation P, counted from 0.
    tol : float, default 0.0
        The rank ends at the first abs(r[k, k]) <= tol * abs(r[0, 0]).

    Returns
    -------
    ndarray, shape (n, n)
        (A^T A)^-1, exactly symmetric; zero in rows and columns past the rank.

    Raises
    ------
    TypeError
        If r does not cast safely to float64 (ipvt: to int64).
    ValueError
        If shapes do not fit each other, or ipvt is not a permutation.

    See Also
    --------
    qrfac : Makes R and the permutation.
    leastsq.leastsq : Returns cov_x.

    References
    ----------
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980).

    Examples
    --------
    >>> from leastsq.minpack import covar
    >>> covar([[2.0, 0.0], [0.0, 1.0]], [0, 1]).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    covariance = square_matrix("r", r)
    ipvt_from_one, limit = permutation(ipvt, covariance.shape[0]), as_number("tol", tol)
    if covariance.size:
        _minpack.covar(covariance, ipvt_from_one, limit, np.empty(ipvt_from_one.size))
    return covariance


@overload
def chkder(x: npt.ArrayLike) -> Vector: ...
@overload
def chkder(
    x: npt.ArrayLike, fvec: npt.ArrayLike, fjac: npt.ArrayLike, fvecp: npt.ArrayLike
) -> Vector: ...
def chkder(
    x: npt.ArrayLike,
    fvec: npt.ArrayLike | None = None,
    fjac: npt.ArrayLike | None = None,
    fvecp: npt.ArrayLike | None = None,
) -> Vector:
    """Check a Jacobian against its residual.

    Call it with x alone for a neighbouring point xp, then with the residuals at both points and
    the Jacobian at x.

    Parameters
    ----------
    x : array_like, shape (n,)
        The point of the check. It is less reliable where elements of x are zero or special
        values, and for samples whose derivatives are nearly zero.
    fvec : array_like, shape (m,), optional
        Residual at x.
    fjac : array_like, shape (m, n), optional
        Jacobian at x, d fvec[i] / d x[j].
    fvecp : array_like, shape (m,), optional
        Residual at xp.

    Returns
    -------
    ndarray, shape (n,) or (m,)
        The point xp; or for each row of the Jacobian a number from 0 to 1: 1 if it is consistent
        with the residual, 0 if it is inconsistent; above 0.5 it is probably consistent.

    Raises
    ------
    TypeError
        If an array does not cast safely to float64, or some of fvec, fjac and fvecp are missing.
    ValueError
        If shapes do not fit each other.

    See Also
    --------
    leastsq.leastsq : Takes the Jacobian as Dfun.

    References
    ----------
    Moré, Garbow and Hillstrom, User Guide for MINPACK-1, ANL-80-74 (1980), chkder.

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq.minpack import chkder
    >>> x = np.array([2.0])
    >>> xp = chkder(x)
    >>> chkder(x, x**2, [[4.0]], xp**2).tolist(), chkder(x, x**2, [[40.0]], xp**2).tolist()
    ([1.0], [0.0])
    """
    point = vector("x", x)
    if fvec is None and fjac is None and fvecp is None:
        unused, neighbour = np.zeros(1), np.empty_like(point)
        if point.size:
            unused_matrix = np.zeros((1, point.size), order="F")
            _minpack.chkder(point, unused, unused_matrix, neighbour, unused, 1, unused)
        return neighbour
    if fvec is None or fjac is None or fvecp is None:
        raise TypeError("fvec, fjac and fvecp must be given together")
    f, jacobian, fp = vector("fvec", fvec), matrix("fjac", fjac), vector("fvecp", fvecp)
    if jacobian.shape != (f.size, point.size) or fp.size != f.size:
        raise ValueError(
            f"shapes do not fit: x {point.shape}, fvec {f.shape}, fjac {jacobian.shape}, "
            f"fvecp {fp.shape}"
        )
    agreement = np.ones_like(f)
    if jacobian.size:
        _minpack.chkder(point, f, jacobian, np.empty_like(point), fp, 2, agreement)
    return agreement
