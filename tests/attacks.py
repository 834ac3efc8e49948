"""Hostile residuals against every way to fit: one fit's trouble must stay its own.

    python tests/attacks.py --seed 3 --count 5000

A case is a way to fit (MANY, ONE), an act (hostile.py), the problem that it befalls, the call from
which on, and whether func or Dfun does it. What must hold: an exception arrives as itself or in
errors, other fits have the bits of a run without the act, nothing is left, the next run works.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from engines import processes
from hostile import HARMLESS, RAISING, RETURNING, Hostile
from reference import assert_same
from support import MANY_ARRAYS, Array

from leastsq import LeastsqManyResult, _minpack, leastsq, leastsq_many

K, M = 7, 6
T = np.linspace(0.0, 3.0, M)
TRUTH = np.random.default_rng(5).uniform([1.0, 0.5], [4.0, 2.0], (K, 2))
DATA = TRUTH[:, :1] * np.exp(-TRUTH[:, 1:] * T) + 0.05 * np.cos(np.arange(K * M).reshape(K, M))
HOLES = np.where(np.arange(K * M).reshape(K, M) % 17 == 5, np.nan, DATA)
START = np.array([1.0, 1.0])
WEIGHTS = np.random.default_rng(6).uniform(0.5, 2.0, (K, M))

EARLY = 2
"""Problems by which a vectorized call of the first block is tried again if its shape is wrong."""
ERRORS_OF_RESULTS = (TypeError, ValueError, ZeroDivisionError, OverflowError, MemoryError)
"""What a result of a wrong kind may raise; ZeroDivisionError is what hostile.py's raises."""


def decay(p: Array, y: Array, k: Array) -> Array:
    """Residuals of a decay; k is the number of the problem, or the numbers of several."""
    return p[0] * np.exp(-p[1] * T) - y


def slopes(p: Array, y: Array, k: Array) -> Array:
    """Jacobian of `decay`."""
    e = np.exp(-p[1] * T)
    return np.stack(np.broadcast_arrays(e, -p[0] * T * e), axis=-1)


