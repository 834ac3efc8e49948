"""Rows for compiled residuals, beside their evaluations alone, SciPy and cminpack.

Run as a program, it prints how many seconds a first call takes whose function has been compiled,
and then one with another function of the same types.
"""

import ctypes
import functools
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

import leastsq
from benchmark.children import numbers_from
from benchmark.fits import FITS, START, TIMES, decays, prepare
from benchmark.routines import shared_object
from benchmark.timing import Effort, Group, Line, Row, amount, compared, race
from benchmark.workers import gain, processes

__all__ = ["rows"]

Vector = npt.NDArray[np.float64]
Compiled = Callable[..., Any]

FLOOR = 2.1
"""Target: the time of fits over that of their residuals alone."""
ONE = 0.25
"""Target: our time for one solve over SciPy's."""
FIRST = 0.2
"""Target: seconds of a first call."""
MANY, SPOTS, LOOP = 7.0, 4.0, 1.0
"""Targets: SciPy's, SciPy's and cminpack's time over ours."""
THREADS = 0.95
"""Target: what two threads gain over what two processes gain."""
LOOP_FITS = 2000
"""Fits of a Python loop beside leastsq_many."""
SIDE = 7
"""Pixels on a side of an image of a spot."""
SPOT = [80.0, 3.0, 3.0, 1.3, 1.3, 5.0]
"""Start: height, x, y, width in x and in y, background."""


def rows() -> list[Row]:
    """Return the rows of this module, none without numba."""
    if find_spec("numba") is None:
        return []
    return [
        Row("compiled floor", "Fits of a numba residual: their time over that of its evaluations?",
            Group.AMOUNTS, _floor, ""),
        Row("compiled many", "How much faster than SciPy in a loop, with the same function?",
            Group.MANY, _many),
        Row("compiled one", "How long does one solve take, beside SciPy's?", Group.SOLVES, _one),
        Row("compiled spots", "How much faster are 7 x 7 spots, float32, four scratch arrays?",
            Group.MANY, _spots),
        Row("compiled loop", "How fast is a C loop over our lmdif, and over cminpack's?",
            Group.MANY, _loop),
        Row("compiled threads", "What do two threads gain, beside two plain processes?",
            Group.GAINS, _threads),
        Row("compiled first", "How long does a first call take, its function compiled?",
            Group.AMOUNTS, _first),
    ]  # fmt: skip


@functools.cache
def exponential() -> Compiled:
    """Return the residual of a decay."""
    import numba

    @numba.njit
    def residual(p: Any, y: Any, t: Any) -> Any:
        out = np.empty(t.size)
        for i in range(t.size):
            out[i] = p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]
        return out

    compiled: Compiled = residual
    return compiled


