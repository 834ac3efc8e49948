"""A soak: calls of every kind in several threads, for minutes; every bit stays, and so does memory.

    python tests/soak.py                           ten minutes, four threads
    python tests/soak.py --minutes 1 --only many   those whose names contain that

Each call of calls.py, and some fits of many problems, are made once in one thread; what they
returned then, or raised, every later call must return to the last bit. Each thread makes them in an
order of its own. Memory of the process's own (RssAnon) is read all the while: in the second half of
the time it must grow by less than `MOST_BYTES`, by regression, and Python's blocks by less than
`MOST_BLOCKS`: each an allowance for noise and another for each call.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import pickle
import random
import sys
import tempfile
import threading
import time
import warnings
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import decays
import numpy as np
from allocations import outcome
from calls import Attempt, Outcome, T, decay
from calls_many import groups
from programs import build_library
from support import MANY_ARRAYS

from leastsq import CompiledResidual, LevenbergMarquardt, leastsq_many

C_SOURCE = Path(__file__).with_name("decay.c")
PERIOD = 0.2
"""Seconds between readings of memory."""
WARM_UP = 5
"""Calls of each kind before the first reading."""
MOST_BYTES = 6e6, 40.0
"""What the allocator's arenas may still take, and a small array lost by one kind of call in ten."""
MOST_BLOCKS = 300.0, 0.05
"""And a block lost by one kind of call in twenty."""


class Kind(NamedTuple):
    """A call of some solves, and what becomes of it."""

    name: str
    prepare: Callable[[], Attempt]
    solves: int
    want: Outcome


def batches(c: ctypes.CDLL) -> dict[str, tuple[int, Callable[[], object]]]:
    """Return the number of fits, and calls for them: many at once, without the GIL for the most."""

    def fits(func: Any, x0: Any, data: Any, **options: Any) -> tuple[int, Callable[[], object]]:
        def call() -> object:
            result = leastsq_many(func, x0, data=data, **options)
            return [getattr(result, name) for name in MANY_ARRAYS]

        return len(data), call

    data, three = decays.DATA, decays.START
    t = np.linspace(0.0, 4.0, decays.T.size)
    pointer = CompiledResidual(c.decay, decays.T.size)
    return {
        "one by one": fits(decays.decay, three, data[:20]),
        "vectorized": fits(decays.decay, three, data, vectorized=True),
        "vectorized, Dfun": fits(decays.decay, three, data, Dfun=decays.slopes, vectorized=True),
        "vectorized, threads": fits(decays.decay, three, data, vectorized=True, workers=2),
        "pointer": fits(pointer, three, data),
        "pointer, weights": fits(pointer, three, data, weights=1.0 + data * data),
        "pointer, threads": fits(pointer, three, data, workers=2),
        "pointer, args": fits(
            CompiledResidual(c.decay_and_slopes, t.size, jacobian=True), three, data, args=(t,)
        ),
    }


def told_with_pickles() -> object:
    """Ask and tell, going on from a pickle after each request."""
    solve = LevenbergMarquardt([1.0, 1.0], T.size)
    while (points := solve.ask()) is not None:
        if len(points) > 1:
            solve.tell(points[1:], [decay(point) for point in points[1:]])
            points = points[:1]
        solve.tell(points, [decay(point) for point in points])
        solve = pickle.loads(pickle.dumps(solve))  # noqa: S301  (pickled here)
    return solve.result()


def kinds(c: ctypes.CDLL, only: str, with_numba: bool) -> list[Kind]:
    """Return the calls with what they return in one thread."""
    found: dict[str, tuple[int, Callable[[], Attempt]]] = {}
    for group, calls in groups(c).items():
        if group != "numba" or with_numba:
            found |= {f"{group}, {name}": (1, case.prepare) for name, case in calls().items()}
    for name, (count, call) in batches(c).items():
        found[f"batch, {name}"] = count, lambda call=call: Attempt(call)
    found["asktell, with pickles"] = 1, lambda: Attempt(told_with_pickles)
    return [
        Kind(name, prepare, count, outcome(*prepare()))
        for name, (count, prepare) in found.items()
        if only in name
    ]


