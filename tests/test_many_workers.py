"""`leastsq_many` with workers: threads, processes, and external engines; the same bits."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, RNG, START, K, T, both, decay, slopes
from elsewhere import (
    SlowToPickle,
    SlowToUnpickle,
    ignoring,
    killed_decay,
    numbered_decay,
    product,
    scratch_decay,
    signed_decay,
    writing_decay,
)
from engines import ENGINES, GIL, assert_equal, dask, processes, processes_of_ours
from reference import assert_same
from support import Array

from leastsq import leastsq_many

pytestmark = asks

def cases() -> Iterator[tuple[Callable[..., Any], object, dict[str, Any]]]:
    """Yield calls of leastsq_many of every kind, without workers."""
    weights = RNG.uniform(0.5, 2.0, DATA.shape)
    weights[::9] = 0.0
    holes = np.where(RNG.random(DATA.shape) < 0.05, np.nan, DATA)
    cube = DATA[:600].reshape(20, 30, -1)
    yield decay, START, {"data": DATA}
    yield decay, START, {"data": DATA, "weights": weights, "vectorized": True}
    yield decay, START, {"data": holes, "nan_policy": "omit", "Dfun": slopes, "vectorized": True}
    yield numbered_decay, START, {"data": (DATA, np.arange(K)), "vectorized": True}
    yield numbered_decay, np.ones((1, 30, 3)), {
        "data": (cube, np.arange(30)[None, :]), "weights": weights[:30].reshape(1, 30, -1),
    }  # fmt: skip
    yield decay, np.ones((40, 1, 3)), {"data": DATA[None, :5], "maxfev": 20}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_bits_through_any_map(engine: Callable[[], Any]) -> None:
    with engine() as workers:
        for number, (func, x0, options) in enumerate(cases()):
            want = leastsq_many(func, x0, **options)
            chunksize = (None, 64, 300)[number % 3]
            got = leastsq_many(func, x0, **options, workers=workers, chunksize=chunksize)
            assert_equal(got, want)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("chunksize", [None, 50, 10_000])
def test_the_same_bits_in_threads_and_processes_of_ours(chunksize: int | None) -> None:
    for func, x0, options in cases():
        want = leastsq_many(func, x0, **options)
        for workers in (2, -1):
            got = leastsq_many(func, x0, **options, workers=workers, chunksize=chunksize)
            assert_equal(got, want)
    assert processes() == []


@both
def test_tasks_of_one_fit(vectorized: bool) -> None:
    want = leastsq_many(decay, START, data=DATA[:40], vectorized=vectorized)
    for workers in (map, 2):
        got = leastsq_many(
            decay, START, data=DATA[:40], vectorized=vectorized, workers=workers, chunksize=1
        )
        assert_equal(got, want)


def test_who_evaluates(tmp_path: Path) -> None:
    def ids(workers: object) -> set[str]:
        folder = tmp_path / str(workers)
        folder.mkdir()
        leastsq_many(signed_decay, START, data=DATA, args=folder, workers=workers, chunksize=20)
        return set(os.listdir(folder))

    here = str(os.getpid())
    assert ids(1) == {here}
    elsewhere = ids(2) - {here}  # which has evaluated the first problem
    assert len(elsewhere) == (2 if GIL else 0)
    names = set()

    def named_decay(p: Array, y: Array) -> Array:
        names.add(threading.current_thread().name)
        time.sleep(0.001)
        return decay(p, y)

    leastsq_many(named_decay, START, data=DATA, workers=3, chunksize=40, vectorized=True)
    assert len(names - {threading.main_thread().name}) == 3


def test_dask_has_two_processes(tmp_path: Path) -> None:
    with dask() as workers:
        leastsq_many(signed_decay, START, data=DATA, args=tmp_path, workers=workers, chunksize=20)
        marker = tmp_path / "killed"
        ids = set(os.listdir(tmp_path)) - {str(os.getpid())}
        assert len(ids) == 2
        data = (DATA[:200], np.arange(200))
        args = (marker, os.getpid())
        got = leastsq_many(killed_decay, START, data=data, args=args, workers=workers, chunksize=20)
    assert marker.exists()
    assert_equal(got, leastsq_many(killed_decay, START, data=data, args=args))


MPI = """
def count(word):
    return len(word)