def threads_map(function: Callable[..., Any], items: list[Any]) -> Iterator[Any]:
    """Map in two threads."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(function, items)


def look(intermediate_result: Any) -> None:
    """Do nothing at each step."""


def report(done: int, total: int) -> None:
    """Do nothing with the progress."""


MANY: dict[str, dict[str, Any]] = {
    "one by one": {},
    "one by one, Dfun": {"Dfun": slopes},
    "one by one, weights": {"weights": WEIGHTS, "progress": report},
    "one by one, omit": {"nan_policy": "omit", "data": HOLES},
    "one by one, map": {"workers": map, "chunksize": 3},
    "one by one, threads": {"workers": threads_map, "chunksize": 2, "Dfun": slopes},
    "vectorized": {"vectorized": True},
    "vectorized, Dfun": {"vectorized": True, "Dfun": slopes},
    "vectorized, weights": {"vectorized": True, "weights": WEIGHTS, "cov": False},
    "vectorized, omit": {"vectorized": True, "nan_policy": "omit", "data": HOLES},
    "vectorized, map": {"vectorized": True, "workers": map, "chunksize": 3},
    "vectorized, 2 workers": {"vectorized": True, "workers": 2, "chunksize": 3, "Dfun": slopes},
}
"""Ways to fit by leastsq_many, and their options."""
ONE: dict[str, dict[str, Any]] = {
    "leastsq": {},
    "leastsq, Dfun": {"Dfun": slopes},
    "leastsq, callback": {"callback": look, "Dfun": slopes},
    "leastsq, workers": {"workers": map},
    "leastsq, threads": {"workers": threads_map},
    "leastsq, vectorized": {"vectorized": True},
    "leastsq, vectorized, Dfun": {"vectorized": True, "Dfun": slopes},
}
"""Those by leastsq."""


@dataclass(frozen=True)
class Case:
    """What happens: it can be written as a call, from its repr."""

    mode: str
    act: str
    target: int = 3
    at: int = 2
    in_dfun: bool = False

    @property
    def options(self) -> dict[str, Any]:
        return MANY.get(self.mode) or ONE.get(self.mode) or {}

    def fit(self, hostile: Callable[..., Any]) -> Any:
        """Fit with that function in place of func or of Dfun."""
        options = dict(self.options)
        func = decay if self.in_dfun else hostile
        if self.in_dfun:
            options["Dfun"] = hostile
        if self.mode in ONE:
            args = np.atleast_2d(DATA[self.target]), np.array([[self.target]])
            if not options.get("vectorized"):
                args = args[0][0], args[1][0]
            return leastsq(func, START, args, full_output=True, **options)
        data = options.pop("data", DATA), np.arange(K)
        return leastsq_many(func, START, data=data, **options)

    @property
    def function(self) -> Callable[..., Array]:
        return slopes if self.in_dfun else decay

    def run(self) -> str:
        """Run it and check what must hold; return what has happened, for statistics."""
        hostile = Hostile(self.function, self.act, self.target, self.at, self.fit)
        hostile.many = self.mode in MANY
        outcome: Any = None
        try:
            with restored():
                outcome = self.fit(hostile)
        except BaseException as error:
            outcome = error.with_traceback(None)
        check = check_many if self.mode in MANY else check_one
        what = check(self, hostile, outcome)
        hostile.raised.clear()
        return what


@contextmanager
def restored() -> Iterator[None]:
    """Put back what acts change of the interpreter."""
    limit, interval = sys.getrecursionlimit(), sys.getswitchinterval()
    try:
        with np.errstate(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.setrecursionlimit(limit)
        sys.setswitchinterval(interval)
        _minpack.select_simd(None)


@cache
def undisturbed(case: Case) -> Any:
    """Return the result of a fit without an act."""
    with restored():
        return case.fit(case.function)


def expected(case: Case) -> Any:
    target = 0 if case.mode in MANY else case.target
    return undisturbed(Case(case.mode, "", target, 0, case.in_dfun))


def same_error(hostile: Hostile, error: object) -> bool:
    """Return whether it is what was raised, or a real signal's, whose exception is Python's own."""
    return error in hostile.raised or (
        hostile.name == "a real interrupt" and type(error) is KeyboardInterrupt
    )


def check_one(case: Case, hostile: Hostile, outcome: Any) -> str:
    """Check the outcome of leastsq."""
    if case.act in HARMLESS or not hostile.acted:
        assert_same(outcome, expected(case))
        return "the same bits"
    if case.act in RAISING:
        assert same_error(hostile, outcome), repr(outcome)
        return "the same exception"
    assert isinstance(outcome, ERRORS_OF_RESULTS), repr(outcome)
    return "refused"


def check_many(case: Case, hostile: Hostile, outcome: Any) -> str:
    """Check the outcome of leastsq_many."""
    if hostile.raised and not isinstance(hostile.raised[-1], Exception):
        assert same_error(hostile, outcome), repr(outcome)
        return "the same exception"
    if case.act in RETURNING and case.target < EARLY and isinstance(outcome, ERRORS_OF_RESULTS):
        return "refused"
    if not isinstance(outcome, LeastsqManyResult):
        raise outcome
    disturbed = hostile.acted and case.act not in HARMLESS
    others = np.arange(K) != case.target if disturbed else np.ones(K, bool)
    want = expected(case)
    for name in MANY_ARRAYS:
        found, right = getattr(outcome, name), getattr(want, name)
        if right is not None:
            assert_same(found[others], right[others], name)
    if not disturbed:
        assert outcome.errors == {}
        return "the same bits"
    assert list(outcome.errors) == [case.target], outcome.errors
    assert outcome.ier[case.target] == -1
    assert np.isfinite(outcome.x[case.target]).all()
    error = outcome.errors[case.target]
    kinds = (type(hostile.raised[-1]), RuntimeError) if hostile.raised else ERRORS_OF_RESULTS
    assert isinstance(error, kinds), repr(error)
    assert error.__traceback__ is None
    return "in errors"


def count_of_resources() -> tuple[int, int, int]:
    """Return how many threads, processes and open files there are."""
    return threading.active_count(), len(processes()), len(os.listdir("/proc/self/fd"))


def settled(before: tuple[int, int, int], seconds: float = 5.0) -> None:
    """Wait until there are no more of them than before."""
    end = time.monotonic() + seconds
    while any(now > then for now, then in zip(count_of_resources(), before, strict=True)):
        assert time.monotonic() < end, (before, count_of_resources(), threading.enumerate())
        time.sleep(0.01)


def check_leaks(case: Case, repeats: int = 100, rounds: int = 8) -> None:
    """Repeat a case until there are no more objects than before; if there always are, it leaks.

    At first there are: caches and free lists fill.
    """
    grown = []
    for _ in range(rounds):
        before = sys.getallocatedblocks()
        for _ in range(repeats):
            case.run()
        gc.collect()
        grown.append(sys.getallocatedblocks() - before)
        if grown[-1] < 0.9 * repeats:
            return
    raise AssertionError(f"{case} leaks, each time {repeats} more are run: {grown} objects")


def random_case(seed: int, number: int) -> Case:
    """Return a case made from two numbers."""
    rng = np.random.default_rng((seed, number))
    mode = str(rng.choice([*MANY, *ONE]))
    act = str(rng.choice([*RAISING, *RETURNING, *HARMLESS]))
    has_dfun = "Dfun" in (MANY.get(mode) or ONE.get(mode) or {})
    at, in_dfun = int(rng.choice([1, 2, 3, 4, 5, 8, 13])), bool(has_dfun and rng.integers(2))
    if act in RETURNING and not in_dfun:
        at = max(at, 2)  # the first residual determines M
    return Case(mode, act, int(rng.integers(K)), at, in_dfun)


def run(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Run random cases; return how often what has happened, and the cases that are wrong."""
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    gc.collect()
    gc.freeze()  # for acts that collect
    before = count_of_resources()
    for number in range(count):
        case = random_case(seed, number)
        try:
            tally[case.run()] += 1
            settled(before)
        except Exception as error:
            wrong.append(f"{case}\n    {type(error).__name__}: {str(error)[:500]}")
    return tally, wrong


def main() -> int:
    """Run as many cases as the command says, then look for leaks in one of each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=5000)
    given = parser.parse_args()
    tally, wrong = run(given.seed, given.count)
    for mode, act in product([*MANY, *ONE], [*RAISING, *RETURNING]):
        try:
            check_leaks(Case(mode, act))
        except AssertionError as error:
            wrong.append(str(error))
    print(*wrong, *(f"{number:8} {what}" for what, number in tally.items()), sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