class Soak:
    """The threads, what they have done, and how much memory there was."""

    def __init__(self, kinds: list[Kind], threads: int) -> None:
        self.kinds = kinds
        self.done: list[Counter[str]] = [Counter() for _ in range(threads)]
        self.different: list[str] = []
        self.readings = array("d")  # flat: a list of tuples would be blocks that grow
        self.ends = threading.Event()
        self.calling = [threading.Lock() for _ in range(threads)]
        """Each is held by its thread during a call: memory is read between calls."""

    def run(self, seconds: float) -> None:
        """Let the threads make calls for so long."""
        for _ in range(WARM_UP):
            for kind in self.kinds:
                self._make(kind)
        gc.collect()
        gc.freeze()  # so that later collections take little time
        threads = [
            threading.Thread(target=self._make_all, args=(seed, done))
            for seed, done in enumerate(self.done)
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.different:
            time.sleep(min(PERIOD, seconds / 20))
            with contextlib.ExitStack() as stack:
                for lock in self.calling:
                    stack.enter_context(lock)
                self.readings.extend(self._read())
        self.ends.set()
        for thread in threads:
            thread.join()

    def _make_all(self, seed: int, done: Counter[str]) -> None:
        order = random.Random(seed)  # noqa: S311  (no secret)
        while not self.ends.is_set():
            for kind in order.sample(self.kinds, len(self.kinds)):
                with self.calling[seed]:
                    self._make(kind)
                done[kind.name] += 1
                if self.ends.is_set():
                    return

    def _make(self, kind: Kind) -> None:
        got = outcome(*kind.prepare())
        if got != kind.want:
            self.different.append(f"{kind.name}: {got}, and in one thread {kind.want}")

    def _read(self) -> tuple[int, int, int]:
        """Return the number of calls, RssAnon in bytes, and Python's blocks."""
        with open("/proc/self/status", encoding="ascii") as status:
            (line,) = (line for line in status if line.startswith("RssAnon"))
        gc.collect()
        made = sum(done.total() for done in self.done)
        return made, 1024 * int(line.split()[1]), sys.getallocatedblocks()

    def growth(self) -> tuple[float, float, float]:
        """Return calls, and growth in bytes and in blocks, in the second half, by regression."""
        half = np.reshape(self.readings, (-1, 3))[len(self.readings) // 6 :]
        calls = half[:, 0] - half[:, 0].mean()
        made = half[-1, 0] - half[0, 0]
        return made, *(made * calls @ half[:, 1:] / (calls @ calls)).tolist()


def soak(minutes: float, threads: int, only: str = "", with_numba: bool = True) -> list[str]:
    """Soak and print a summary; return what is wrong."""
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ends of fits, which outcomes have
        c = ctypes.CDLL(str(build_library(Path(directory), C_SOURCE)))
        run = Soak(kinds(c, only, with_numba), threads)
        if not run.kinds:
            return [f"no call has {only!r} in its name"]
        run.run(60.0 * minutes)
    if run.different:
        return run.different[:5]
    made = sum(run.done, Counter())
    solves = {kind.name: kind.solves * made[kind.name] for kind in run.kinds}
    calls, size, blocks = run.growth()
    by_group = Counter[str]()
    for name, count in solves.items():
        by_group[name.partition(",")[0]] += count
    print(*(f"{count:10} {group}" for group, count in by_group.items()), sep="\n")
    print(
        f"{sum(solves.values())} solves in {made.total()} calls of {len(run.kinds)} kinds, "
        f"{threads} threads: none differs; RssAnon "
        f"{run.readings[1] / 1e6:.1f} to {run.readings[-2] / 1e6:.1f} MB, "
        f"in the last {calls:.0f} calls {size:+.0f} bytes and {blocks:+.0f} blocks"
    )
    wrong = []
    limits = (size, MOST_BYTES, "bytes"), (blocks, MOST_BLOCKS, "blocks")
    for grown, (noise, each), what in limits:
        if grown > noise + each * calls:
            wrong.append(f"memory grows by {grown:.0f} {what} in {calls:.0f} calls")
    return wrong


def main() -> NoReturn:
    """Soak; the status is 1 if a bit differs or memory grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--only", default="", metavar="NAME", help="calls with NAME in their names")
    options = parser.parse_args()
    wrong = soak(options.minutes, options.threads, options.only)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
