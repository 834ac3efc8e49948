"""How a row of the benchmark is measured, and what it yields."""

import contextlib
import enum
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

__all__ = [
    "Effort", "Group", "Line", "Row", "Seconds", "Timer", "amount", "compared", "interleaved",
    "quartiles", "race", "repeated", "verdict",
]  # fmt: skip

Seconds = npt.NDArray[np.float64]
Timer = Callable[[int], float]
"""Makes the given number of calls and returns the seconds that they took."""

MIN_TURN = 1e-3
"""Seconds that a contender's turn lasts at least."""
LONG_TURN = 0.1
"""Seconds from which on a turn needs no warming up and is not repeated."""
MAX_ROUNDS, MAX_ATTEMPTS = 201, 10
MAX_WAITING = 0.01
"""Largest part of a turn in which other processes may have the processor."""


class Group(enum.Enum):
    """What a row's value is, and which way is better."""

    ROUTINES = "Routines: the peer's time / ours, more is better"
    SOLVES = "Solves: our time / SciPy's, less is better"
    BUILDS = "Builds: our time / the other build's, less is better"
    MODES = "Ways to evaluate: the time / that of plain calls, less is better"
    GAINS = "Parallel Jacobians: their gain / that of as many processes, more is better"
    MANY = "Many fits: the peer's time / ours, more is better"
    AMOUNTS = "Amounts: ours beside another's, less is better"

    @property
    def more_is_better(self) -> bool:
        """Whether a target is what a value should reach."""
        return self in (Group.ROUTINES, Group.GAINS, Group.MANY)


@dataclass(frozen=True)
class Effort:
    """How long a row may take."""

    seconds: float
    """Once they have passed, no further round begins if there have been enough."""
    rounds: int
    """How many are enough."""


@dataclass(frozen=True)
class Line:
    """One comparison: our median and the peer's; the value to be judged and its quartiles."""

    peer: str
    ours: float
    theirs: float | None
    value: float
    low: float
    high: float
    target: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A question and the measurement that answers it."""

    name: str
    question: str
    group: Group
    run: Callable[[Effort], list[Line]]
    unit: str = "s"


def race(rounds: int, *contenders: tuple[Callable[[], object], int]) -> list[Seconds]:
    """Return each contender's seconds per fit in every round, by the clock on the wall.

    A contender is a function and the number of fits that a call of it makes. A call of each
    before the first round fills its caches.
    """
    found = []
    for function, _ in contenders:
        function()
    for round_ in range(rounds):
        turns = [0.0] * len(contenders)
        for place in range(len(contenders)):  # they take turns in being first: an idle CPU is slow
            which = (place + round_) % len(contenders)
            function, fits = contenders[which]
            start = time.perf_counter()
            function()
            turns[which] = (time.perf_counter() - start) / fits
        found.append(turns)
    return list(np.array(found).T)


def compared(
    group: Group,
    peer: str,
    ours: Seconds,
    theirs: Seconds,
    target: float | None = None,
    note: str = "",
) -> Line:
    """Return the comparison of times that were measured in the same rounds."""
    ratios = theirs / ours if group.more_is_better else ours / theirs
    low, value, high = quartiles(ratios)
    return Line(
        peer, float(np.median(ours)), float(np.median(theirs)), value, low, high, target, note
    )


def amount(
    peer: str, ours: Seconds, theirs: Seconds | None, target: float | None = None, note: str = ""
) -> Line:
    """Return our amount, beside that of the peer if there is one."""
    low, value, high = quartiles(ours)
    beside = None if theirs is None else float(np.median(theirs))
    return Line(peer, value, beside, value, low, high, target, note)


def quartiles(values: Seconds) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return low, median, high


def verdict(group: Group, line: Line) -> str:
    """Return whether a line meets its target: met, missed, or n/a if it has none."""
    if line.target is None:
        return "n/a"
    good = line.value >= line.target if group.more_is_better else line.value <= line.target
    return "met" if good else "missed"


def repeated(function: Callable[[], object]) -> Timer:
    """Return the timer of a function without arguments."""

    def timer(calls: int) -> float:
        start = time.perf_counter_ns()
        for _ in repeat(None, calls):
            function()
        return (time.perf_counter_ns() - start) * 1e-9

    return timer


def interleaved(contenders: Mapping[str, Timer], effort: Effort) -> dict[str, Seconds]:
    """Return each contender's seconds per call in every round: each has a turn in it."""
    rounds: list[list[float]] = []
    names = list(contenders)
    heap_padding: list[Seconds] = []  # moves small arrays to other addresses in each round
    rng = np.random.default_rng()
    with _without_garbage_collection():
        calls = {name: _calls_in_a_turn(timer) for name, timer in contenders.items()}
        deadline = time.perf_counter() + effort.seconds
        while len(rounds) < effort.rounds or (
            time.perf_counter() < deadline and len(rounds) < MAX_ROUNDS
        ):
            turns = {name: _turn(contenders[name], calls[name]) / calls[name] for name in names}
            rounds.append([turns[name] for name in contenders])
            rng.shuffle(names)  # else a periodic load could hit the same contender every time
            heap_padding += [np.empty(size) for size in rng.integers(128, size=50)]
    return dict(zip(contenders, np.array(rounds).T, strict=True))


def _turn(timer: Timer, calls: int) -> float:
    """Return a turn's seconds, less those in which it waited for the processor.

    As others evict our data from the caches meanwhile, a short turn that waited for more than
    MAX_WAITING of its time is repeated.
    """
    for _ in range(MAX_ATTEMPTS):
        wall, busy = time.perf_counter_ns(), time.thread_time_ns()
        seconds = timer(calls)
        wall, busy = time.perf_counter_ns() - wall, time.thread_time_ns() - busy
        if wall - busy < MAX_WAITING * wall or seconds > LONG_TURN:
            break
    return seconds * busy / wall


def _calls_in_a_turn(timer: Timer) -> int:
    calls = 1
    if timer(calls) > LONG_TURN:
        return calls
    while timer(calls) < MIN_TURN:
        calls *= 2
    return calls


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
