"""Jacobians (m, n) of the problems of mgh.py as numba functions, under the same names."""

from math import cos, exp, pi, sin, sqrt

import numpy as np
from mgh import KOWALIK_U, FloatArray
from mgh_numba import compiled


@compiled
def linear_full_rank(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        for j in range(x.size):
            jacobian[i, j] = -2.0 / m + (i == j)
    return jacobian


@compiled
def linear_rank_one(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        for j in range(x.size):
            jacobian[i, j] = (i + 1) * (j + 1)
    return jacobian


@compiled
def linear_rank_one_zeros(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.zeros((m, x.size))
    for i in range(1, m - 1):
        for j in range(1, x.size - 1):
            jacobian[i, j] = i * (j + 1)
    return jacobian


@compiled
def rosenbrock(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.zeros((m, x.size))
    jacobian[0, 0], jacobian[0, 1] = -20 * x[0], 10.0
    jacobian[1, 0] = -1.0
    return jacobian


@compiled
def helical_valley(x: FloatArray, m: int) -> FloatArray:
    square = x[0] * x[0] + x[1] * x[1]
    radius, around = sqrt(square), 100 / (2 * pi * square)
    jacobian = np.zeros((m, x.size))
    jacobian[0, 0], jacobian[0, 1], jacobian[0, 2] = around * x[1], -around * x[0], 10.0
    jacobian[1, 0], jacobian[1, 1] = 10 * x[0] / radius, 10 * x[1] / radius
    jacobian[2, 2] = 1.0
    return jacobian


@compiled
def powell_singular(x: FloatArray, m: int) -> FloatArray:
    a, b, jacobian = x[1] - 2 * x[2], x[0] - x[3], np.zeros((m, x.size))
    jacobian[0, 0], jacobian[0, 1] = 1.0, 10.0
    jacobian[1, 2], jacobian[1, 3] = sqrt(5.0), -sqrt(5.0)
    jacobian[2, 1], jacobian[2, 2] = 2 * a, -4 * a
    jacobian[3, 0], jacobian[3, 3] = 2 * sqrt(10.0) * b, -2 * sqrt(10.0) * b
    return jacobian


@compiled
def freudenstein_roth(x: FloatArray, m: int) -> FloatArray:
    v, jacobian = x[1], np.ones((m, x.size))
    jacobian[0, 1] = (10 - 3 * v) * v - 2
    jacobian[1, 1] = (3 * v + 2) * v - 14
    return jacobian


@compiled
def bard(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        u, v = i + 1, 15 - i
        w = min(u, v)
        d = v * x[1] + w * x[2]
        jacobian[i, 0] = -1.0
        jacobian[i, 1], jacobian[i, 2] = u * v / (d * d), u * w / (d * d)
    return jacobian


@compiled
def kowalik_osborne(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        u = KOWALIK_U[i]
        top, bottom = u * (u + x[1]), u * (u + x[2]) + x[3]
        slope = x[0] * top / (bottom * bottom)
        jacobian[i, 0], jacobian[i, 1] = -top / bottom, -x[0] * u / bottom
        jacobian[i, 2], jacobian[i, 3] = slope * u, slope
    return jacobian


@compiled
def meyer(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        d = 50.0 + 5 * i + x[2]
        e = exp(x[1] / d)
        jacobian[i, 0], jacobian[i, 1] = e, x[0] * e / d
        jacobian[i, 2] = -x[0] * x[1] * e / (d * d)
    return jacobian


@compiled
def watson(x: FloatArray, m: int) -> FloatArray:
    n, jacobian = x.size, np.zeros((m, x.size))
    for i in range(29):
        value, power, before = 0.0, 1.0, 0.0
        for j in range(n):
            value += power * x[j]
            power *= (i + 1) / 29
        power = 1.0
        for j in range(n):
            jacobian[i, j] = j * before - 2 * value * power
            before, power = power, power * ((i + 1) / 29)
    jacobian[29, 0], jacobian[30, 0], jacobian[30, 1] = 1.0, -2 * x[0], 1.0
    return jacobian


@compiled
def box_3d(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        t = (i + 1) / 10
        jacobian[i, 0], jacobian[i, 1] = -t * exp(-t * x[0]), t * exp(-t * x[1])
        jacobian[i, 2] = exp(-10 * t) - exp(-t)
    return jacobian


@compiled
def jennrich_sampson(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        t = i + 1
        jacobian[i, 0], jacobian[i, 1] = -t * exp(t * x[0]), -t * exp(t * x[1])
    return jacobian


@compiled
def brown_dennis(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        t = (i + 1) / 5
        a, b = x[0] + t * x[1] - exp(t), x[2] + sin(t) * x[3] - cos(t)
        jacobian[i, 0], jacobian[i, 1] = 2 * a, 2 * a * t
        jacobian[i, 2], jacobian[i, 3] = 2 * b, 2 * b * sin(t)
    return jacobian


@compiled
def chebyquad(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for j in range(x.size):
        y, before, value = 2 * x[j] - 1, 1.0, 2 * x[j] - 1
        slope_before, slope = 0.0, 2.0
        for i in range(m):
            jacobian[i, j] = slope / x.size
            slope_before, slope = slope, 4 * value + 2 * y * slope - slope_before
            before, value = value, 2 * y * value - before
    return jacobian


@compiled
def brown_almost_linear(x: FloatArray, m: int) -> FloatArray:
    before, after, jacobian = 1.0, 1.0, np.ones((m, m))
    for j in range(m):
        jacobian[j, j] = 2.0
    for j in range(m):
        jacobian[m - 1, j] = before
        before *= x[j]
    for j in range(m - 1, -1, -1):
        jacobian[m - 1, j] *= after
        after *= x[j]
    return jacobian


@compiled
def osborne_1(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        t = 10.0 * i
        a, b = exp(-t * x[3]), exp(-t * x[4])
        jacobian[i, 0], jacobian[i, 1], jacobian[i, 2] = -1.0, -a, -b
        jacobian[i, 3], jacobian[i, 4] = t * x[1] * a, t * x[2] * b
    return jacobian


@compiled
def osborne_2(x: FloatArray, m: int) -> FloatArray:
    jacobian = np.empty((m, x.size))
    for i in range(m):
        t = i / 10
        e = exp(-t * x[4])
        jacobian[i, 0], jacobian[i, 4] = -e, x[0] * t * e
        for k in range(1, 4):
            shift = t - x[7 + k]
            e = exp(-shift * shift * x[4 + k])
            jacobian[i, k], jacobian[i, 4 + k] = -e, x[k] * (shift * shift) * e
            jacobian[i, 7 + k] = -2 * x[k] * x[4 + k] * shift * e
    return jacobian
