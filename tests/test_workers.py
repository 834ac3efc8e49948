"""workers=: difference Jacobians through a map-like, with the same bits."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import pytest
from engines import dask
from mgh import RUNS
from reference import assert_same, bundled
from support import (
    START,
    Array,
    CustomError,
    RaisesAt,
    Recorded,
    Sequence,
    decay,
    decay_jacobian,
)

from leastsq import leastsq

pytestmark = pytest.mark.skipif(not bundled(), reason="the system build has no workers")


def scaled(p: Array, factor: float, offset: Array) -> Array:
    """Residuals with extra arguments."""
    return factor * decay(p) + offset


def tag_process(p: Array, here: int) -> Array:
    """Residuals whose last element shows whether another process computed them."""
    return np.append(decay(p), 0.0 if os.getpid() == here else 1e-3)


def die_elsewhere(p: Array, here: int) -> Array:
    """Residuals that kill their process unless it is the caller's."""
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return decay(p)


def fail_elsewhere(p: Array, here: int) -> Array:
    """Residuals that raise in other processes than the caller's."""
    if os.getpid() != here:
        raise ZeroDivisionError("over there")
    return decay(p)


def eager(function: Callable[[Array], Any], points: list[Array]) -> list[Any]:
    return [function(point) for point in points]


def backwards(function: Callable[[Array], Any], points: list[Array]) -> list[Any]:
    return [function(point) for point in points[::-1]][::-1]


def lazily(function: Callable[[Array], Any], points: list[Array]) -> Iterator[Any]:
    for point in points:
        yield function(point)


each_kind = pytest.mark.parametrize("workers", [map, eager, backwards, lazily])


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Start a pool of real processes, which import this file anew."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@each_kind
@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_mgh_runs(workers: Callable[..., Iterable[Any]]) -> None:
    for run in RUNS:
        got = leastsq(run.residual, run.x0, workers=workers, full_output=True)
        assert_same(got, leastsq(run.residual, run.x0, full_output=True), run.name)


def test_threads() -> None:
    want = leastsq(decay, START, full_output=True)
    names = []

    def residual(p: Array) -> Array:
        names.append(threading.current_thread() is threading.main_thread())
        return decay(p)

    with ThreadPoolExecutor(3) as pool:
        got = leastsq(residual, START, workers=pool.map, full_output=True)
    assert_same(got, want)
    jacobians = sum(not name for name in names) / 3
    assert jacobians == int(jacobians) > 3
    assert len(names) == want[2]["nfev"]


def test_processes(processes: ProcessPoolExecutor) -> None:
    args = 2.0, np.linspace(0.0, 0.1, 40)
    want = leastsq(scaled, START, args, full_output=True)
    assert_same(leastsq(scaled, START, args, workers=processes.map, full_output=True), want)


def test_what_runs_in_the_processes_is_the_jacobian(processes: ProcessPoolExecutor) -> None:
    _, _, infodict, _, _ = leastsq(
        tag_process, START, os.getpid(), workers=processes.map, full_output=True, maxfev=4
    )
    assert infodict["fvec"][-1] == 0.0  # the trial point's is made here
    assert infodict["nfev"] >= 5
    # Jacobian: (1e-3 - 0)/h in the last row of each column, which others have made.
    r = np.triu(infodict["fjac"].T[:3])
    assert np.all(np.linalg.norm(r, axis=0) > 1e3)


def test_pool_of_multiprocessing() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for method in (pool.map, pool.imap):
            got = leastsq(decay, START, workers=method, full_output=True)
            assert_same(got, leastsq(decay, START, full_output=True))


def test_exceptions_of_a_process(processes: ProcessPoolExecutor) -> None:
    with pytest.raises(ZeroDivisionError, match="over there"):
        leastsq(fail_elsewhere, START, os.getpid(), workers=processes.map)


def test_a_process_that_is_killed() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool, pytest.raises(BrokenProcessPool):
        leastsq(die_elsewhere, START, os.getpid(), workers=pool.map)


