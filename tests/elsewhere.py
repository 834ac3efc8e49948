"""Residuals for workers: functions of a module, which other processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from decays import T, decay
from support import Array

from leastsq import leastsq_many


def numbered_decay(p: Array, y: Array, k: Array) -> Array:
    """Residuals of a decay; every 50th problem raises."""
    if np.any(np.asarray(k) % 50 == 7):
        raise ZeroDivisionError("every 50th")
    return decay(p, y)


def signed_decay(p: Array, y: Array, folder: Path) -> Array:
    """Residuals of a decay; the process records its number in a folder."""
    (folder / str(os.getpid())).touch()
    return decay(p, y)


def killed_decay(p: Array, y: Array, k: Array, marker: Path, parent: int, *_: object) -> Array:
    """Residuals of a decay; the process that has problem 40 first is killed."""
    if k == 40 and os.getpid() != parent and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return decay(p, y)


def writing_decay(p: Array, y: Array) -> Array:
    """Write to the row of data, which is refused."""
    y[...] = 0.0
    return decay(p, y)


def scratch_decay(p: Array, y: Array, scratch: Array) -> Array:
    """Residuals of a decay in a scratch array of the caller, slow enough for a race."""
    place = scratch[: y.shape[0], : y.shape[1]]
    place[...] = p[0]
    for _ in range(3):
        place *= np.exp(-p[1] * T / 3.0)
        time.sleep(0.0)
    return place + p[2] - y


def product(p: Array, y: Array, matrix: Array) -> Array:
    """Residuals of a linear problem, by way of BLAS."""
    return matrix @ p - y


def load_in(pid: int, text: str) -> Exception:
    """Load an exception, in one process only."""
    if os.getpid() != pid:
        raise ImportError("not here")
    return UnloadableError(text)


class UnloadableError(Exception):
    """An exception that can be unpickled in its own process only."""

    def __reduce__(self) -> tuple[object, ...]:
        return load_in, (os.getpid(), str(self))


def unloadable_decay(p: Array, y: Array, k: Array) -> Array:
    """Residuals of a decay; every 50th problem raises what other processes cannot load."""
    if k % 50 == 7:
        raise UnloadableError(str(k))
    return decay(p, y)


class SlowToPickle:
    """An argument whose second pickling times out."""

    picklings = 0

    def __getstate__(self) -> dict[str, object]:
        self.picklings += 1
        if self.picklings > 1:
            raise TimeoutError("a slow disk")
        return {}


class SlowToUnpickle:
    """An argument whose unpickling times out."""

    def __getstate__(self) -> dict[str, object]:
        return {"": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        raise TimeoutError("a slow disk")


def ignoring(p: Array, y: Array, _: object) -> Array:
    """Residuals of a decay."""
    return decay(p, y)


def nested_decay(p: Array, y: Array, folder: Path) -> Array:
    """Residuals of a decay; runs other fits in subprocesses of this process."""
    leastsq_many(signed_slow_decay, np.ones(3), data=y[None] * np.ones((40, 1)), args=folder,
                 workers=2)  # fmt: skip
    return decay(p, y)


def signed_slow_decay(p: Array, y: Array, folder: Path) -> Array:
    """Residuals that take their time; the process records its number in a folder."""
    time.sleep(0.05)
    return signed_decay(p, y, folder)


def slow_decay(p: Array, y: Array, seconds: float, *_: object) -> Array:
    """Residuals of a decay that take their time."""
    time.sleep(seconds)
    return decay(p, y)
