"""Nested fits, fits in threads, and memory after a fit."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference import assert_same, bits
from support import (
    START,
    Array,
    CustomError,
    RaisesAt,
    Recorded,
    decay,
    decay_jacobian,
    raised,
    run_python,
)

from leastsq import leastsq

# Nesting


def nested(depth: int, results: list[tuple], use_dfun: bool) -> tuple:
    """Fit with another fit, and so on down to `depth`, inside the second call of func or Dfun."""

    def deeper(function: Callable) -> Callable:
        calls = 0

        def run(x: Array) -> Array:
            nonlocal calls
            calls += 1
            if calls == 2 and depth > 1:
                nested(depth - 1, results, use_dfun)
            return function(x)

        return run

    if use_dfun:
        result = leastsq(decay, START, Dfun=deeper(decay_jacobian), full_output=True)
    else:
        result = leastsq(deeper(decay), START, full_output=True)
    results.append(result)
    return result


@pytest.mark.parametrize("use_dfun", [False, True])
def test_nested_fits(use_dfun: bool) -> None:
    results: list[tuple] = []
    nested(60, results, use_dfun)
    expected = leastsq(decay, START, Dfun=decay_jacobian if use_dfun else None, full_output=True)
    assert len(results) == 60
    for result in results:
        assert_same(result, expected)


def test_a_fit_of_fits() -> None:
    def inner(scale: float) -> float:
        return float(leastsq(lambda x: [x[0] ** 2 - scale, x[0] - 1.0], 1.0)[0][0])

    def outer(x: Array) -> list[float]:
        return [inner(x[0]) - 1.2, 0.1 * x[0] - 0.2]

    tabulated: dict[float, float] = {}
    func = Recorded(outer)
    result = leastsq(func, 3.0, full_output=True)
    for x in func.xs:
        tabulated[float(x[0])] = inner(x[0])
    expected = leastsq(
        lambda x: [tabulated[float(x[0])] - 1.2, 0.1 * x[0] - 0.2], 3.0, full_output=True
    )
    assert_same(result, expected)


@pytest.mark.parametrize("call", [1, 2])
def test_endless_nesting_is_a_recursion_error(call: int) -> None:
    def endless(x: Array) -> Array:
        nonlocal made
        made += 1
        if call == 1 or made % 2 == 0:
            leastsq(endless, [1.0, 2.0])
        return x

    made, expected = 0, leastsq(decay, START)
    assert isinstance(raised(endless, [1.0, 2.0]), RecursionError)
    assert made > 50
    assert_same(leastsq(decay, START), expected)


# Threads


def busy_problem(k: int) -> tuple[Callable, Array, Callable | None]:
    """Return a problem with m and n of its own and slow residuals in Python."""
    n, m = k % 4 + 1, 6 + 5 * k
    rng = np.random.default_rng(k)
    a, b = rng.normal(size=(m, n)).tolist(), rng.normal(size=m).tolist()

    def func(x: Array) -> list[float]:
        p = x.tolist()
        sums = [sum(c * v for c, v in zip(row, p, strict=True)) for row in a]
        return [s + 0.05 * s * s - right for s, right in zip(sums, b, strict=True)]

    def jacobian(x: Array) -> list[list[float]]:
        p = x.tolist()
        sums = [sum(c * v for c, v in zip(row, p, strict=True)) for row in a]
        return [[c * (1.0 + 0.1 * s) for c in row] for row, s in zip(a, sums, strict=True)]

    return func, np.ones(n), jacobian if k % 2 else None


@pytest.fixture
def eager_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switching")
def test_eight_threads_give_the_bits_of_serial_solves() -> None:
    problems = [busy_problem(k) for k in range(8)]
    start = threading.Barrier(8)

    def solve(k: int) -> tuple:
        func, x0, jacobian = problems[k]
        return bits(leastsq(func, x0, Dfun=jacobian, full_output=True))

    def repeat(k: int) -> list[tuple]:
        start.wait()
        return [solve(k) for _ in range(40)]

    serial = [solve(k) for k in range(8)]
    assert len(set(serial)) == 8
    with ThreadPoolExecutor(8) as pool:
        for expected, found in zip(serial, pool.map(repeat, range(8)), strict=True):
            assert found == [expected] * 40


@pytest.mark.usefixtures("eager_switching")
def test_each_thread_gets_its_own_exception() -> None:
    start = threading.Barrier(8)

    def fail(k: int) -> bool:
        func, x0, _ = busy_problem(k)
        start.wait()
        own = [CustomError(k, i) for i in range(200)]
        return all(raised(RaisesAt(func, k % 5 + 1, error), x0) is error for error in own)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fail, range(8))) == [True] * 8


# Leaks


@pytest.mark.parametrize("call", [1, 2, 4])
@pytest.mark.parametrize("name", ["func", "Dfun"])
def test_nothing_outlives_a_fit_that_raised(name: str, call: int) -> None:
    error = CustomError(1, 2)
    options = {"func": decay, "Dfun": decay_jacobian}
    options[name] = thrower = RaisesAt(options[name], call, error)
    with pytest.raises(CustomError):
        leastsq(x0=START, **options)
    alive = [weakref.ref(thrower), weakref.ref(error)]
    del error, thrower, options
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_nothing_outlives_a_fit() -> None:
    func, jacobian = Recorded(decay), Recorded(decay_jacobian)
    x, cov_x, info, _, _ = leastsq(func, START, Dfun=jacobian, full_output=True)
    arrays = [x, cov_x, *(a for a in info.values() if isinstance(a, np.ndarray))]
    alive = [weakref.ref(thing) for thing in (func, jacobian, *arrays)]
    del func, jacobian, x, cov_x, info, arrays
    gc.collect()
    assert [ref() for ref in alive] == [None] * 8


@pytest.mark.parametrize("fail", [False, True])
def test_reference_counts_come_back(fail: bool) -> None:
    slopes = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 4.0]])
    x0, diag, data, buffer = np.zeros(2), np.array([1.0, 2.0]), np.arange(3.0), np.empty(3)
    error = CustomError(1, 2)

    def func(x: Array, shift: Array) -> Array:
        np.dot(slopes, x, out=buffer)
        return np.subtract(buffer, shift, out=buffer)

    def jacobian(x: Array, shift: Array) -> Array:
        if fail:
            raise error
        return slopes

    def solve() -> None:
        with contextlib.suppress(CustomError):
            leastsq(func, x0, (data,), jacobian, full_output=True, diag=diag)
        error.__traceback__ = None

    things = [func, jacobian, x0, diag, data, buffer, slopes, error]
    solve()
    before = [sys.getrefcount(thing) for thing in things]
    for _ in range(1000):
        solve()
    assert [sys.getrefcount(thing) for thing in things] == before


def test_memory_stays_after_ten_thousand_fits_that_raise() -> None:
    run_python(
        """
        import gc, os, sys
        import numpy as np
        from leastsq import leastsq

        # A leaked residual of 8 kB shows as 80 MB; a small object as 10,000 allocated blocks.
        t = np.linspace(0.0, 1.0, 1000)
        ones = np.ones((1000, 2))

        class Stop(Exception):
            pass

        def fit(stop_func, stop_dfun, bad, dfun):
            calls = {"func": 0, "dfun": 0}
            def func(p):
                calls["func"] += 1
                if calls["func"] == stop_func:
                    return bad()
                return p[0] + p[1] * t
            def jacobian(p):
                calls["dfun"] += 1
                if calls["dfun"] == stop_dfun:
                    return bad()
                return ones * p[1]
            try:
                leastsq(func, [1.0, 2.0], Dfun=jacobian if dfun else None)
            except (Stop, TypeError, ValueError):
                return
            raise AssertionError("nothing was raised")

        def stop():
            raise Stop

        def usage():
            gc.collect()
            with open("/proc/self/statm") as file:
                pages = int(file.read().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE"), sys.getallocatedblocks()

        wrong = np.ones(999)
        many = np.ones((1000, 2)) * 1j
        cases = [
            *[(call, 0, stop, False) for call in (1, 2, 4)],
            *[(call, 0, stop, True) for call in (1, 2)],
            *[(0, call, stop, True) for call in (1, 2)],
            (2, 0, lambda: wrong, False),
            (3, 0, lambda: many, False),
            (0, 1, lambda: wrong, True),
            (0, 2, lambda: many, True),
        ]
        for case in cases:
            for _ in range(500):
                fit(*case)
        for case in cases:
            before = usage()
            for _ in range(10_000):
                fit(*case)
            size, blocks = (now - then for now, then in zip(usage(), before))
            assert size < 1_000_000, (case, size)
            assert blocks < 1000, (case, blocks)
        """
    )