def test_dask() -> None:
    """A real cluster on loopback, through the executor of its client."""
    with dask() as workers:
        got = leastsq(decay, START, workers=workers, full_output=True)
        assert_same(got, leastsq(decay, START, full_output=True))
        with pytest.raises(ZeroDivisionError, match="over there"):
            leastsq(fail_elsewhere, START, os.getpid(), workers=workers)


def test_what_workers_get() -> None:
    lists: list[list[Array]] = []

    def look(function: Callable[[Array], Any], points: list[Array]) -> Iterator[Any]:
        assert type(points) is list
        lists.append([point.copy() for point in points])
        for point in points:
            assert type(point) is np.ndarray
            assert (point.dtype, point.shape) == (np.float64, (3,))
            assert point.flags.owndata
            assert point.flags.writeable
        yield from [function(point) for point in points]
        for point in points:
            point[:] = np.nan

    func = Recorded(decay)
    want = leastsq(func, START, full_output=True)
    assert_same(leastsq(decay, START, workers=look, full_output=True), want)
    plain = [x.tobytes() for x in func.xs]
    for points in lists:  # consecutive in a solve without workers
        first = plain.index(points[0].tobytes())
        assert [point.tobytes() for point in points] == plain[first : first + 3]


def test_the_function_is_picklable_if_func_and_args_are() -> None:
    sizes = []

    def through_pickle(function: Callable[[Array], Any], points: list[Array]) -> Iterator[Any]:
        sizes.append(len(pickle.dumps(function)))
        return map(pickle.loads(pickle.dumps(function)), points)  # noqa: S301

    args = 2.0, np.linspace(0.0, 0.1, 40)
    got = leastsq(scaled, START, args, workers=through_pickle, full_output=True)
    assert_same(got, leastsq(scaled, START, args, full_output=True))
    assert max(sizes) < 1000


def test_results_of_other_kinds() -> None:
    def as_rows(function: Callable[[Array], Any], points: list[Array]) -> Array:
        return np.array([function(point) for point in points])

    want = leastsq(decay, START, full_output=True)
    assert_same(leastsq(decay, START, workers=as_rows, full_output=True), want)
    got = leastsq(lambda p: decay(p).tolist(), START, workers=map, full_output=True)
    assert_same(got, want)


@pytest.mark.parametrize(("change", "count"), [(lambda r: r[:-1], 2), (lambda r: r[:0], 0),
                                               (lambda r: [*r, r[0]], 4)])  # fmt: skip
@pytest.mark.parametrize("kind", [list, iter])
def test_too_few_and_too_many_results(
    change: Callable[[list[Any]], list[Any]], count: int, kind: type
) -> None:
    words = f"{count} results or more" if count > 3 else f"{count} results"
    with pytest.raises(ValueError, match=f"^workers returned {words} for 3 points$"):
        leastsq(decay, START, workers=lambda f, points: kind(change(eager(f, points))))


def test_endless_results() -> None:
    with pytest.raises(ValueError, match="4 results or more for 3 points"):
        leastsq(decay, START, workers=lambda f, points: itertools.cycle(eager(f, points)))


def test_one_parameter_is_one_point() -> None:
    seen = []

    def count(function: Callable[[Array], Any], points: list[Array]) -> Iterable[Any]:
        seen.append(len(points))
        return map(function, points)

    func = lambda p: [p[0] - 1.0, p[0] * p[0]]  # noqa: E731
    got = leastsq(func, 5.0, workers=count, full_output=True)
    assert_same(got, leastsq(func, 5.0, full_output=True))
    assert set(seen) == {1}


@each_kind
def test_results_that_are_no_residuals(workers: Callable[..., Iterable[Any]]) -> None:
    for wrong, kind, text in (
        (np.ones(39), ValueError, "changed size between calls"),
        (None, TypeError, "It is None"),
        (np.ones((40, 1)), TypeError, "not a proper array of floats"),
        (np.ones(40, complex), TypeError, "not a proper array of floats"),
    ):
        func = Sequence(decay, decay, lambda p, wrong=wrong: wrong)
        with pytest.raises(kind, match=text):
            leastsq(func, START, workers=workers)


