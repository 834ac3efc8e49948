"""Checks of arguments, made once, at the door."""

import operator
from typing import Literal, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

__all__ = [
    "INT_MAX", "Matrix", "Permutation", "Vector", "as_c_int", "as_float64", "as_number", "matrix",
    "permutation", "square", "triangular_problem", "vector",
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
    number = operator.index(value)
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise OverflowError(f"{name}={number} is more than a C int can hold")
    return number


def as_float64(value: npt.ArrayLike, order: Literal["C", "F"] = "C") -> npt.NDArray[np.float64]:
    """Return a fresh contiguous float64 array; only safe casts are made, a scalar becomes (1,)."""
    array = np.atleast_1d(np.asarray(value))
    if array.size > INT_MAX:
        raise OverflowError(f"an array of {array.size} elements is more than a C int can count")
    return array.astype(np.float64, order=order, casting="safe", subok=False, copy=True)


def vector(name: str, value: npt.ArrayLike) -> Vector:
    """Return a fresh one-dimensional float64 array."""
    array = as_float64(value)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}")
    return array


def matrix(name: str, value: npt.ArrayLike) -> Matrix:
    """Return a fresh two-dimensional float64 array in Fortran order."""
    array = as_float64(value, order="F")
    if array.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, not of shape {array.shape}")
    return array


def square(name: str, value: npt.ArrayLike) -> Matrix:
    """Return a fresh square float64 matrix in Fortran order."""
    array = matrix(name, value)
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} must be square, not of shape {array.shape}")
    return array


def permutation(value: npt.ArrayLike, n: int) -> Permutation:
    """Return a permutation of n indices from 0 as one from 1."""
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
    triangle = square("r", r)
    n = triangle.shape[0]
    scale, rhs = vector("diag", diag), vector("qtb", qtb)
    if scale.size != n or rhs.size != n:
        raise ValueError(
            f"shapes do not fit: r {triangle.shape}, diag {scale.shape}, qtb {rhs.shape}"
        )
    return triangle, permutation(ipvt, n), scale, rhs
