"""Checks of arguments, made once, at the API."""

import operator
from typing import SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from leastsq import _minpack

__all__ = [
    "INT_MAX", "Matrix", "Permutation", "Settings", "Vector", "as_c_int", "as_number", "matrix",
    "permutation", "require_bundled", "require_callable", "require_enough_residuals", "settings",
    "square_matrix", "triangular_problem", "vector",
]  # fmt: skip

INT_MAX = 2**31 - 1

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Permutation = npt.NDArray[np.int32]


def as_number(name: str, value: SupportsFloat) -> float:
    """Return a float from anything with `__float__` that is not an array of rank > 0."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        raise TypeError(f"{name} must be a number, not an array of shape {value.shape}")
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return float(value)


def as_c_int(name: str, value: SupportsIndex) -> int:
    """Return an int from anything with `__index__` that fits a C int."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise OverflowError(f"{name}={number} is more than a C int can hold")
    return number


Settings = tuple[
    Vector, float, float, float, int, float | None, float, Vector | None, int
]
"""x, ftol, xtol, gtol, limit on nfev, epsfcn, factor, diag, and maxfev as messages show it."""


def settings(
    x0: npt.ArrayLike,
    ftol: SupportsFloat,
    xtol: SupportsFloat,
    gtol: SupportsFloat,
    maxfev: SupportsIndex,
    epsfcn: SupportsFloat | None,
    factor: SupportsFloat,
    diag: npt.ArrayLike | None,
    analytic: bool,
) -> Settings:
    """Convert the arguments that every solve has; the numbers are checked before x0 and diag."""
    if type(ftol) is not float:
        ftol = as_number("ftol", ftol)
    if type(xtol) is not float:
        xtol = as_number("xtol", xtol)
    if type(gtol) is not float:
        gtol = as_number("gtol", gtol)
    given_maxfev = as_c_int("maxfev", maxfev)
    if epsfcn is not None:
        epsfcn = as_number("epsfcn", epsfcn)
        if epsfcn != epsfcn:  # to _minpack.begin a NaN means that epsfcn is not given
            epsfcn = 0.0
    factor = float(factor) if type(factor) is int else as_number("factor", factor)
    x = _minpack.fresh_vector(x0)
    scale = None if diag is None else _scale_factors(diag, x.size)
    limit = given_maxfev
    if limit <= 0:
        limit = min((100 if analytic else 200) * (x.size + 1), INT_MAX)
    return x, ftol, xtol, gtol, limit, epsfcn, factor, scale, given_maxfev or limit


def _scale_factors(diag: npt.ArrayLike, n: int) -> Vector:
    array = np.atleast_1d(np.asarray(diag))
    if array.shape != (n,):
        raise ValueError(
            f"diag must have one entry for each of the N={n} variables, "
            f"but its length is {array.size} (shape {array.shape})"
        )
    return _minpack.fresh_vector(array)


def require_enough_residuals(m: int, n: int) -> None:
    """Refuse fewer residuals than variables, with SciPy's message."""
    if m < n:
        raise TypeError(
            f"Improper input: func input vector length N={n} must not exceed func output vector "
            f"length M={m}"
        )


def require_callable(name: str, value: object, kind: str = "callable") -> None:
    """Refuse an object that cannot be called."""
    if not callable(value):
        raise TypeError(f"{name} must be {kind}, not {value!r}")


def require_bundled(what: str) -> None:
    """Refuse a feature that a build on the system's MINPACK does not have."""
    if not hasattr(_minpack, "begin"):
        raise NotImplementedError(
            f"{what} needs the bundled core; this leastsq was built on the system's MINPACK "
            "(-Dminpack=system)"
        )


def vector(name: str, value: npt.ArrayLike) -> Vector:
    """Return a fresh one-dimensional float64 array, by safe casts; a scalar becomes (1,)."""
    given = np.asarray(value)
    array = _minpack.fresh_vector(given)
    if given.ndim > 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {given.shape}")
    return array


def matrix(name: str, value: npt.ArrayLike) -> Matrix:
    """Return a fresh two-dimensional float64 array in Fortran order, by safe casts."""
    given = np.atleast_1d(np.asarray(value))
    if given.size > INT_MAX:
        raise OverflowError(f"an array of {given.size} elements is more than a C int can count")
    array = given.astype(np.float64, order="F", casting="safe", subok=False, copy=True)
    if array.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, not of shape {array.shape}")
    return array


def square_matrix(name: str, value: npt.ArrayLike) -> Matrix:
    """Return a fresh square float64 matrix in Fortran order."""
    array = matrix(name, value)
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} must be square, not of shape {array.shape}")
    return array


def permutation(value: npt.ArrayLike, n: int) -> Permutation:
    """Return a permutation of 0 to n - 1 as one of 1 to n."""
    array = np.asarray(value)
    if array.size == 0:
        array = array.astype(np.int64)
    index = array.astype(np.int64, casting="safe")
    if index.shape != (n,) or not np.array_equal(np.sort(index), np.arange(n)):
        raise ValueError(f"ipvt must be a permutation of 0 to {n - 1}, not {value!r}")
    return (index + 1).astype(np.int32)


def triangular_problem(
    r: npt.ArrayLike, ipvt: npt.ArrayLike, diag: npt.ArrayLike, qtb: npt.ArrayLike
) -> tuple[Matrix, Permutation, Vector, Vector]:
    """Return the arguments that qrsolv and lmpar share, checked against each other."""
    triangle = square_matrix("r", r)
    n = triangle.shape[0]
    scale, rhs = vector("diag", diag), vector("qtb", qtb)
    if scale.size != n or rhs.size != n:
        raise ValueError(
            f"shapes do not fit: r {triangle.shape}, diag {scale.shape}, qtb {rhs.shape}"
        )
    return triangle, permutation(ipvt, n), scale, rhs
