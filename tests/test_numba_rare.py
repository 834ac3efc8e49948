"""numba functions: read-only memory, object mode, interrupts, unusual types."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from asking import asks
from engines import assert_equal
from programs import need_modules
from reference import assert_same
from support import Array, interrupt

from leastsq import CompiledResidual, leastsq, leastsq_many

pytestmark = asks

need_modules("numba")

from numba import njit, objmode  # noqa: E402

T = np.arange(1.0, 6.0)
ROWS = T * np.linspace(0.5, 2.0, 12)[:, None]


@njit
def of_any_number(x, *rest):
    return x[0] * rest[0] - rest[-1]


@njit
def with_a_default(x, y, k=2.0):
    return x[0] * k - y


@pytest.mark.parametrize(
    ("func", "args"),
    [
        (of_any_number, (T,)), (of_any_number, (T, T)), (of_any_number, (T, 3)),
        (of_any_number, (T, 1, T)), (with_a_default, (T,)), (with_a_default, (T, 3.0)),
    ],
)  # fmt: skip
def test_numbers_of_arguments(func: Any, args: tuple[Any, ...]) -> None:
    want = leastsq(lambda *p: func(*p), [1.0], args, full_output=True)
    assert_same(leastsq(CompiledResidual(func), [1.0], args, full_output=True), want)
    rows = (np.tile(ROWS[:1], (12, 1)), *args[1:])
    options = {"data": rows[0], "args": rows[1:]}
    want = leastsq_many(lambda *p: func(*p), [1.0], **options)
    assert_equal(leastsq_many(func, [1.0], **options), want)


@njit
def writes_to_y(x, y):
    out = x[0] - y
    y[0] = 777.0
    return out


def test_read_only_memory_is_not_written_to() -> None:
    kept = T.tobytes()
    y = np.frombuffer(kept)
    for solve in (
        lambda: leastsq(CompiledResidual(writes_to_y), [1.0], (y,)),
        lambda: leastsq_many(writes_to_y, np.ones((3, 1)), args=(y,)),
        lambda: leastsq_many(writes_to_y, [1.0], data=ROWS),
    ):
        with pytest.raises(TypeError, match="numba cannot compile"):
            solve()
    assert kept == T.tobytes()
    explicit = njit("f8[:](f8[:], f8[:])")(writes_to_y.py_func)
    with pytest.raises(TypeError, match="there is none"):
        leastsq(CompiledResidual(explicit), [1.0], (y,))
    rows, compiled = ROWS.copy(), CompiledResidual(explicit)
    assert leastsq_many(compiled, [1.0], data=rows).success.all()
    assert_same(rows, ROWS)
    with pytest.raises(TypeError, match="there is none"):
        leastsq(compiled, [1.0], (y,))
    assert kept == T.tobytes()


@njit
def by_scratch(x, y, pair):
    scratch = pair[0]
    for i in range(y.size):
        scratch[i] = x[0] * y[i] + x[1]
    return scratch - pair[1]


def test_scratch_in_tuples_is_each_threads_own() -> None:
    data = np.random.default_rng(0).uniform(1.0, 2.0, (2000, 40))
    args = ((np.zeros(40), np.linspace(1.0, 3.0, 40)),)
    want = leastsq_many(lambda *p: by_scratch(*p), [1.0, 1.0], data=data, args=args)
    for _ in range(3):
        got = leastsq_many(by_scratch, [1.0, 1.0], data=data, args=args, workers=4, chunksize=50)
        assert_equal(got, want)


@njit
def line(x, y):
    return x[0] * np.arange(y.size) + x[1] - y


@pytest.mark.parametrize("compiled", [False, True])
def test_other_processes(compiled: bool) -> None:
    """The function is compiled there anew."""
    func = CompiledResidual(line) if compiled else line
    want = leastsq_many(line, [1.0, 1.0], data=ROWS)
    leastsq_many(func, [1.0, 1.0], data=ROWS)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        got = leastsq_many(func, [1.0, 1.0], data=ROWS, workers=pool.map, chunksize=6)
    assert_equal(got, want)


KEPT: list[Array] = []


def keep(array: Array) -> float:
    KEPT.append(array)
    return 0.0


@njit
def keeps(x, y):
    with objmode(zero="float64"):
        zero = keep(x) + keep(y)
    return x[0] * y - 1.0 + zero


def test_arrays_that_python_keeps() -> None:
    """Each call gets a new x; arguments are the caller's arrays."""
    y = T.copy()
    found = []
    for func in (lambda *p: keeps(*p), CompiledResidual(keeps)):
        KEPT.clear()
        leastsq(func, [5.0], (y,))
        found.append([array.copy() for array in KEPT[-6::2]])
        assert all(array is y for array in KEPT[1::2])
    assert_same(found[1], found[0])


def shrink(x: Array) -> float:
    x.resize(0, refcheck=False)
    return 0.0


@njit
def shrinks(x, y):
    out = x[0] * y - 1.0
    with objmode(zero="float64"):
        zero = shrink(x)
    return out + zero


def test_x_that_python_resizes() -> None:
    want = leastsq(lambda *p: shrinks(*p), [5.0], (T,), full_output=True)
    assert_same(leastsq(CompiledResidual(shrinks), [5.0], (T,), full_output=True), want)


@njit
def raises_at_once(x, y):
    if x[0] == 1.0:
        raise IndexError("at once")
    return y - x[0]


