"""`leastsq_many` with workers: progress, and runs that are stopped or killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, K, both, decay
from elsewhere import killed_decay, nested_decay, slow_decay
from engines import assert_equal, dask, executor, loky, processes, processes_of_ours, threads
from reference import assert_same
from support import Array, interrupt

from leastsq import leastsq_many

pytestmark = asks

LARGE_ARGUMENT = np.zeros(100_000)
"""Makes tasks too large for a pipe; external executors can hang with these (Python 3.11.2)."""


@pytest.mark.parametrize(
    "engine", [pytest.param(None, marks=processes_of_ours), executor, loky], ids=str
)
def test_a_worker_that_is_killed(
    engine: Callable[[], Any] | None, tmp_path: Path
) -> None:
    data = (DATA[:200], np.arange(200))
    args = (tmp_path / "killed", os.getpid(), LARGE_ARGUMENT if engine is None else None)
    with (
        pytest.raises(BrokenProcessPool),  # loky's is one
        nullcontext(2) if engine is None else engine() as workers,
    ):
        leastsq_many(killed_decay, START, data=data, args=args, chunksize=10, workers=workers)
    assert processes() == []
    again = leastsq_many(killed_decay, START, data=data, args=args, workers=2)
    assert again.success.all()


def test_a_worker_of_dask_that_is_killed(tmp_path: Path) -> None:
    """The cluster starts another, and sends it the task: there is no hole."""
    data, args = (DATA[:200], np.arange(200)), (tmp_path / "killed", os.getpid())
    with dask() as workers:
        got = leastsq_many(
            killed_decay, START, data=data, args=args, chunksize=10, workers=workers
        )
    assert (tmp_path / "killed").exists()
    assert_equal(got, leastsq_many(decay, START, data=DATA[:200]))


@pytest.mark.parametrize("workers", [1, 2, map])
@both
def test_progress(vectorized: bool, workers: object) -> None:
    seen: list[tuple[int, int]] = []
    caller = threading.get_ident()

    def progress(done: int, total: int) -> None:
        assert threading.get_ident() == caller
        seen.append((done, total))

    leastsq_many(
        decay, START, data=DATA, vectorized=vectorized, workers=workers, chunksize=20,
        progress=progress,
    )  # fmt: skip
    assert {total for _, total in seen} == {K}
    done = [done for done, _ in seen]
    assert done == sorted(done)
    assert done[-1] == K


@pytest.mark.parametrize("workers", [1, 2, map])
def test_progress_while_nothing_succeeds(workers: object) -> None:
    seen: list[int] = []

    def fails(p: Array, y: Array) -> Array:
        raise ZeroDivisionError

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if done >= 100:
            raise StopIteration

    with pytest.warns(RuntimeWarning, match="600 not run or not finished, 100 stopped"):
        leastsq_many(
            fails, START, data=DATA, vectorized=True, workers=workers, progress=progress
        )
    assert seen == list(range(1, 101))


def test_progress_of_uneven_tasks() -> None:
    seen: list[int] = []

    def uneven(p: Array, y: Array, k: Array) -> Array:
        time.sleep(0.1 if np.any(k < 20) else 0.01)
        return decay(p, y)

    leastsq_many(
        uneven, START, data=(DATA[:200], np.arange(200)), vectorized=True, workers=2,
        chunksize=20, progress=lambda done, total: seen.append(done),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert any(done % 20 for done in seen)


@pytest.mark.parametrize("workers", [2, map])
@both
def test_progress_that_has_enough(vectorized: bool, workers: object) -> None:
    def enough(done: int, total: int) -> None:
        if done >= 50:
            raise StopIteration

    with pytest.warns(RuntimeWarning, match="not run or not finished"):
        result = leastsq_many(
            decay, START, data=np.tile(DATA, (10, 1)), vectorized=vectorized, workers=workers,
            chunksize=20, progress=enough,
        )  # fmt: skip
    ended = np.flatnonzero(result.ier != -2)
    assert 50 <= len(ended) < 7000
    want = leastsq_many(decay, START, data=DATA, vectorized=vectorized)
    assert_same(result.x[ended], want.x[ended % K])
    assert_same(result.nfev[ended], want.nfev[ended % K])
    assert processes() == []


def test_an_error_of_the_call_ends_all() -> None:
    data = DATA.copy()
    data[333, 4] = np.nan
    for workers in (2, map):
        for vectorized in (False, True):
            with pytest.raises(ValueError, match="residual of problem 333 has a NaN"):
                leastsq_many(
                    decay, START, data=data, nan_policy="raise", workers=workers, chunksize=50,
                    vectorized=vectorized,
                )  # fmt: skip
    assert processes() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # loky's own
@pytest.mark.parametrize(
    "engine", [(2, False), (2, True), (executor, False), (threads, True), (loky, False)], ids=str
)
def test_an_interrupt(engine: tuple[Any, bool]) -> None:
    """The run would take a minute, a call a second."""
    workers, vectorized = engine
    args = (0.02, LARGE_ARGUMENT if workers == 2 else None)
    options = {"data": DATA, "args": args, "vectorized": vectorized, "chunksize": 2}

    def run(workers: object) -> None:
        def fit() -> None:
            leastsq_many(slow_decay, START, **options, workers=workers)

        interrupt(fit, after=1.5, within=5.0)

    if callable(workers):
        with workers() as through:
            run(through)
            if workers is not loky:  # which stops its processes with the interrupt
                assert leastsq_many(decay, START, data=DATA[:40], workers=through).success.all()
    else:
        run(workers)
        assert processes() == []
        assert leastsq_many(decay, START, data=DATA[:40], workers=workers).success.all()


@processes_of_ours
def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    """Those of a worker that is killed too."""
    timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        leastsq_many(nested_decay, START, data=DATA, args=tmp_path, workers=2, chunksize=5)
    pids = {int(name) for name in os.listdir(tmp_path)} - {os.getpid()}
    assert len(pids) >= 2
    end = time.monotonic() + 20.0
    while any(map(is_running, pids)):
        assert time.monotonic() < end, "processes of a worker that was killed go on"
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
