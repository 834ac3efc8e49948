"""Rows for other ways to evaluate: vectorized, in parallel, by ask and tell, beside plain calls."""

import functools
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt

import leastsq
from benchmark.timing import (
    Effort,
    Group,
    Line,
    Row,
    amount,
    compared,
    interleaved,
    quartiles,
    repeated,
)
from leastsq._workers import Workers

__all__ = ["rows"]

Vector = npt.NDArray[np.float64]

VECTORIZED = 0.7
"""Target: the time of a vectorized solve over that of a plain one."""
GAIN = 0.85
"""Target: what two workers gain over what two processes gain."""
PER_EVALUATION = 2e-6
"""Target: seconds that ask and tell take for an evaluation."""

TIMES = np.linspace(0.0, 4.0, 50)
NOISE = 0.02 * np.random.default_rng(0).standard_normal(TIMES.size)
DATA = 2.5 * np.exp(-1.3 * TIMES) + 0.5 + NOISE
START = np.array([1.0, 1.0, 0.0])

ENERGIES = np.linspace(0.0, 10.0, 200)
OFFSETS = np.linspace(-0.3, 0.3, 8000).reshape(-1, 50)
"""Where a spectrum of four lines is measured; offsets over which the instrument averages."""
SPECTRUM = np.array([3.0, 5.0, 2.0, 4.0, 1.5, 4.0, 6.0, 8.5])
"""The four heights, then the four places."""


def decay(p: Vector) -> Vector:
    """Return the residuals of a decay, for one p or several."""
    a, b, c = p
    values: Vector = a * np.exp(-b * TIMES) + c - DATA
    return values


def spectrum(p: Vector) -> Vector:
    """Return the spectrum of lines with heights and places p, in about 20 ms."""
    total = np.zeros(ENERGIES.size)
    for block in OFFSETS:  # small enough for the cache
        shifted = ENERGIES[:, None] - block
        for height, place in p.reshape(2, 4).T:
            total += height * np.exp(-((shifted - place) ** 2)).sum(axis=1)
    return total / OFFSETS.size


MEASURED = spectrum(SPECTRUM) + 0.02 * np.random.default_rng(1).standard_normal(ENERGIES.size)


def spectrum_residual(p: Vector) -> Vector:
    """Return the residuals of the spectrum."""
    values: Vector = spectrum(p) - MEASURED
    return values


def fit_spectrum(workers: Workers | None = None) -> int:
    """Fit the spectrum from a good guess; return the number of evaluations."""
    solution = leastsq.leastsq(
        spectrum_residual, SPECTRUM + 0.2, full_output=True, workers=workers
    )
    return solution[2]["nfev"]


def rows() -> list[Row]:
    """Return the rows of this module."""
    return [
        Row(
            "vectorized 50x3",
            "How long does the exponential take with one call a Jacobian?",
            Group.MODES,
            _vectorized,
        ),
        Row(
            "workers 200x8",
            "What does a pool of two gain at 20 ms a residual, beside two plain processes?",
            Group.GAINS,
            _workers,
        ),
        Row(
            "ask/tell",
            "What does an evaluation cost beside its residual, all points told at once?",
            Group.AMOUNTS,
            functools.partial(_ask_and_tell, one_by_one=False),
        ),
        Row(
            "ask/tell one by one",
            "The same, told point by point?",
            Group.AMOUNTS,
            functools.partial(_ask_and_tell, one_by_one=True),
        ),
    ]


def _vectorized(effort: Effort) -> list[Line]:
    solve = functools.partial(leastsq.leastsq, decay, START)
    calls = {"once": repeated(functools.partial(solve, vectorized=True)), "plain": repeated(solve)}
    times = interleaved(calls, effort)
    points = START[:, None, None] * np.ones((1, 3, 1))
    one, three = (
        float(np.median(found))
        for found in interleaved(
            {
                "1": repeated(functools.partial(decay, START[:, None, None])),
                "3": repeated(functools.partial(decay, points)),
            },
            effort,
        ).values()
    )
    note = f"a call of 1 and of 3 points: {1e6 * one:.1f} and {1e6 * three:.1f} µs"
    return [compared(Group.MODES, "plain", times["once"], times["plain"], VECTORIZED, note)]


def _workers(effort: Effort) -> list[Line]:
    """Measure wall-clock time, for other processes do the work."""
    found = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(spectrum_residual, [SPECTRUM] * 8))  # now both processes have started
        for _ in range(effort.rounds):
            start = time.perf_counter()
            evaluations = fit_spectrum()
            alone = time.perf_counter()
            fit_spectrum(functools.partial(pool.map, chunksize=4))  # half of the points each
            shared = time.perf_counter()
            for solve in [pool.submit(fit_spectrum) for _ in range(2)]:
                solve.result()
            both = time.perf_counter()
            found.append((alone - start, shared - alone, both - shared))
    plain, ours, two = np.array(found).T
    gain, possible = plain / ours, 2.0 * plain / two
    low, value, high = quartiles(gain / possible)
    note = (
        f"gain {np.median(gain):.2f}, of two processes {np.median(possible):.2f}; {evaluations} "
        f"evaluations of {1e3 * np.median(plain) / evaluations:.0f} ms"
    )
    medians = float(np.median(ours)), float(np.median(plain))
    return [Line("plain", *medians, value, low, high, GAIN, note)]


def _ask_and_tell(effort: Effort, one_by_one: bool) -> list[Line]:
    evaluated: list[Vector] = []

    def keep(p: Vector) -> Vector:
        evaluated.append(decay(p))
        return evaluated[-1]

    leastsq.leastsq(keep, START)

    def told() -> None:
        answers = iter(evaluated)
        solve = leastsq.LevenbergMarquardt(START, TIMES.size)
        while (points := solve.ask()) is not None:
            if not one_by_one:
                solve.tell(points, [next(answers) for _ in points])
                continue
            for j in range(len(points)):
                solve.tell(points[j : j + 1], [next(answers)])

    def called() -> None:
        answers = iter(evaluated)
        leastsq.leastsq(lambda _: next(answers), START)

    def answers_alone() -> None:
        answers = iter(evaluated)
        for _ in evaluated:
            next(answers)

    times = interleaved(
        {"told": repeated(told), "called": repeated(called), "answers": repeated(answers_alone)},
        effort,
    )
    ours, plain = (
        (times[name] - times["answers"]) / len(evaluated) for name in ("told", "called")
    )
    return [amount("leastsq", ours, plain, PER_EVALUATION, f"{len(evaluated)} evaluations a solve")]
