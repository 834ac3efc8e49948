"""The least-squares test driver of Moré, Garbow and Hillstrom: 18 problems, 53 runs.

J. J. Moré, B. S. Garbow and K. E. Hillstrom, Testing unconstrained optimization software,
ACM Transactions on Mathematical Software 7 (1981) 17-41. Each problem is a function of x and
the number of residuals m that returns the residuals (m,) and their Jacobian (m, n). No BLAS and no
matrix product: the same x must give the same bits on every call.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Values = tuple[FloatArray, FloatArray]


class Problem(NamedTuple):
    """A problem, its standard start for n unknowns, and its name in the paper."""

    name: str
    values: Callable[[FloatArray, int], Values]
    start: Callable[[int], FloatArray]


class Run(NamedTuple):
    """One run of the driver: problem number, sizes, and which multiple of the start."""

    number: int
    n: int
    m: int
    start: int

    @property
    def problem(self) -> Problem:
        return PROBLEMS[self.number]

    @property
    def x0(self) -> FloatArray:
        """Standard start times 10^(k-1), a zero start becoming that number."""
        standard, scale = self.problem.start(self.n), 10.0 ** (self.start - 1)
        if self.start > 1 and not standard.any():
            return np.full(self.n, scale)
        return standard * scale

    def values(self, x: FloatArray) -> Values:
        return self.problem.values(x, self.m)

    def residual(self, x: FloatArray) -> FloatArray:
        return self.values(x)[0]

    def jacobian(self, x: FloatArray) -> FloatArray:
        return self.values(x)[1]

    def evaluate(
        self, iflag: int, x: FloatArray, fvec: FloatArray, fjac: FloatArray | None
    ) -> int:
        """Evaluate as a native callback."""
        values, jacobian = self.values(x)
        if fjac is not None and iflag == 2:
            fjac[:] = jacobian
        else:
            fvec[:] = values
        return 0

    @property
    def name(self) -> str:
        return f"{self.number}/{self.n}/{self.m}/{self.start}"


def _rows(matrix: FloatArray, x: FloatArray) -> FloatArray:
    """Multiply a matrix by x without BLAS."""
    product: FloatArray = (matrix * x).sum(axis=1)
    return product


def linear_full_rank(x: FloatArray, m: int) -> Values:
    jacobian = np.full((m, x.size), -2.0 / m)
    jacobian[np.arange(x.size), np.arange(x.size)] += 1.0
    f = np.full(m, -2.0 / m * x.sum() - 1.0)
    f[: x.size] += x
    return f, jacobian


def linear_rank_one(x: FloatArray, m: int) -> Values:
    i, j = np.arange(1.0, m + 1), np.arange(1.0, x.size + 1)
    return i * (j * x).sum() - 1.0, np.outer(i, j)


def linear_rank_one_zeros(x: FloatArray, m: int) -> Values:
    i, j = np.arange(m, dtype=float), np.arange(1.0, x.size + 1)
    i[-1] = j[0] = j[-1] = 0.0
    return i * (j * x).sum() - 1.0, np.outer(i, j)


def rosenbrock(x: FloatArray, m: int) -> Values:
    f = np.array([10 * (x[1] - x[0] * x[0]), 1 - x[0]])
    return f, np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def helical_valley(x: FloatArray, m: int) -> Values:
    if x[0] == 0.0:
        turns = np.copysign(0.25, x[1])
    else:
        turns = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0] < 0 else 0.0)
    square = x[0] * x[0] + x[1] * x[1]
    radius, around = np.sqrt(square), 100 / (2 * np.pi * square)
    f = np.array([10 * (x[2] - 10 * turns), 10 * (radius - 1), x[2]])
    jacobian = [
        [around * x[1], -around * x[0], 10.0],
        [10 * x[0] / radius, 10 * x[1] / radius, 0.0],
        [0.0, 0.0, 1.0],
    ]
    return f, np.array(jacobian)


def powell_singular(x: FloatArray, m: int) -> Values:
    five, ten, a, b = np.sqrt(5.0), np.sqrt(10.0), x[1] - 2 * x[2], x[0] - x[3]
    f = np.array([x[0] + 10 * x[1], five * (x[2] - x[3]), a * a, ten * b * b])
    jacobian = [
        [1.0, 10.0, 0.0, 0.0],
        [0.0, 0.0, five, -five],
        [0.0, 2 * a, -4 * a, 0.0],
        [2 * ten * b, 0.0, 0.0, -2 * ten * b],
    ]
    return f, np.array(jacobian)


def freudenstein_roth(x: FloatArray, m: int) -> Values:
    u, v = x
    f = np.array([-13 + u + ((5 - v) * v - 2) * v, -29 + u + ((v + 1) * v - 14) * v])
    return f, np.array([[1.0, (10 - 3 * v) * v - 2], [1.0, (3 * v + 2) * v - 14]])


def bard(x: FloatArray, m: int) -> Values:
    u = np.arange(1.0, 16)
    v, w = 16 - u, np.minimum(u, 16 - u)
    d = v * x[1] + w * x[2]
    square = d * d
    jacobian = np.stack([np.full(15, -1.0), u * v / square, u * w / square], axis=1)
    return BARD - (x[0] + u / d), jacobian


def kowalik_osborne(x: FloatArray, m: int) -> Values:
    u = KOWALIK_U
    top, bottom = u * (u + x[1]), u * (u + x[2]) + x[3]
    slope = x[0] * top / (bottom * bottom)
    jacobian = np.stack([-top / bottom, -x[0] * u / bottom, slope * u, slope], axis=1)
    return KOWALIK_Y - x[0] * top / bottom, jacobian


def meyer(x: FloatArray, m: int) -> Values:
    d = 45.0 + 5 * np.arange(1, 17) + x[2]
    e = np.exp(x[1] / d)
    return x[0] * e - MEYER, np.stack([e, x[0] * e / d, -x[0] * x[1] * e / (d * d)], axis=1)


def watson(x: FloatArray, m: int) -> Values:
    power = np.ones((29, x.size))
    for j in range(1, x.size):
        power[:, j] = power[:, j - 1] * (np.arange(1, 30) / 29)
    slope = np.zeros_like(power)
    slope[:, 1:] = np.arange(1, x.size) * power[:, :-1]
    value = _rows(power, x)
    f, jacobian = np.empty(31), np.zeros((31, x.size))
    f[:29] = _rows(slope, x) - value * value - 1
    f[29:] = x[0], x[1] - x[0] * x[0] - 1
    jacobian[:29] = slope - 2 * value[:, None] * power
    jacobian[29, 0], jacobian[30, :2] = 1.0, (-2 * x[0], 1.0)
    return f, jacobian


def box_3d(x: FloatArray, m: int) -> Values:
    t = np.arange(1, m + 1) / 10
    a, b, c = np.exp(-t * x[0]), np.exp(-t * x[1]), np.exp(-t) - np.exp(-10 * t)
    return a - b - x[2] * c, np.stack([-t * a, t * b, -c], axis=1)


def jennrich_sampson(x: FloatArray, m: int) -> Values:
    i = np.arange(1.0, m + 1)
    a, b = np.exp(i * x[0]), np.exp(i * x[1])
    return 2 + 2 * i - (a + b), np.stack([-i * a, -i * b], axis=1)


def brown_dennis(x: FloatArray, m: int) -> Values:
    t = np.arange(1, m + 1) / 5
    a, b = x[0] + t * x[1] - np.exp(t), x[2] + np.sin(t) * x[3] - np.cos(t)
    jacobian = np.stack([2 * a, 2 * a * t, 2 * b, 2 * b * np.sin(t)], axis=1)
    return a * a + b * b, jacobian


def chebyquad(x: FloatArray, m: int) -> Values:
    y, value, slope = 2 * x - 1, np.ones((m + 1, x.size)), np.zeros((m + 1, x.size))
    value[1], slope[1] = y, 2.0
    for i in range(2, m + 1):
        value[i] = 2 * y * value[i - 1] - value[i - 2]
        slope[i] = 4 * value[i - 1] + 2 * y * slope[i - 1] - slope[i - 2]
    integral = np.zeros(m)
    even = np.arange(2, m + 1, 2)
    integral[even - 1] = -1 / (even * even - 1)
    return value[1:].sum(axis=1) / x.size - integral, slope[1:] / x.size


def brown_almost_linear(x: FloatArray, m: int) -> Values:
    n = x.size
    before, after = np.ones(n), np.ones(n)
    for j in range(1, n):
        before[j] = before[j - 1] * x[j - 1]
        after[n - 1 - j] = after[n - j] * x[n - j]
    f, jacobian = x + x.sum() - (n + 1), np.ones((n, n)) + np.eye(n)
    f[-1], jacobian[-1] = before[-1] * x[-1] - 1, before * after
    return f, jacobian


def osborne_1(x: FloatArray, m: int) -> Values:
    t = 10.0 * np.arange(33)
    a, b = np.exp(-t * x[3]), np.exp(-t * x[4])
    jacobian = np.stack([np.full(33, -1.0), -a, -b, t * x[1] * a, t * x[2] * b], axis=1)
    return OSBORNE_1 - (x[0] + x[1] * a + x[2] * b), jacobian


def osborne_2(x: FloatArray, m: int) -> Values:
    t = np.arange(65)[:, None] / 10
    height, width, shift = x[:4], x[4:8], t - np.concatenate([[0.0], x[8:]])
    square = np.concatenate([t, shift[:, 1:] * shift[:, 1:]], axis=1)
    e = np.exp(-square * width)
    moved = -2 * height * width * shift * e
    jacobian = np.concatenate([-e, height * square * e, moved[:, 1:]], axis=1)
    return OSBORNE_2 - _rows(e, height), jacobian


def _data(numbers: str) -> FloatArray:
    return np.array([float(number) for number in numbers.split()])


BARD = _data("0.14 0.18 0.22 0.25 0.29 0.32 0.35 0.39 0.37 0.58 0.73 0.96 1.34 2.10 4.39")
KOWALIK_Y = _data("0.1957 0.1947 0.1735 0.16 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246")
KOWALIK_U = _data("4 2 1 0.5 0.25 0.167 0.125 0.1 0.0833 0.0714 0.0625")
MEYER = _data(
    "34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872"
)
OSBORNE_1 = _data(
    "0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 0.718 0.685 0.658 0.628 "
    "0.603 0.580 0.558 0.538 0.522 0.506 0.490 0.478 0.467 0.457 0.448 0.438 0.431 0.424 0.420 "
    "0.414 0.411 0.406"
)
OSBORNE_2 = _data(
    "1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655 0.616 "
    "0.606 0.602 0.626 0.651 0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 "
    "0.500 0.423 0.395 0.375 0.372 0.391 0.396 0.405 0.428 0.429 0.523 0.562 0.607 0.653 0.672 "
    "0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739 0.710 0.729 0.720 0.636 0.581 "
    "0.428 0.292 0.162 0.098 0.054"
)


def _fixed(*start: float) -> Callable[[int], FloatArray]:
    return lambda n: np.array(start, dtype=float)


PROBLEMS = {
    1: Problem("linear, full rank", linear_full_rank, np.ones),
    2: Problem("linear, rank 1", linear_rank_one, np.ones),
    3: Problem("linear, rank 1, zero columns and rows", linear_rank_one_zeros, np.ones),
    4: Problem("Rosenbrock", rosenbrock, _fixed(-1.2, 1)),
    5: Problem("helical valley", helical_valley, _fixed(-1, 0, 0)),
    6: Problem("Powell singular", powell_singular, _fixed(3, -1, 0, 1)),
    7: Problem("Freudenstein and Roth", freudenstein_roth, _fixed(0.5, -2)),
    8: Problem("Bard", bard, _fixed(1, 1, 1)),
    9: Problem("Kowalik and Osborne", kowalik_osborne, _fixed(0.25, 0.39, 0.415, 0.39)),
    10: Problem("Meyer", meyer, _fixed(0.02, 4000, 250)),
    11: Problem("Watson", watson, np.zeros),
    12: Problem("Box three-dimensional", box_3d, _fixed(0, 10, 20)),
    13: Problem("Jennrich and Sampson", jennrich_sampson, _fixed(0.3, 0.4)),
    14: Problem("Brown and Dennis", brown_dennis, _fixed(25, 5, -5, -1)),
    15: Problem("Chebyquad", chebyquad, lambda n: np.arange(1, n + 1) / (n + 1)),
    16: Problem("Brown almost linear", brown_almost_linear, lambda n: np.full(n, 0.5)),
    17: Problem("Osborne 1", osborne_1, _fixed(0.5, 1.5, -1, 0.01, 0.02)),
    18: Problem("Osborne 2", osborne_2, _fixed(1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5)),
}

_SIZES = """
    1/5/10/1 1/5/50/1 2/5/10/1 2/5/50/1 3/5/10/1 3/5/50/1 4/2/2/3 5/3/3/3 6/4/4/3 7/2/2/3
    8/3/15/3 9/4/11/3 10/3/16/2 11/6/31/3 11/9/31/3 11/12/31/3 12/3/10/1 13/2/10/1 14/4/20/3
    15/1/8/3 15/8/8/1 15/9/9/1 15/10/10/1 16/10/10/3 16/30/30/1 16/40/40/1 17/5/33/1 18/11/65/1
"""
"""Problem number, n, m and number of starts."""

RUNS = [
    Run(number, n, m, start)
    for number, n, m, starts in (map(int, item.split("/")) for item in _SIZES.split())
    for start in range(1, starts + 1)
]
