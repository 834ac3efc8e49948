"""Decays for rows about many fits; other processes import this, so it needs NumPy alone."""

import functools
import time
from typing import Any

import numpy as np
import numpy.typing as npt

import leastsq

__all__ = [
    "FITS", "START", "TIMES", "decay", "decays", "fit_one_by_one", "fit_vectorized", "prepare",
]  # fmt: skip

Vector = npt.NDArray[np.float64]

TIMES = np.linspace(0.0, 4.0, 50)
START = [1.0, 1.0, 0.0]
FITS = 100_000
"""How many decays there are."""


def decay(p: Vector, y: Vector) -> Vector:
    """Return the residuals of decays."""
    values: Vector = p[0] * np.exp(-p[1] * TIMES) + p[2] - y
    return values


@functools.cache
def decays() -> Vector:
    """Return data of many decays."""
    rng = np.random.default_rng(0)
    truth = rng.uniform([1.0, 0.5, 0.0], [4.0, 2.0, 1.0], (FITS, 3))
    values: Vector = decay(truth.T[:, :, None], np.zeros(TIMES.size))
    return values + 0.02 * rng.standard_normal(values.shape)


def fit_vectorized(first: int, last: int, **options: Any) -> None:
    """Fit the decays from first to last, in a process that makes their data itself."""
    leastsq.leastsq_many(decay, START, data=decays()[first:last], vectorized=True, **options)


def fit_one_by_one(first: int, last: int, **options: Any) -> None:
    """Fit them with a residual of one point."""
    leastsq.leastsq_many(decay, START, data=decays()[first:last], **options)


def prepare(_: int) -> None:
    """Make the data in a new process."""
    decays()
    time.sleep(0.5)  # busy until the other process has taken its call
