"""How the tasks of leastsq_many are distributed: serially here, to a pool, or through a user's map.

Each way is a generator that goes through the tasks in order, with some of them in flight together,
and yields lists of results. A StopRun, from progress, ends it with the results so far.
"""

import contextlib
import math
import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Generator
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, SupportsIndex

import numpy as np

from leastsq._checks import as_c_int
from leastsq._many_fits import Chunking, Fits, Task, TaskResult
from leastsq._many_run import Run, StopRun
from leastsq._workers import Workers, checked_map

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["collect", "fit_remotely", "resolve_workers", "run_tasks"]

ResultLists = Generator[list[tuple[Task, TaskResult]], None, None]
InFlight = deque[tuple[Task, "Future[TaskResult]"]]

TARGET_TASKS = 32
"""Tasks to aim at, if these are enough for all workers and fit in MAX_BYTES."""
MAX_TASKS = 2 * TARGET_TASKS
"""Tasks in flight together, unless a pool has more workers."""
MAX_BYTES = 64_000_000
"""Data and results of the tasks in flight together."""
MIN_TASK_WITHOUT_PYTHON = 1024
"""Fits of a task; with fewer, vectorized calls have too few rows."""
TASKS_PER_WORKER = 8
"""At least, so that workers do not wait long for the last task."""
REPORT_SECONDS = 0.1
"""Seconds between reports of progress while a task is waited for."""


def resolve_workers(workers: SupportsIndex | Workers) -> int | Workers:
    """Return the number of workers, or the map, that the argument workers means."""
    if callable(workers):
        return workers
    if not hasattr(workers, "__index__"):
        raise TypeError(f"workers must be an integer or a callable like map, not {workers!r}")
    count = as_c_int("workers", workers)
    if count == -1:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if count < 1:
        raise ValueError(f"workers must be positive, or -1 for all cores, not {workers!r}")
    return count


def run_tasks(fits: Fits, workers: int | Workers, chunksize: int | None) -> ResultLists:
    """Run all tasks in the way that workers and func determine."""
    if workers == 1 or fits.problems.count == 0:
        return run_serially(fits)
    if not isinstance(workers, int):
        return run_through_map(fits, _chunking(fits, chunksize, 1), workers)
    from leastsq import _many_pools  # multiprocessing takes a while to import

    threads = not fits.run.needs_python or not getattr(sys, "_is_gil_enabled", lambda: True)()
    chunking = _chunking(fits, chunksize, workers, sends=not threads)
    count = min(workers, math.ceil(fits.problems.count / chunking.size))
    if threads:
        return run_in_pool(fits, chunking, _many_pools.Threads(count), count)
    _require_picklable(fits.run, count)
    return run_in_pool(fits, chunking, _many_pools.Processes(count), count)


def _chunking(fits: Fits, chunksize: int | None, workers: int, sends: bool = True) -> Chunking:
    """Return the chunksize given, or one with which tasks repay sending and occupy all workers."""
    if chunksize is not None:
        return Chunking(chunksize, even=False)
    count = fits.problems.count
    least = min(1 if fits.run.needs_python else MIN_TASK_WITHOUT_PYTHON, math.ceil(count / workers))
    tasks = max(TASKS_PER_WORKER * workers, TARGET_TASKS if sends else 1)
    most = MAX_BYTES // (max(workers + 1, TARGET_TASKS if sends else 1) * fits.problems.bytes_each)
    return Chunking(max(1, min(max(least, math.ceil(count / tasks)), most)), even=True)


def _require_picklable(run: Run, workers: int) -> None:
    """Refuse functions that cannot be sent to other processes, before these are started."""
    hint = (
        f"workers={workers} sends func and args to other processes: functions must be those of a "
        "module, or go through the map of an engine that can send others (loky, Dask)"
    )
    try:
        pickle.dumps(run)
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(hint) from error
    functions = [run.options.func, run.options.dfun]
    functions = [getattr(function, "func", function) for function in functions]  # of a partial
    modules = [getattr(function, "__module__", "") for function in functions]
    if "__main__" in modules and not hasattr(sys.modules["__main__"], "__file__"):
        raise TypeError(f"{hint}; __main__ has no file here")


