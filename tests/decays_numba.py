"""Decays for numba, and the comparison of compiled fits with those by calls from Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from decays import START
from engines import assert_equal
from numba import njit

from leastsq import leastsq_many


def both(func: Any, x0: object = START, Dfun: Any = None, **options: Any) -> None:
    """Compare compiled fits with those by calls from Python, every bit."""
    python = leastsq_many(
        lambda *args: func(*args), x0, Dfun=None if Dfun is None else lambda *args: Dfun(*args),
        **options,
    )  # fmt: skip
    assert_equal(leastsq_many(func, x0, Dfun=Dfun, **options), python)
    assert_equal(leastsq_many(func, x0, Dfun=Dfun, workers=2, chunksize=50, **options), python)


@njit
def decay(p, y):
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = p[0] * np.exp(-p[1] * 4.0 * i / (y.size - 1)) + p[2] - y[i]
    return out


@njit
def decay_at(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


@njit
def slopes(p, y, t):
    out = np.empty((t.size, 3))
    out[:, 0] = np.exp(-p[1] * t)
    out[:, 1] = -p[0] * t * out[:, 0]
    out[:, 2] = 1.0
    return out


@njit
def slopes_by_column(p, y, t):
    return slopes(p, y, t).T.copy()


@njit
def slopes_in_fortran(p, y, t):
    return np.asfortranarray(slopes(p, y, t))
