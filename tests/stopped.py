"""Runs of leastsq_many that are interrupted, or whose processes are killed, at random times.

    python tests/stopped.py --seed 1 --count 100 processes

Interrupts are real signals, some of them two in a row; they raise where leastsq_many is running.
What must hold: the run ends at once, by that exception, no process is left, the next run works.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, ProcessPoolExecutor
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from types import FrameType
from typing import Any

from decays import DATA, START, decay
from elsewhere import slow_decay
from engines import SPAWN
from reference import assert_same

from leastsq import leastsq_many

SECONDS = 5.0
"""In which a run must end, and its processes; on any machine. Alone it takes a tenth."""

MODES: dict[str, dict[str, Any]] = {
    "one by one": {},
    "vectorized": {"vectorized": True},
    "threads": {"vectorized": True, "workers": 2, "chunksize": 50},
    "processes": {"workers": 2, "chunksize": 100},
}
"""Options of leastsq_many; a task of 100 fits takes longer than SECONDS one by one."""


def descendants() -> set[int]:
    """Return the processes below this one, but for those that multiprocessing keeps."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(path.parent.name))
    found, new = set(), [os.getpid()]
    while new:
        new = [child for pid in new for child in children.get(pid, [])]
        found.update(new)
    return found - {forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid}


RAISED: list[list[str]] = []
"""Where interrupts have been raised, from the innermost function on."""


def raise_inside(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt if leastsq_many is running; a handler."""
    names = []
    while frame is not None:
        names.append(frame.f_code.co_qualname)
        if frame.f_code is leastsq_many.__code__:
            RAISED.append(names)
            raise KeyboardInterrupt
        frame = frame.f_back


def in_thread(act: Callable[[], None]) -> threading.Thread:
    """Start a thread."""
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def check_after(options: dict[str, Any]) -> None:
    """Check that no process is left and that the next run works."""
    end = time.monotonic() + SECONDS
    while left := descendants():
        assert time.monotonic() < end, f"left: {left}"
        time.sleep(0.01)
    again = leastsq_many(decay, START, data=DATA[:40], **options)
    assert_same(again.x, leastsq_many(decay, START, data=DATA[:40]).x)


def interrupt(rng: random.Random, mode: str) -> None:
    """Interrupt a run once or twice."""
    options = MODES[mode]
    after = rng.choice([0.02, 0.2, 1.0]) * rng.random()
    gaps = [0.0] if rng.random() < 0.5 else [rng.random() * 0.02, 0.0]
    sent: list[float] = []
    RAISED.clear()

    def send() -> None:
        time.sleep(after)
        for gap in gaps:
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(gap)

    thread = in_thread(send)
    try:
        leastsq_many(slow_decay, START, data=DATA, args=(0.005,), **options)
    except KeyboardInterrupt:
        assert time.monotonic() - sent[0] < SECONDS
    else:
        assert not RAISED, f"an interrupt is lost: {RAISED}"
    finally:
        thread.join()
    check_after(options)


def kill(rng: random.Random, mode: str) -> None:
    """Kill one of the processes of a run, ours or an executor's."""
    after = rng.choice([0.1, 1.0]) * rng.random()

    def send() -> None:
        time.sleep(after)
        end = time.monotonic() + SECONDS
        while not (pids := sorted(descendants())):
            if time.monotonic() > end:
                return
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(pids), signal.SIGKILL)

    pool = None if mode == "killed" else ProcessPoolExecutor(2, SPAWN)
    thread = in_thread(send)
    try:
        leastsq_many(
            slow_decay, START, data=DATA[:200], args=(0.002,), chunksize=5,
            workers=2 if pool is None else pool.map,
        )  # fmt: skip
    except (RuntimeError, OSError) as error:  # BrokenProcessPool, or while a process starts
        assert "process" in str(error) or isinstance(error, OSError), error  # noqa: PT017
    finally:
        thread.join()
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    check_after(MODES["processes"])


def shut_down(rng: random.Random, mode: str) -> None:
    """Shut an executor down during a run."""
    after = rng.random()
    pool = ProcessPoolExecutor(2, SPAWN)

    def send() -> None:
        time.sleep(after)
        pool.shutdown(cancel_futures=True)

    thread = in_thread(send)
    try:
        leastsq_many(
            slow_decay, START, data=DATA, args=(0.002,), chunksize=5, workers=pool.map
        )
    except (CancelledError, RuntimeError):
        pass
    else:
        raise AssertionError("the run has ended as if nothing had happened")
    finally:
        thread.join()
    check_after(MODES["processes"])


ACTS = dict.fromkeys(MODES, interrupt) | {
    "killed": kill, "an executor's killed": kill, "shut down": shut_down,
}  # fmt: skip


def main() -> None:
    """Stop runs of a mode as often as the command says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("mode", choices=list(ACTS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, raise_inside)
    leastsq_many(decay, START, data=DATA[:9], **MODES.get(given.mode, MODES["processes"]))
    for number in range(given.count):
        ACTS[given.mode](random.Random(f"{given.seed} {number}"), given.mode)  # noqa: S311
    print(f"{given.count} runs: all ended, and nothing is left")


if __name__ == "__main__":
    sys.exit(main())