if __name__ == "__main__":
    import sys
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor(2) as pool:
        assert list(pool.map(count, ["a", "bc"])) == [1, 2]
        if "fit" in sys.argv:
            from decays import DATA, START, decay
            from leastsq import leastsq_many

            got = leastsq_many(decay, START, data=DATA, workers=pool.map)
            assert got.x.tobytes() == leastsq_many(decay, START, data=DATA).x.tobytes()
    print("done")
"""


def run_mpi(script: Path, *arguments: str) -> str:
    """Run a script that starts processes by MPI; return what it prints, also if it hangs."""
    modules = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with subprocess.Popen(  # noqa: S603
        [sys.executable, script, *arguments],
        env=os.environ | {"PYTHONPATH": modules, "PATH": programs},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            return process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "hangs"


def test_mpi(tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(MPI)
    alone = run_mpi(script)
    if alone != "done\n":
        pytest.skip(f"mpi4py.futures does not work here: {alone[-200:]}")
    assert run_mpi(script, "fit") == "done\n"


def test_maps_that_return_something_else() -> None:
    def run(workers: object) -> None:
        leastsq_many(decay, START, data=DATA[:40], workers=workers, chunksize=10)

    for workers, kind, text in (
        (lambda f, tasks: [f(task) for task in tasks][:-1], ValueError, "3 results for 4 tasks"),
        (lambda f, tasks: [f(task) for task in [*tasks, tasks[0]]], ValueError, "5 results or mo"),
        (lambda f, tasks: [f(task) for task in tasks][::-1], ValueError, "in their order"),
        (lambda f, tasks: tasks, TypeError, "must return what its function returns"),
        (lambda f, tasks: None, TypeError, "an iterable of results, not None"),
        (lambda f: None, TypeError, "positional argument"),
        (0, ValueError, "workers must be positive, or -1 for all cores, not 0"),
        (-2, ValueError, "not -2"),
        ("2", TypeError, "integer"),
        (2.0, TypeError, "integer"),
    ):
        with pytest.raises(kind, match=text):
            run(workers)


@processes_of_ours
def test_functions_that_cannot_go_elsewhere() -> None:
    with pytest.raises(TypeError, match="workers=2 sends func and args to other processes"):
        leastsq_many(lambda p, y: decay(p, y), START, data=DATA, workers=2)
    with pytest.raises(TypeError, match="those of a module"):
        leastsq_many(decay, START, data=DATA, args=threading.Lock(), workers=2)
    code = (
        "import numpy as np; from leastsq import leastsq_many\n"
        "def f(p, y): return p - y\n"
        "leastsq_many(f, [1.0], data=np.ones((9, 2)), workers=2)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert "__main__ has no file here" in done.stderr


@pytest.mark.parametrize("workers", [2, map])
def test_args_keep_their_layout(workers: object) -> None:
    """The bits of BLAS depend on strides."""
    matrix = RNG.standard_normal((30, 12))
    for args in (np.asfortranarray(matrix), matrix[:, ::2], matrix[::-1, ::-3]):
        start = np.ones(args.shape[1])
        got = leastsq_many(product, start, data=DATA[:100], args=args, workers=workers)
        assert_equal(got, leastsq_many(product, start, data=DATA[:100], args=args))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("workers", [2, map])
def test_a_wrong_shape_in_a_later_task_is_that_fits_error(workers: object) -> None:
    def func(p: Array, y: Array, k: Array) -> Array:
        return decay(p, y)[..., : -1 if np.any(k >= 600) else None]

    options = {"data": (DATA, np.arange(K)), "vectorized": True}
    got = leastsq_many(func, START, **options, workers=workers, chunksize=100)
    assert sorted(got.errors) == list(range(600, 700))
    assert_same(got.x, leastsq_many(func, START, **options).x)


@processes_of_ours
@pytest.mark.parametrize("arg", [SlowToPickle, SlowToUnpickle])
def test_a_timeout_is_an_error_like_others(arg: Callable[[], object]) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError, match="a slow disk"):
            leastsq_many(ignoring, START, data=DATA, args=(arg(),), workers=2)
    assert processes() == []


def test_numpys_errstate_goes_along() -> None:
    def func(p: Array, y: Array, k: Array) -> Array:
        return decay(p, y) + np.where(k == 33, np.exp(np.where(k == 33, 800.0, 0.0)), 0.0)

    with np.errstate(over="raise"), pytest.warns(RuntimeWarning, match="1 stopped"):
        got = leastsq_many(
            func, START, data=(DATA, np.arange(K)), vectorized=True, workers=2, chunksize=10
        )
    assert isinstance(got.errors[33], FloatingPointError)


def test_what_all_share_counts_in_every_task() -> None:
    waves = []

    def look(function: Callable[..., Any], tasks: list[Any]) -> Iterator[Any]:
        waves.append(sum(len(pickle.dumps(task)) for task in tasks))
        return map(function, tasks)

    shared = np.zeros((1, 1_000_000))
    weights = np.ones((400, 30))
    leastsq_many(
        ignoring, START, data=(DATA[:400], shared), weights=weights, workers=look, chunksize=10
    )
    assert max(waves) < 70e6


def test_what_is_tried_again_starts_again() -> None:
    def twice(function: Callable[..., Any], tasks: list[Any]) -> list[Any]:
        for task in tasks:
            function(task)
        return [function(task) for task in tasks]

    got = leastsq_many(decay, START, data=DATA, vectorized=True, workers=twice)
    assert_equal(got, leastsq_many(decay, START, data=DATA, vectorized=True))


@pytest.mark.filterwarnings("ignore:300 fits")
def test_what_a_map_gets() -> None:
    waves: list[int] = []

    def look(function: Callable[..., Any], tasks: list[Any]) -> Iterator[Any]:
        assert type(tasks) is list
        waves.append(len(tasks))
        return map(function, tasks)

    leastsq_many(decay, START, data=DATA, workers=look, chunksize=10)
    assert waves == [64, 6]
    waves.clear()
    big = np.broadcast_to(DATA[:, :, None], (*DATA.shape, 1000))  # 240 kB a fit
    leastsq_many(
        lambda p, y: decay(p, y[..., 0]), START, data=big[:300], workers=look, chunksize=50,
        maxfev=5,
    )  # fmt: skip
    assert max(waves) <= 5
    assert sum(waves) >= 6


def test_evaluations_are_not_repeated() -> None:
    calls = []

    def counted_decay(p: Array, y: Array) -> Array:
        calls.append(1)
        return decay(p, y)

    result = leastsq_many(counted_decay, START, data=DATA, workers=map, chunksize=30)
    assert len(calls) == result.nfev.sum()


@pytest.mark.parametrize("workers", [2, map])
def test_rows_are_read_only_elsewhere_too(workers: object) -> None:
    before = DATA[:40].copy()
    for vectorized in (False, True):
        with pytest.warns(RuntimeWarning, match="40 stopped by an exception"):
            result = leastsq_many(
                writing_decay, START, data=DATA[:40], workers=workers, vectorized=vectorized
            )
        assert all("read-only" in str(error) for error in result.errors.values())
    assert_same(DATA[:40], before)


def test_arrays_to_write_to_are_each_threads_own() -> None:
    scratch = np.zeros((K, T.size))
    options = {"data": DATA, "args": scratch, "vectorized": True}
    got = leastsq_many(scratch_decay, START, **options, workers=3, chunksize=50)
    assert np.count_nonzero(scratch[1:]) == 0  # the first problem is evaluated here
    assert_equal(got, leastsq_many(scratch_decay, START, **options))
    assert np.count_nonzero(scratch) == scratch.size


def test_rows_that_problems_share_are_read_only() -> None:
    def func(p: Array, y: Array, k: Array) -> Array:
        if k == 0:
            raise ZeroDivisionError
        y[...] = 0.0
        return decay(p, y)

    with pytest.warns(RuntimeWarning, match="20 stopped by an exception"):
        result = leastsq_many(
            func, np.ones((4, 1, 3)), data=(DATA[None, :5], np.arange(20).reshape(4, 5))
        )
    assert sum("read-only" in str(error) for error in result.errors.values()) == 19


def test_the_guard_in_every_task() -> None:
    data = DATA.copy()
    data[:50, 0] = np.nan  # proves nothing
    with pytest.raises(ValueError, match="axis=-1"):
        leastsq_many(
            lambda p, y: decay(p, y) + y.mean(), START, data=data, vectorized=True, workers=map,
            chunksize=50,
        )  # fmt: skip


class NoMemory:
    """A residual for whose pickle there is no memory."""

    def __call__(self, p: Array, y: Array) -> Array:
        return decay(p, y)

    def __reduce__(self) -> str:
        raise MemoryError


@processes_of_ours
def test_no_memory_for_a_pickle_is_no_type_error() -> None:
    with pytest.raises(MemoryError):
        leastsq_many(NoMemory(), START, data=DATA[:8], workers=2)
