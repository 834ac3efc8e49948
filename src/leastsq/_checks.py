"""Checks of arguments, made once, at the door."""

import operator
from typing import SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

__all__ = ["INT_MAX", "as_c_int", "as_float64", "as_number"]

INT_MAX = 2**31 - 1

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


def as_float64(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a fresh C-ordered float64 array; only safe casts are made, a scalar becomes (1,)."""
    array = np.atleast_1d(np.asarray(value))
    if array.size > INT_MAX:
        raise OverflowError(f"an array of {array.size} elements is more than a C int can count")
    return array.astype(np.float64, order="C", casting="safe", subok=False, copy=True)
