"""The pools of threads and of processes for the tasks of leastsq_many."""

import contextvars
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import Any, Self

from leastsq._many_fits import Task, TaskResult
from leastsq._many_run import StopRun
from leastsq._many_workers import fit_remotely

__all__ = ["Processes", "Threads"]

SHUTDOWN_SECONDS = 0.5
"""Seconds that an executor is given to notice that its processes have ended."""


class Threads:
    """Threads, for runs that do not hold the GIL most of the time."""

    def __init__(self, count: int) -> None:
        self.executor = ThreadPoolExecutor(count, "leastsq_many")
        self.stopped = threading.Event()
        self.counts: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.executor.shutdown(cancel_futures=True)

    def submit(self, task: Task) -> Future[TaskResult]:
        return self.executor.submit(contextvars.copy_context().run, self._fit, task)

    def done(self, task: Task) -> int:
        return self.counts.get(int(task.tile.flat[0]), 0)

    def stop(self) -> None:
        self.stopped.set()

    def _fit(self, task: Task) -> TaskResult:
        place = int(task.tile.flat[0])

        def report(done: int) -> None:
            self.counts[place] = done
            self._check_stop()

        return task.fit_copy(report, self._check_stop)

    def _check_stop(self) -> None:
        if self.stopped.is_set():
            raise StopRun


class Processes:
    """Processes, for Python functions of one point.

    Tasks are pickled here: an executor whose processes are killed while pickling fails in its own
    thread can deadlock (Python 3.12). Processes are started and ended in a thread of their own, as
    KeyboardInterrupt is raised in the main thread: there it could leave a process behind that has
    started and is not yet known, or, while others are being killed, those that remain.
    """

    def __init__(self, count: int) -> None:
        limit = min(count, 61) if sys.platform == "win32" else count  # that of Windows
        self.keeper = ThreadPoolExecutor(1, "leastsq_many")
        self.executor = self.keeper.submit(
            ProcessPoolExecutor, limit, _context(), _initialize
        ).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if isinstance(error, BrokenProcessPool):
            error.add_note(
                "A process of leastsq_many has ended: it was killed, or the program does not stand "
                'under `if __name__ == "__main__":`.'
            )
        ended = self.keeper.submit(self._end, kind is not None)
        self.keeper.shutdown(wait=False)
        ended.result()

    def submit(self, task: Task) -> Future[TaskResult]:
        pickled = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        return self.keeper.submit(self.executor.submit, _fit_pickled, pickled).result()

    def done(self, task: Task) -> int:
        return 0

    def stop(self) -> None:
        self.keeper.submit(self._kill).result()

    def _end(self, at_once: bool) -> None:
        if at_once:
            self._kill()
        self.executor.shutdown(cancel_futures=True)

    def _kill(self) -> None:
        inner: Any = self.executor
        for process in list((inner._processes or {}).values()):
            process.kill()
        manager = inner._executor_manager_thread
        if manager is not None:
            manager.join(SHUTDOWN_SECONDS)
            if manager.is_alive():  # blocked, as no process reads what it sends (Python 3.11.2)
                inner._call_queue._reader.close()


def _context() -> BaseContext:
    """Return the start method: forkserver with leastsq preloaded, or spawn."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    loaded = getattr(forkserver._forkserver, "_preload_modules", ["__main__"])
    if __name__ not in loaded:
        context.set_forkserver_preload([*loaded, __name__])
    return context


def _fit_pickled(pickled: bytes) -> TaskResult:
    return fit_remotely(pickle.loads(pickled))  # noqa: S301  (pickled by submit)


def _initialize() -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
