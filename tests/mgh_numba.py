"""Residuals of the problems of mgh.py as numba functions, under the same names.

All have one signature, so that one adapter serves them all, and plain loops, which compile fastest.
As in NumPy, a division by zero is no exception.
"""

from math import atan, copysign, cos, exp, pi, sin, sqrt

import numpy as np
from mgh import BARD, KOWALIK_U, KOWALIK_Y, MEYER, OSBORNE_1, OSBORNE_2, FloatArray
from numba import njit

compiled = njit(error_model="numpy")


@compiled
def linear_full_rank(x: FloatArray, m: int) -> FloatArray:
    total, f = 0.0, np.empty(m)
    for j in range(x.size):
        total += x[j]
    for i in range(m):
        f[i] = -2.0 / m * total - 1.0
    for j in range(x.size):
        f[j] += x[j]
    return f


@compiled
def linear_rank_one(x: FloatArray, m: int) -> FloatArray:
    total, f = 0.0, np.empty(m)
    for j in range(x.size):
        total += (j + 1) * x[j]
    for i in range(m):
        f[i] = (i + 1) * total - 1.0
    return f


@compiled
def linear_rank_one_zeros(x: FloatArray, m: int) -> FloatArray:
    total, f = 0.0, np.empty(m)
    for j in range(1, x.size - 1):
        total += (j + 1) * x[j]
    for i in range(m - 1):
        f[i] = i * total - 1.0
    f[m - 1] = -1.0
    return f


@compiled
def rosenbrock(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    f[0], f[1] = 10 * (x[1] - x[0] * x[0]), 1 - x[0]
    return f


@compiled
def helical_valley(x: FloatArray, m: int) -> FloatArray:
    if x[0] == 0.0:
        turns = copysign(0.25, x[1])
    else:
        turns = atan(x[1] / x[0]) / (2 * pi) + (0.5 if x[0] < 0 else 0.0)
    f = np.empty(m)
    f[0] = 10 * (x[2] - 10 * turns)
    f[1] = 10 * (sqrt(x[0] * x[0] + x[1] * x[1]) - 1)
    f[2] = x[2]
    return f


@compiled
def powell_singular(x: FloatArray, m: int) -> FloatArray:
    a, b, f = x[1] - 2 * x[2], x[0] - x[3], np.empty(m)
    f[0], f[1] = x[0] + 10 * x[1], sqrt(5.0) * (x[2] - x[3])
    f[2], f[3] = a * a, sqrt(10.0) * b * b
    return f


@compiled
def freudenstein_roth(x: FloatArray, m: int) -> FloatArray:
    u, v, f = x[0], x[1], np.empty(m)
    f[0] = -13 + u + ((5 - v) * v - 2) * v
    f[1] = -29 + u + ((v + 1) * v - 14) * v
    return f


@compiled
def bard(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        u, v = i + 1, 15 - i
        f[i] = BARD[i] - (x[0] + u / (v * x[1] + min(u, v) * x[2]))
    return f


@compiled
def kowalik_osborne(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        u = KOWALIK_U[i]
        f[i] = KOWALIK_Y[i] - x[0] * (u * (u + x[1])) / (u * (u + x[2]) + x[3])
    return f


@compiled
def meyer(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        f[i] = x[0] * exp(x[1] / (50.0 + 5 * i + x[2])) - MEYER[i]
    return f


@compiled
def watson(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(29):
        power, value, slope = 1.0, x[0], 0.0
        for j in range(1, x.size):
            slope += j * power * x[j]
            power *= (i + 1) / 29
            value += power * x[j]
        f[i] = slope - value * value - 1
    f[29], f[30] = x[0], x[1] - x[0] * x[0] - 1
    return f


@compiled
def box_3d(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        t = (i + 1) / 10
        f[i] = exp(-t * x[0]) - exp(-t * x[1]) - x[2] * (exp(-t) - exp(-10 * t))
    return f


@compiled
def jennrich_sampson(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        t = i + 1
        f[i] = 2 + 2 * t - (exp(t * x[0]) + exp(t * x[1]))
    return f


@compiled
def brown_dennis(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        t = (i + 1) / 5
        a, b = x[0] + t * x[1] - exp(t), x[2] + sin(t) * x[3] - cos(t)
        f[i] = a * a + b * b
    return f


@compiled
def chebyquad(x: FloatArray, m: int) -> FloatArray:
    f = np.zeros(m)
    for j in range(x.size):
        y, before, value = 2 * x[j] - 1, 1.0, 2 * x[j] - 1
        for i in range(m):
            f[i] += value
            before, value = value, 2 * y * value - before
    for i in range(m):
        f[i] /= x.size
    for i in range(1, m, 2):
        f[i] += 1 / ((i + 1) * (i + 1) - 1)
    return f


@compiled
def brown_almost_linear(x: FloatArray, m: int) -> FloatArray:
    total, product, f = 0.0, 1.0, np.empty(m)
    for j in range(m):
        total += x[j]
        product *= x[j]
    for i in range(m - 1):
        f[i] = x[i] + total - (m + 1)
    f[m - 1] = product - 1
    return f


@compiled
def osborne_1(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        t = 10.0 * i
        f[i] = OSBORNE_1[i] - (x[0] + x[1] * exp(-t * x[3]) + x[2] * exp(-t * x[4]))
    return f


@compiled
def osborne_2(x: FloatArray, m: int) -> FloatArray:
    f = np.empty(m)
    for i in range(m):
        t = i / 10
        total = x[0] * exp(-t * x[4])
        for k in range(1, 4):
            shift = t - x[7 + k]
            total += x[k] * exp(-shift * shift * x[4 + k])
        f[i] = OSBORNE_2[i] - total
    return f
