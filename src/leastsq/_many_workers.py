"""Who fits the tasks of leastsq_many: this thread in turn, threads or processes of ours, or others.

Each of them goes through the tasks in order, some of which are in flight together, and yields what
has become of them, a list at a time. Enough, from progress, ends it with what there is.
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
from leastsq._many_fits import Cut, Done, Fits, Task
from leastsq._many_run import Enough, Run
from leastsq._workers import Workers, mapped

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["ended", "finish", "sent", "team_of"]

Lists = Generator[list[tuple[Task, Done]], None, None]
Flight = deque[tuple[Task, "Future[Done]"]]

TASKS = 32
"""That are sent, where that is enough for all workers and not too much memory."""
MOST_TASKS = 2 * TASKS
"""In flight together, unless a pool of ours has more workers."""
MOST_BYTES = 64_000_000
"""In flight together, results counted."""
LEAST_WITHOUT_PYTHON = 1024
"""Fits of a task below which a vectorized call has fewer rows than pay."""
TASKS_A_WORKER = 8
"""So that none waits long for the last."""
BETWEEN_REPORTS = 0.1
"""Seconds after which progress is told while a task goes on."""


def team_of(workers: SupportsIndex | Workers) -> int | Workers:
    """Return what workers stands for: how many, or a map."""
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


def sent(fits: Fits, team: int | Workers, chunksize: int | None) -> Lists:
    """Go through the tasks as workers and func have it."""
    if team == 1 or fits.problems.count == 0:
        return in_turn(fits)
    if not isinstance(team, int):
        return in_waves(fits, _cut(fits, chunksize, 1), team)
    from leastsq import _many_pools  # multiprocessing takes a while to import

    threads = not fits.run.needs_python or not getattr(sys, "_is_gil_enabled", lambda: True)()
    cut = _cut(fits, chunksize, team, sends=not threads)
    team = min(team, math.ceil(fits.problems.count / cut.size))
    if threads:
        return through(fits, cut, _many_pools.Threads(team), team)
    _require_portable(fits.run, team)
    return through(fits, cut, _many_pools.Processes(team), team)


def _cut(fits: Fits, chunksize: int | None, workers: int, sends: bool = True) -> Cut:
    """Return tasks as the user wishes, or such that repay sending and that all have some of."""
    if chunksize is not None:
        return Cut(chunksize, even=False)
    count = fits.problems.count
    least = min(1 if fits.run.needs_python else LEAST_WITHOUT_PYTHON, math.ceil(count / workers))
    tasks = max(TASKS_A_WORKER * workers, TASKS if sends else 1)
    most = MOST_BYTES // (max(workers + 1, TASKS if sends else 1) * fits.problems.bytes_each)
    return Cut(max(1, min(max(least, math.ceil(count / tasks)), most)), even=True)


def _require_portable(run: Run, workers: int) -> None:
    """Refuse functions that other processes cannot have, before these are started."""
    hint = (
        f"workers={workers} sends func and args to other processes: functions must be those of a "
        "module, or go through the map of an engine that can send others (loky, Dask)"
    )
    try:
        pickle.dumps(run)
    except Exception as error:
        raise TypeError(hint) from error
    functions = [run.options.func, run.options.dfun]
    functions = [getattr(function, "func", function) for function in functions]  # of a partial
    modules = [getattr(function, "__module__", "") for function in functions]
    if "__main__" in modules and not hasattr(sys.modules["__main__"], "__file__"):
        raise TypeError(f"{hint}; __main__ has no file here")


def ended(fits: Fits, lists: Lists) -> None:
    """Take what has become of all tasks, or of those up to a stop."""
    with contextlib.closing(lists), contextlib.suppress(Enough):
        for some in lists:
            for task, done in some:
                fits.take(task, done)
            if any(done.stopped for _, done in some):
                return


def in_turn(fits: Fits) -> Lists:
    """Fit one task after the other here."""
    for task in fits.tasks(None):
        yield [(task, task.fit(lambda some: fits.report(fits.done + some)))]
        fits.report(fits.done)
    fits.report(fits.done)


def in_waves(fits: Fits, cut: Cut, workers: Workers) -> Lists:
    """Send lists of tasks through the user's map."""
    tasks = fits.tasks(cut)
    while wave := list(islice(tasks, _in_flight(fits, cut))):
        results = mapped(workers, finish, wave, "tasks")
        yield [  # results come first in zip: it is asked whether there are too many
            (task, _checked(task, done)) for done, task in zip(results, wave, strict=False)
        ]
        fits.report(fits.done)
    fits.report(fits.done)


def finish(task: Task) -> Done:
    """Fit a task in another thread or process."""
    with np.errstate(**task.run.errstate):
        return task.fit_apart(lambda done: None)


def _checked(task: Task, done: object) -> Done:
    """Refuse what is no result of this task."""
    if not isinstance(done, Done):
        raise TypeError(f"workers must return what its function returns, not {done!r}")
    if (done.first, len(done.part.ier)) != (task.tile.flat[0], len(task.tile.flat)):
        raise ValueError("workers must return the results of tasks in their order")
    return done


def _in_flight(fits: Fits, cut: Cut) -> int:
    """Return how many tasks may be in memory together."""
    each = cut.size * fits.problems.bytes_each + fits.problems.bytes_shared
    return max(1, min(MOST_TASKS, MOST_BYTES // each))


class Pool(Protocol):
    """Workers of our own, which end with the context."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def submit(self, task: Task) -> "Future[Done]":
        """Send a task."""
        ...

    def done(self, task: Task) -> int:
        """Return how many fits of a task in flight are known to have ended."""
        ...

    def stop(self) -> None:
        """Have tasks in flight end as soon as they can, with what there is."""
        ...


def through(fits: Fits, cut: Cut, pool: Pool, workers: int) -> Lists:
    """Keep some tasks in flight in a pool, one more than it has workers at least."""
    flying: Flight = deque()
    most = max(workers + 1, _in_flight(fits, cut))

    def report_all() -> None:
        fits.report(fits.done + sum(pool.done(task) for task, _ in flying))

    with pool:
        try:
            for task in fits.tasks(cut):
                flying.append((task, pool.submit(task)))
                if len(flying) == most:
                    yield [_next(flying, report_all)]
            while flying:
                yield [_next(flying, report_all)]
            fits.report(fits.done)
        except Enough:
            pool.stop()
            yield [(task, future.result()) for task, future in flying if _has_result(future)]


def _next(flying: Flight, report: Callable[[], None]) -> tuple[Task, Done]:
    """Wait for the task that was sent first."""
    from concurrent.futures import wait

    task, future = flying[0]
    while not future.done():
        report()
        wait([future], BETWEEN_REPORTS)
    flying.popleft()
    return task, future.result()


def _has_result(future: "Future[Done]") -> bool:
    """Return whether a task that was told to stop has come to an end of its own."""
    return not future.cancel() and future.exception() is None