def _floor(effort: Effort) -> list[Line]:
    import numba

    residual, data = exponential(), decays()[: FITS // 4]
    fit = partial(leastsq.leastsq_many, residual, START, data=data, args=TIMES)
    result = fit()

    @numba.njit
    def alone(data: Any, x: Any, nfev: Any, t: Any) -> float:
        total = 0.0
        for k in range(len(data)):
            for _ in range(nfev[k]):
                total += residual(x[k], data[k], t)[0]
        return total

    floor = partial(alone, data, result.x, result.nfev, TIMES)
    ours, theirs = race(effort.rounds, (fit, len(data)), (floor, len(data)))
    note = f"{np.median(ours) * 1e6:.3g} us a fit"
    return [amount("residual", ours / theirs, None, FLOOR, note)]


def _many(effort: Effort) -> list[Line]:
    residual, data = exponential(), decays()[: FITS // 4]
    fit = partial(leastsq.leastsq_many, residual, START, data=data, args=TIMES)

    def loop() -> None:
        for y in data[:LOOP_FITS]:
            scipy.optimize.leastsq(residual, START, (y, TIMES))

    ours, theirs = race(effort.rounds, (fit, len(data)), (loop, LOOP_FITS))
    return [compared(Group.MANY, "SciPy", ours, theirs, MANY, "seconds a fit")]


def _one(effort: Effort) -> list[Line]:
    residual, y = exponential(), decays()[0].copy()
    compiled = leastsq.CompiledResidual(residual)

    def loop(solver: Callable[..., Any], func: object) -> None:
        for _ in range(LOOP_FITS):
            solver(func, START, (y, TIMES))

    ours, theirs = race(
        effort.rounds,
        (partial(loop, leastsq.leastsq, compiled), LOOP_FITS),
        (partial(loop, scipy.optimize.leastsq, residual), LOOP_FITS),
    )
    return [compared(Group.SOLVES, "SciPy", ours, theirs, ONE)]


def _spots(effort: Effort) -> list[Line]:
    import numba

    @numba.njit
    def spot(p, image, axis, dx, dy, ex, ey):  # type: ignore[no-untyped-def]
        for j in range(SIDE):
            dx[j], dy[j] = axis[j] - p[1], axis[j] - p[2]
            ex[j] = np.exp(-dx[j] * dx[j] / (2.0 * p[3] * p[3]))
            ey[j] = np.exp(-dy[j] * dy[j] / (2.0 * p[4] * p[4]))
        out = np.empty(SIDE * SIDE, np.float32)
        for i in range(SIDE):
            for j in range(SIDE):
                out[SIDE * i + j] = p[0] * ey[i] * ex[j] + p[5] - image[i, j]
        return out

    axis = np.arange(SIDE, dtype=np.float32)
    scratch = tuple(np.zeros(SIDE, np.float32) for _ in range(4))
    rng = np.random.default_rng(2)
    low, high = [50.0, 2.5, 2.5, 1.0, 1.0, 2.0], [150.0, 3.5, 3.5, 1.6, 1.6, 8.0]
    p = rng.uniform(low, high, (FITS // 4, 6)).T[:, :, None, None]
    x, y = axis[None, None, :], axis[None, :, None]
    images = p[0] * np.exp(-(((x - p[1]) / p[3]) ** 2 + ((y - p[2]) / p[4]) ** 2) / 2.0) + p[5]
    images = (images + rng.standard_normal(images.shape)).astype(np.float32)
    args = (axis, *scratch)
    fit = partial(leastsq.leastsq_many, spot, SPOT, data=images, args=args)

    def loop() -> None:
        for image in images[: LOOP_FITS // 2]:
            scipy.optimize.leastsq(spot, SPOT, (image, *args))

    ours, theirs = race(effort.rounds, (fit, len(images)), (loop, LOOP_FITS // 2))
    return [compared(Group.MANY, "SciPy", ours, theirs, SPOTS, "seconds a fit")]


def _loop(effort: Effort) -> list[Line]:
    """Fit decays whose residual is a C function: by a loop in C and by leastsq_many."""
    data = decays()[: FITS // 10]
    residual, x = pointer(), np.empty((len(data), len(START)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lmdif.so")
        path.write_bytes(shared_object("lmdif.c"))
        fit_decays = ctypes.CDLL(str(path)).fit_decays
    cminpack = ctypes.CDLL("libcminpack.so.1").lmdif
    arguments = (
        ctypes.c_void_p(residual.address), data.ctypes, len(data), np.array(START).ctypes, x.ctypes
    )
    compiled = leastsq.CompiledResidual(residual, TIMES.size)
    contenders: list[Callable[[], object]] = [
        partial(fit_decays, None, *arguments),
        partial(leastsq.leastsq_many, compiled, START, data=data),
        partial(fit_decays, cminpack, *arguments),
    ]
    ours, many, theirs = race(effort.rounds, *((call, len(data)) for call in contenders))
    return [
        compared(Group.MANY, "cminpack", ours, theirs, LOOP, "lmdif, seconds a fit"),
        compared(Group.MANY, "cminpack", many, theirs, LOOP, "leastsq_many"),
    ]


def pointer() -> Any:
    """Return the residual of a decay as a C function."""
    from numba import cfunc, types

    numbers, i = types.CPointer(types.float64), types.intc

    @cfunc(i(numbers, i, i, numbers, numbers, i))
    def residual(y: Any, m: Any, n: Any, x: Any, fvec: Any, iflag: Any) -> int:
        for k in range(m):
            fvec[k] = x[0] * np.exp(-x[1] * TIMES[k]) + x[2] - y[k]
        return 0

    return residual


def _threads(effort: Effort) -> list[Line]:
    with processes(prepare_compiled) as pool:
        return gain(effort, FITS, fit_compiled, THREADS, pool, 2)


def fit_compiled(first: int, last: int, **options: Any) -> None:
    """Fit the decays from first to last, in a process that makes their data itself."""
    data = decays()[first:last]
    leastsq.leastsq_many(exponential(), START, data=data, args=TIMES, **options)


def prepare_compiled(place: int) -> None:
    """Make the data and compile the residual in a new process."""
    fit_compiled(0, 2)
    prepare(place)


def _first(effort: Effort) -> list[Line]:
    found = [numbers_from("-m", "benchmark.compiled") for _ in range(min(effort.rounds, 5))]
    first, second = np.array(found).T
    note = f"another function of the same types {np.median(second):.3f} s"
    return [amount("", first, None, FIRST, note)]


def main() -> None:
    """Time first calls in a fresh process."""
    data = decays()[:2]
    for residual in (exponential(), exponential.__wrapped__()):
        residual(np.array(START), data[0], TIMES)
        data.flags.writeable = False
        residual(np.array(START), data[0], TIMES)  # rows of leastsq_many are read-only
        start = time.perf_counter()
        leastsq.leastsq_many(residual, START, data=data, args=TIMES)
        print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
