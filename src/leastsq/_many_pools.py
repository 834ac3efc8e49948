"""Threads and processes of our own, for the tasks of leastsq_many."""

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

from leastsq._many_fits import Done, Task
from leastsq._many_run import Enough
from leastsq._many_workers import finish

__all__ = ["Processes", "Threads"]

PATIENCE = 0.5
"""Seconds that an executor has to notice the end of its processes."""


class Threads:
    """Threads, for functions in which Python is not needed most of the time."""

    def __init__(self, count: int) -> None:
        self.executor = ThreadPoolExecutor(count, "leastsq_many")
        self.stopped = threading.Event()
        self.counts: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.executor.shutdown(cancel_futures=True)

    def submit(self, task: Task) -> Future[Done]:
        return self.executor.submit(contextvars.copy_context().run, self._fit, task)

    def done(self, task: Task) -> int:
        return self.counts.get(int(task.tile.flat[0]), 0)

    def stop(self) -> None:
        self.stopped.set()

    def _fit(self, task: Task) -> Done:
        place = int(task.tile.flat[0])

        def report(done: int) -> None:
            self.counts[place] = done
            self._look()

        return task.fit_apart(report, self._look)

    def _look(self) -> None:
        if self.stopped.is_set():
            raise Enough


class Processes:
    """Processes, for functions of one point.

    Tasks are pickled here: an executor whose processes are killed while its own thread meets an
    error in pickling can wait for itself (Python 3.12).
    """

    def __init__(self, count: int) -> None:
        most = 61 if sys.platform == "win32" else count  # the system's limit
        self.executor = ProcessPoolExecutor(min(count, most), _context(), _prepare)

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
        if kind is not None:
            self.stop()
        self.executor.shutdown(cancel_futures=True)

    def submit(self, task: Task) -> Future[Done]:
        return self.executor.submit(_finish, pickle.dumps(task, pickle.HIGHEST_PROTOCOL))

    def done(self, task: Task) -> int:
        return 0

    def stop(self) -> None:
        inner: Any = self.executor
        for process in list((inner._processes or {}).values()):
            process.kill()
        manager = inner._executor_manager_thread
        if manager is not None:
            manager.join(PATIENCE)
            if manager.is_alive():  # sending what no process reads (Python 3.11.2)
                inner._call_queue._reader.close()


def _context() -> BaseContext:
    """Return how processes start: from one that has us loaded, where there is such."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    loaded = getattr(forkserver._forkserver, "_preload_modules", ["__main__"])
    if __name__ not in loaded:
        context.set_forkserver_preload([*loaded, __name__])
    return context


def _finish(pickled: bytes) -> Done:
    return finish(pickle.loads(pickled))  # noqa: S301  (ours)


def _prepare() -> None:
    """Leave Ctrl-C, which a terminal sends to all, to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
