"""The residuals of fuzzing/models.c for numba."""

import numpy as np
from numba import njit

from fuzzing.models import BrokenError

__all__ = ["jacobian", "jacobian_by_columns", "residual"]


@njit
def spoil(x, values, spec, turn):
    """Spoil an element of values, or raise, where the bits of x say so."""
    lot = np.uint64(1469598103934665603)
    for word in x.view(np.uint64):
        lot = (lot ^ word) * np.uint64(1099511628211)
    lot >>= np.uint64(20)
    if (lot // np.uint64(5)) % np.uint64(spec[2]) == turn:
        raise BrokenError
    if lot % np.uint64(spec[0]) == turn:
        values[(lot // np.uint64(64)) % np.uint64(len(values))] = spec[1]


@njit
def residual(x, a, b, kind, spec):
    values = np.empty(b.size)
    for i in range(b.size):
        total = 0.0
        for j in range(x.size):
            if kind == 2:
                total += a[i, j] * np.exp(-(i + 1) * x[j])
            elif kind == 3:
                total += np.tanh(a[i, j] * x[j])
            else:
                total += a[i, j] * x[j]
        values[i] = (total * total if kind == 1 else total) - b[i]
    spoil(x, values, spec, np.uint64(0))
    return values


@njit
def jacobian(x, a, b, kind, spec):
    values = np.empty((b.size, x.size))
    for i in range(b.size):
        total = 0.0
        for j in range(x.size):
            total += a[i, j] * x[j]
        for j in range(x.size):
            t = i + 1.0
            values[i, j] = a[i, j]
            if kind == 1:
                values[i, j] *= 2.0 * total
            elif kind == 2:
                values[i, j] *= -t * np.exp(-t * x[j])
            elif kind == 3:
                values[i, j] /= np.cosh(a[i, j] * x[j]) ** 2
    spoil(x, values, spec, np.uint64(1))
    return values


@njit
def jacobian_by_columns(x, a, b, kind, spec):
    return jacobian(x, a, b, kind, spec).T.copy()