@each_kind
@pytest.mark.parametrize("error", [CustomError(1, 2), StopIteration(5), KeyboardInterrupt(),
                                   GeneratorExit()], ids=repr)  # fmt: skip
def test_exceptions_of_func(workers: Callable[..., Iterable[Any]], error: BaseException) -> None:
    """At every call: the first, a trial point, each of a Jacobian's."""
    for call in range(1, 10):
        func = RaisesAt(decay, call, error)
        with pytest.raises(type(error)) as caught:
            leastsq(func, START, workers=workers)
        assert caught.value is error
        if workers is not backwards:
            assert func.calls == call or (workers is eager and func.calls <= call + 2)


def test_stop_iteration_in_threads_and_processes(processes: ProcessPoolExecutor) -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(StopIteration) as caught:
        leastsq(RaisesAt(decay, 3, StopIteration("mine")), START, workers=pool.map)
    assert caught.value.args == ("mine",)
    with pytest.raises(StopIteration):
        leastsq(stop_elsewhere, START, os.getpid(), workers=processes.map)


def stop_elsewhere(p: Array, here: int) -> Array:
    """Residuals that raise StopIteration in other processes than the caller's."""
    if os.getpid() != here:
        raise StopIteration
    return decay(p)


def test_exceptions_of_the_workers() -> None:
    error = CustomError(3, 4)

    def fail(function: object, points: object) -> Any:
        raise error

    def fail_on_the_way(function: Callable[[Array], Any], points: list[Array]) -> Iterator[Any]:
        yield function(points[0])
        raise error

    for workers in (fail, fail_on_the_way):
        with pytest.raises(CustomError) as caught:
            leastsq(decay, START, workers=workers)
        assert caught.value is error


@pytest.mark.parametrize("wrong", [2, -1, True, "map", [map]])
def test_not_callable(wrong: object) -> None:
    func = Recorded(decay)
    with pytest.raises(TypeError) as caught:
        leastsq(func, START, workers=wrong)
    assert str(caught.value) == f"workers must be a callable like map, not {wrong!r}"
    assert func.calls == 0


def test_results_that_cannot_be_iterated() -> None:
    for wrong in (None, 5):
        text = f"^workers must return an iterable of results, not {wrong}$"
        with pytest.raises(TypeError, match=text):
            leastsq(decay, START, workers=lambda f, points, wrong=wrong: wrong)
    with ThreadPoolExecutor() as pool, pytest.raises(TypeError, match="not a proper array"):
        leastsq(decay, START, workers=lambda f, points: [pool.submit(f, p) for p in points])


def test_without_effect_with_dfun() -> None:
    def unused(function: object, points: object) -> Any:
        raise AssertionError

    got = leastsq(decay, START, Dfun=decay_jacobian, workers=unused, full_output=True)
    assert_same(got, leastsq(decay, START, Dfun=decay_jacobian, full_output=True))


def test_with_a_callback() -> None:
    steps: list[tuple[Array, int]] = []
    others: list[tuple[Array, int]] = []
    leastsq(decay, START, workers=map,
            callback=lambda intermediate_result: steps.append(
                (intermediate_result.x, intermediate_result.nfev)))  # fmt: skip
    leastsq(decay, START,
            callback=lambda intermediate_result: others.append(
                (intermediate_result.x, intermediate_result.nfev)))  # fmt: skip
    assert_same(steps, others)
    assert len(steps) > 3


def test_a_float32_residual_and_improper_arguments() -> None:
    for options in ({}, {"ftol": -1.0}, {"epsfcn": 1e-5}):
        func = lambda p: decay(p).astype(np.float32)  # noqa: E731
        got = leastsq(func, START, workers=map, full_output=True, **options)
        assert_same(got, leastsq(func, START, full_output=True, **options))
