"""Numbers of extreme scales."""

from __future__ import annotations

import numpy as np
from reference import FloatArray

__all__ = ["OPTIONS", "problem", "size", "wild"]

OPTIONS = {
    "ftol": [0.0, 1e-12, 1e-3],
    "xtol": [0.0, 1e-12, 1e-3],
    "gtol": [1e-12, 1e-3, 0.1],
    "factor": [1e-300, 1e-8, 0.1, 1.0, 1e8, 1e300],
    "epsfcn": [1e-18, 1e-12, 1e-6],
    "maxfev": [1, 7, 30],
}


def wild(rng: np.random.Generator, *shape: int) -> FloatArray:
    """Return normal numbers of one of many distributions of scale, denormals and 1e308 included."""
    span = rng.choice([3.0, 3.0, 160.0, 300.0])
    exponents = rng.uniform(-span, span, shape)
    if rng.random() < 0.7:  # one scale for all, or one for each column
        exponents = exponents.flat[0] + rng.choice([0.0, 3.0, span]) * rng.random(shape[-1])
    if rng.random() < 0.1:  # limits of enorm's classes and of double precision
        border = rng.choice([-307.5, -19.5, 18.0, 19.0, 153.5, 307.5])
        exponents = border + rng.uniform(-1.0, 1.0, shape)
    values: FloatArray = rng.standard_normal(shape) * 10.0 ** np.clip(exponents, -308.0, 307.6)
    if rng.random() < 0.1:
        values[rng.random(shape) < 0.3] = 0.0
    if rng.random() < 0.05:
        values[rng.random(shape) < 0.2] = 5e-324 * rng.integers(1, 1000)
    if len(shape) == 2 and rng.random() < 0.1:  # a zero column, or two equal ones
        values[:, -1] = values[:, 0] * rng.choice([0.0, 1.0])
    return values


def size(rng: np.random.Generator) -> tuple[int, int]:
    """Return m and n of a problem."""
    n = int(rng.integers(1, 7))
    return n + int(rng.integers(0, 13)), n


def problem(rng: np.random.Generator, m: int, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return a, b and x0 of a problem; most solves of them go on for some iterations."""
    a, b, x0 = wild(rng, m, n), wild(rng, m), wild(rng, n)
    if rng.random() < 0.7:  # of matching scales
        largest = np.abs(a).max(axis=0)
        x0 = rng.standard_normal(n) / np.where(largest > 1e-300, largest, 1.0)
        b = rng.standard_normal(m) + rng.choice([0.0, 1.0]) * (a * x0[::-1]).sum(axis=1)
    return a, np.nan_to_num(b), x0