def collect(fits: Fits, lists: ResultLists) -> None:
    """Store the results of all tasks, or of those before a stop."""
    with contextlib.closing(lists), contextlib.suppress(StopRun):
        for some in lists:
            for task, done in some:
                fits.take(task, done)
            if any(done.stopped for _, done in some):
                return


def run_serially(fits: Fits) -> ResultLists:
    """Fit one task after the other here."""
    for task in fits.tasks(None):
        yield [(task, task.fit(lambda some: fits.report(fits.done + some)))]
        fits.report(fits.done)
    fits.report(fits.done)


def run_through_map(fits: Fits, chunking: Chunking, workers: Workers) -> ResultLists:
    """Send lists of tasks through the user's map."""
    tasks = fits.tasks(chunking)
    while wave := list(islice(tasks, _max_in_flight(fits, chunking))):
        results = checked_map(workers, fit_remotely, wave, "tasks")
        yield [  # results are first in zip, so that it asks for one too many, which is refused
            (task, _checked(task, done)) for done, task in zip(results, wave, strict=False)
        ]
        fits.report(fits.done)
    fits.report(fits.done)


def fit_remotely(task: Task) -> TaskResult:
    """Fit a task in another thread or process."""
    with np.errstate(**task.run.errstate):
        return task.fit_copy(lambda done: None)


def _checked(task: Task, done: object) -> TaskResult:
    """Refuse an object that is not the result of this task."""
    if not isinstance(done, TaskResult):
        raise TypeError(f"workers must return what its function returns, not {done!r}")
    if (done.first, len(done.part.ier)) != (task.tile.flat[0], len(task.tile.flat)):
        raise ValueError("workers must return the results of tasks in their order")
    return done


def _max_in_flight(fits: Fits, chunking: Chunking) -> int:
    """Return how many tasks may be in memory together."""
    each = chunking.size * fits.problems.bytes_each + fits.problems.bytes_shared
    return max(1, min(MAX_TASKS, MAX_BYTES // each))


class Pool(Protocol):
    """A pool of threads or processes, which end with the context."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def submit(self, task: Task) -> "Future[TaskResult]":
        """Send a task."""
        ...

    def done(self, task: Task) -> int:
        """Return how many fits of a task in flight are known to have ended."""
        ...

    def stop(self) -> None:
        """Make tasks in flight end as soon as they can, with the results so far."""
        ...


def run_in_pool(fits: Fits, chunking: Chunking, pool: Pool, workers: int) -> ResultLists:
    """Keep some tasks in flight in a pool, at least one more than it has workers."""
    in_flight: InFlight = deque()
    most = max(workers + 1, _max_in_flight(fits, chunking))

    def report_all() -> None:
        fits.report(fits.done + sum(pool.done(task) for task, _ in in_flight))

    with pool:
        try:
            for task in fits.tasks(chunking):
                in_flight.append((task, pool.submit(task)))
                if len(in_flight) == most:
                    yield [_next(in_flight, report_all)]
            while in_flight:
                yield [_next(in_flight, report_all)]
            fits.report(fits.done)
        except StopRun:
            pool.stop()
            yield [(task, future.result()) for task, future in in_flight if _has_result(future)]


def _next(in_flight: InFlight, report: Callable[[], None]) -> tuple[Task, TaskResult]:
    """Wait for the task that was sent first."""
    from concurrent.futures import wait

    task, future = in_flight[0]
    while not future.done():
        report()
        wait([future], REPORT_SECONDS)
    in_flight.popleft()
    return task, future.result()


def _has_result(future: "Future[TaskResult]") -> bool:
    """Wait for a task after a stop; return whether it has a result."""
    return not future.cancel() and future.exception() is None
