"""Rows for many fits: leastsq_many beside loops over SciPy's leastsq and over our own."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

import leastsq
from benchmark.fits import FITS, START, decay, decays
from benchmark.timing import Effort, Group, Line, Row, amount, compared, race

__all__ = ["rows"]

Vector = npt.NDArray[np.float64]

VECTORIZED, ONE_BY_ONE, GAUSSIAN = 7.0, 1.0, 4.5
"""Targets: the loop's time over ours."""
OVERHEAD = 200e-6
"""Target: seconds of a call with one fit beyond those of the fit."""
GROWTH = 1.1
"""Target: the time per fit of the largest batch over that of the smallest."""

PIXELS_Y, PIXELS_X = (axis.ravel().astype(float) for axis in np.mgrid[:12, :12])
SPOT = [80.0, 5.5, 5.5, 2.0, 5.0]
"""Start: height, x, y, width, background."""
LOOP_FITS = 2000
"""Fits of a Python loop beside leastsq_many."""


def gaussian(p: Vector) -> Vector:
    """Return images of spots, 12 x 12 pixels, a row each."""
    dx, dy = PIXELS_X - p[1], PIXELS_Y - p[2]
    values: Vector = p[0] * np.exp(-(dx * dx + dy * dy) / (2.0 * p[3] * p[3])) + p[4]
    return values


def spot(p: Vector, y: Vector) -> Vector:
    """Return the residuals of spots."""
    return gaussian(p) - y


def spot_slopes(p: Vector, y: Vector) -> Vector:
    """Return their Jacobians; the first axis is that of the parameters."""
    dx, dy, square = PIXELS_X - p[1], PIXELS_Y - p[2], p[3] * p[3]
    distance = dx * dx + dy * dy
    shape = np.exp(-distance / (2.0 * square))
    height = p[0] * shape
    out = np.empty((5, *shape.shape))
    out[0], out[1], out[2] = shape, height * dx / square, height * dy / square
    out[3], out[4] = height * distance / (square * p[3]), 1.0
    return out


class Repeated:
    """The same rows repeated: a batch of any size in little memory."""

    def __init__(self, rows: Vector, count: int) -> None:
        self.rows = rows
        self.shape, self.dtype = (count, rows.shape[1]), rows.dtype

    def __getitem__(self, part: tuple[slice, ...]) -> Vector:
        places = np.arange(part[0].start, part[0].stop) % len(self.rows)
        taken: Vector = self.rows[places]
        return taken


@functools.cache
def spots() -> Vector:
    """Return data of many spots."""
    rng = np.random.default_rng(1)
    low, high = [50.0, 4.5, 4.5, 1.5, 2.0], [150.0, 6.5, 6.5, 2.5, 8.0]
    values = gaussian(rng.uniform(low, high, (FITS // 5, 5)).T[:, :, None])
    return values + 3.0 * rng.standard_normal(values.shape)


def rows() -> list[Row]:
    """Return the rows of this module."""
    asked: list[tuple[str, str, Group, Callable[[Effort], list[Line]]]] = [
        ("many 50x3 vectorized", "How much faster than SciPy in a loop?", Group.MANY, _vectorized),
        ("many 50x3", "How much faster than our leastsq in a loop?", Group.MANY, _looped),
        ("many 144x5 Dfun", "And with 12 x 12 Gaussians and Dfun?", Group.MANY, _gaussian),
        ("many growth", "How does a fit's time grow, 10^3 to 10^6 fits?", Group.AMOUNTS, _growth),
        ("many one", "What does a call with one fit cost beyond the fit?", Group.AMOUNTS, _one),
    ]
    return [
        Row(name, question, group, run, "" if name == "many growth" else "s")
        for name, question, group, run in asked
    ]


def _many(**options: Any) -> Callable[[], Any]:
    return functools.partial(leastsq.leastsq_many, decay, START, **options)


def _loop(
    solver: Callable[..., Any], data: Vector, *arguments: object, **options: object
) -> Callable[[], Any]:
    def loop() -> None:
        for row in data:
            solver(*arguments, (row,), **options)

    return loop


def _vectorized(effort: Effort) -> list[Line]:
    data = decays()
    ours, theirs = race(
        effort.rounds,
        (_many(data=data, vectorized=True), FITS),
        (_loop(scipy.optimize.leastsq, data[:LOOP_FITS], decay, START), LOOP_FITS),
    )
    return [compared(Group.MANY, "SciPy", ours, theirs, VECTORIZED, "seconds a fit")]


def _looped(effort: Effort) -> list[Line]:
    data = decays()[:LOOP_FITS]
    ours, theirs = race(
        effort.rounds,
        (_many(data=data), LOOP_FITS),
        (_loop(leastsq.leastsq, data, decay, START), LOOP_FITS),
    )
    return [compared(Group.MANY, "leastsq", ours, theirs, ONE_BY_ONE, "seconds a fit")]


def _gaussian(effort: Effort) -> list[Line]:
    data = spots()
    many = functools.partial(
        leastsq.leastsq_many, spot, SPOT, data=data, Dfun=spot_slopes, col_deriv=True,
        vectorized=True,
    )  # fmt: skip
    loop = _loop(
        scipy.optimize.leastsq, data[: LOOP_FITS // 2], spot, SPOT, Dfun=spot_slopes, col_deriv=True
    )
    ours, theirs = race(effort.rounds, (many, len(data)), (loop, LOOP_FITS // 2))
    return [compared(Group.MANY, "SciPy", ours, theirs, GAUSSIAN, "seconds a fit")]


def _growth(effort: Effort) -> list[Line]:
    sizes, base = (1000, 10_000, 100_000, 1_000_000), decays()
    contenders = [
        (_many(data=Repeated(base[: min(size, 1000)], size), vectorized=True, cov=False), size)
        for size in sizes
    ]
    times = race(min(effort.rounds, 3), *contenders)
    note = ", ".join(f"{1e6 * np.median(seconds):.1f}" for seconds in times) + " µs a fit"
    return [amount("", times[-1] / times[0], None, GROWTH, note)]


def _one(effort: Effort) -> list[Line]:
    data = decays()[:1]
    points = int(leastsq.leastsq_many(decay, START, data=data, vectorized=True).nfev[0]) + 1
    start = np.array(START)[:, None, None]
    rounds = 20 * effort.rounds
    whole, fit, vectorized, residuals = race(
        rounds,
        (_many(data=data), 1),
        (_loop(leastsq.leastsq, data, decay, START), 1),
        (_many(data=data, vectorized=True), 1),
        (lambda: [decay(start, data) for _ in range(points)], 1),
    )
    return [
        amount(peer, ours - np.median(known), known, OVERHEAD, note)
        for note, ours, known, peer in (
            ("beyond one leastsq", whole, fit, "leastsq"),
            ("vectorized, beyond the calls of func", vectorized, residuals, "func"),
        )
    ]