def test_an_exception_at_the_first_call() -> None:
    """When m is not known."""
    for options in ({}, {"callback": print}, {"full_output": True}):
        with pytest.raises(IndexError, match="at once"):
            leastsq(CompiledResidual(raises_at_once), [1.0] * 3, (T,), **options)


@njit
def single(x):
    return np.float32(x[0] * x[0] - 2.0)


@njit
def as_integers(x, y):
    return np.rint(100.0 * (x[0] * y - x[1])).astype(np.int64)


def test_difference_steps_of_other_types() -> None:
    """A float32 alone becomes a double in Python; an array of them does not."""
    want = leastsq(lambda x: single(x), [1.0], full_output=True)
    assert_same(leastsq(CompiledResidual(single), [1.0], full_output=True), want)
    want = leastsq(lambda *p: as_integers(*p), [3.0, 1.0], (T,), full_output=True)
    got = leastsq(CompiledResidual(as_integers), [3.0, 1.0], (T,), full_output=True)
    assert_same(got, want)


@njit
def scaled(x, y):
    return x[0] * y - 1.0


@njit
def slope(x, y):
    return y


@njit
def slope_as_a_row(x, y):
    return y.reshape(1, -1)


@njit
def slope_as_a_column(x, y):
    return y.reshape(-1, 1)


@pytest.mark.parametrize("Dfun", [slope, slope_as_a_row, slope_as_a_column])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_jacobians_of_one_parameter(Dfun: Any, col_deriv: bool) -> None:
    options = {"col_deriv": col_deriv, "full_output": True}
    want = leastsq(lambda *p: scaled(*p), [2.0], (T,), Dfun=lambda *p: Dfun(*p), **options)
    assert_same(leastsq(CompiledResidual(scaled), [2.0], (T,), Dfun=Dfun, **options), want)


def test_the_first_nan_is_named() -> None:
    data = np.repeat(ROWS, 4, axis=0)
    data[17, 2] = data[1, 3] = data[40, 0] = np.nan
    with pytest.raises(ValueError, match="problem 1 has a NaN"):
        leastsq_many(line, [1.0, 1.0], data=data, nan_policy="raise")


def test_improper_input_with_full_output() -> None:
    func = CompiledResidual(scaled)
    for options in ({"x0": []}, {"x0": [1.0], "ftol": -1.0}):
        given = {"func": lambda x, y: y + x.sum(), "args": (T,), "full_output": True} | options
        want = leastsq(**given)
        total = CompiledResidual(njit(given["func"]))
        assert_same(leastsq(**(given | {"func": total})), want)
    with pytest.raises(TypeError, match="x0 must not be empty"):
        leastsq(func, [], (T,))


@njit
def slow_later(x, count):
    """Be quick for a while, then take a tenth of a second a call."""
    count[0] += 1
    total = 0.0
    for i in range(1 if count[0] < count[1] else 5_000_000):
        total += np.sin(i * 1.0)
    return np.sin(x) - 0.5 + 1e-300 * total


def pause() -> float:
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    return 1.0


@njit
def pausing(x, y):
    with objmode(one="float64"):
        one = pause()
    return (x[0] - y) * one / 1e150


ENDLESS = {"ftol": 0.0, "xtol": 0.0, "maxfev": 2**31 - 1}


def solve_slowly() -> None:
    leastsq(CompiledResidual(slow_later), np.ones(200), (np.array([0, 70]),))


def solve_pausing() -> None:
    while True:
        leastsq(CompiledResidual(pausing), [1e300], (T,), full_output=True, **ENDLESS)


def fit_pausing() -> None:
    leastsq_many(pausing, np.full((10**5, 1), 1e300), args=(T,), **ENDLESS)


@pytest.mark.parametrize("solve", [solve_slowly, solve_pausing, fit_pausing])
def test_interrupts(solve: Any) -> None:
    """In calls that become slow, and in object mode."""
    leastsq(CompiledResidual(slow_later), np.ones(2), (np.array([0, 10**9]),))
    leastsq(CompiledResidual(pausing), [1.0], (T,))
    interrupt(solve, after=0.3, within=5.0)


@njit
def steady(x, y):
    total = 0.0
    for i in range(20_000):
        total += np.sin(i * 1.0)
    return (x[0] - y + 1e-300 * total) / 1e150


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_of_a_signal_handler(workers: int) -> None:
    def give_up(*_: object) -> None:
        raise TimeoutError("enough")

    leastsq_many(steady, np.ones((2, 1)), args=(T,))
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeoutError, match="enough"):
            leastsq_many(steady, np.full((2000, 1), 1e300), args=(T,), workers=workers, **ENDLESS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("func", "args", "text"),
    [
        (scaled, (T.astype(np.float16),), "float16"),
        (scaled, (np.array(["a"]),), "numba cannot compile"),
        (scaled, (None,), "numba cannot compile|not none"),
        (njit("f8[:](f8[:], i8)")(lambda x, k: x - 1.0 * k), (2.5,), "not of type int64"),
        (njit("f8[:](f8[:], u8)")(lambda x, k: x - 1.0 * k), (np.int64(-1),), "not of type uint64"),
    ],
)
def test_arguments_of_other_kinds(func: Any, args: tuple[Any, ...], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        leastsq(CompiledResidual(func), [1.0], args)
