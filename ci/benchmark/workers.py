"""Rows for leastsq_many where one process is not enough: workers, clusters, data on disk.

Run as a program (FILE COUNT), it fits COUNT rows of a file and prints by how many MB its memory
grows beyond its outputs, and the MB of those.
"""

import contextlib
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import leastsq
from benchmark.children import numbers_from
from benchmark.fits import (
    FITS,
    START,
    TIMES,
    decay,
    decays,
    fit_one_by_one,
    fit_vectorized,
    prepare,
)
from benchmark.timing import Effort, Group, Line, Row, amount, quartiles, race

__all__ = ["gain", "processes", "rows"]

Vector = npt.NDArray[np.float64]

THREADS, PROCESSES = 0.8, 0.85
"""Targets: what two workers gain over what two processes gain that share the fits themselves."""
BEYOND_OUTPUTS = 100.0
"""Target: MB."""
ZARR = 1.3
"""Target: the time with data in chunks on disk over that with data in memory."""
ONE_BY_ONE, ON_DISK = 60_000, 1_000_000
"""How many fits rows of unvectorized residuals make, and the row of data from a file."""
SAMPLING = 0.005
"""Seconds between readings of a process's memory."""


def rows() -> list[Row]:
    """Return the rows of this module."""
    return [
        Row("many threads", "What do two threads gain, vectorized, beside two plain processes?",
            Group.GAINS, _threads),
        Row("many processes", "What do two processes of ours gain, with a Python residual?",
            Group.GAINS, _processes),
        Row("many Dask", "What do two workers of a Dask cluster gain, with a Python residual?",
            Group.GAINS, _dask),
        Row("many memmap", f"How much memory do {ON_DISK} fits from a file take beyond outputs?",
            Group.AMOUNTS, _memmap, "MB"),
        Row("many zarr", "The time with a zarr cube in chunks (64, 64, all), over that in memory?",
            Group.AMOUNTS, _zarr, ""),
    ]  # fmt: skip


@contextlib.contextmanager
def processes(prepare: Callable[[int], None]) -> Iterator[Executor]:
    """Start two processes and call prepare in each."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(prepare, range(2)))
        yield pool


def gain(
    effort: Effort,
    fits: int,
    fit: Callable[..., None],
    target: float,
    pool: Executor,
    workers: object,
) -> list[Line]:
    """Compare our gain with that of two processes that share the fits."""
    half = fits // 2
    calls: list[Callable[[], Any]] = [
        functools.partial(fit, 0, fits),
        functools.partial(fit, 0, fits, workers=workers),
        lambda: list(pool.map(fit, (0, half), (half, fits))),
    ]
    plain, ours, two = race(min(effort.rounds, 7), *((call, 1) for call in calls))
    gained, possible = plain / ours, plain / two
    low, value, high = quartiles(gained / possible)
    note = f"gain {np.median(gained):.2f}, of two processes {np.median(possible):.2f}"
    medians = float(np.median(ours)), float(np.median(plain))
    return [Line("plain", *medians, value, low, high, target, note)]


def _threads(effort: Effort) -> list[Line]:
    with processes(prepare) as pool:
        return gain(effort, FITS, fit_vectorized, THREADS, pool, 2)


def _processes(effort: Effort) -> list[Line]:
    with processes(prepare) as pool:
        return gain(effort, ONE_BY_ONE, fit_one_by_one, PROCESSES, pool, 2)


def _dask(effort: Effort) -> list[Line]:
    from distributed import Client, LocalCluster

    cluster_of: Any = LocalCluster  # untyped
    client_of: Any = Client
    cluster = cluster_of(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40
    )
    with processes(prepare) as pool, cluster, client_of(cluster) as client:
        workers = client.get_executor().map
        return gain(effort, ONE_BY_ONE, fit_one_by_one, PROCESSES, pool, workers)


def _memmap(effort: Effort) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "decays"
        with file.open("wb") as out:
            for _ in range(ON_DISK // FITS):
                decays().tofile(out)
        program = ("-m", "benchmark.workers", str(file), str(ON_DISK))
        growth = [numbers_from(*program) for _ in range(min(effort.rounds, 3))]
    beyond, outputs = np.array(growth).T
    note = f"beyond outputs of {np.median(outputs):.0f} MB"
    return [amount("", beyond, None, BEYOND_OUTPUTS, note)]


def _zarr(effort: Effort) -> list[Line]:
    import zarr

    cube = decays()[: 256 * 256].reshape(256, 256, TIMES.size)
    x0 = np.reshape(START, (1, 1, 3))
    with tempfile.TemporaryDirectory() as folder:
        stored = zarr.create_array(folder, data=cube, chunks=(64, 64, TIMES.size))
        fit = functools.partial(leastsq.leastsq_many, decay, x0, vectorized=True)
        contenders = [(functools.partial(fit, data=data), 1) for data in (stored, cube)]
        disk, memory = race(min(effort.rounds, 7), *contenders)
    return [amount("memory", disk / memory, None, ZARR, f"{np.median(disk):.2f} s")]


def _print_growth(file: str, count: int) -> None:
    """Fit rows of a file; print how far anonymous memory grows beyond the outputs, and those."""
    data = np.memmap(file, np.float64, "r", shape=(count, TIMES.size))
    leastsq.leastsq_many(decay, START, data=data[:1000], vectorized=True)
    peak, ended, before = 0.0, threading.Event(), _anonymous_memory()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(SAMPLING):
            peak = max(peak, _anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = leastsq.leastsq_many(decay, START, data=data, vectorized=True)
    ended.set()
    watcher.join()
    arrays = [value for value in vars(result).values() if isinstance(value, np.ndarray)]
    outputs = sum(array.nbytes for array in arrays) / 1e6
    print(peak - before - outputs, outputs)


def _anonymous_memory() -> float:
    """Return the anonymous memory of this process in MB."""
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return float(line.split()[1]) * 1024e-6


if __name__ == "__main__":
    _print_growth(sys.argv[1], int(sys.argv[2]))
