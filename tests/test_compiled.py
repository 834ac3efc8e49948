"""Compiled residuals by pointers of every kind: leastsq and leastsq_many without Python."""

from __future__ import annotations

import ctypes
import pickle
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T, check
from pointers import BOTH, INT, POINTER, RESIDUAL, called_from_python, kinds
from reference import assert_same
from support import MANY_ARRAYS, Array, interrupt

from leastsq import CompiledResidual, leastsq, leastsq_many

pytestmark = asks

M = T.size


def test_every_kind_of_pointer(c: ctypes.CDLL, decay_library: Path) -> None:
    want = leastsq(called_from_python(c.decay), START, (DATA[0],), full_output=True)
    some = leastsq_many(called_from_python(c.decay), START, data=DATA[:50])
    for name, function in kinds(c, decay_library).items():
        got = leastsq(CompiledResidual(function, M, data=DATA[0]), START, full_output=True)
        assert_same(got, want, name)
        many = leastsq_many(CompiledResidual(function, M), START, data=DATA[:50])
        assert_same(many.x, some.x)
        assert_same(many.cov_x, some.cov_x)
        assert_same(many.nfev, some.nfev)


def test_what_p_is(c: ctypes.CDLL) -> None:
    """The data themselves if there is one array of data and no args, else pointers."""
    want = leastsq(called_from_python(c.decay), START, (DATA[0],), full_output=True)
    for compiled, args in (
        (CompiledResidual(c.decay, M, data=DATA[0]), ()),
        (CompiledResidual(c.decay, M, data=(DATA[0],)), ()),
        (CompiledResidual(c.decay_of_args, M), DATA[0]),
        (CompiledResidual(c.decay_of_args, M), (DATA[0],)),
        (CompiledResidual(c.decay_of_args, M, data=DATA[0]), (DATA[1],)),
    ):
        assert_same(leastsq(compiled, START, args, full_output=True), want)


@pytest.mark.filterwarnings("ignore:700 fits")
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_many(c: ctypes.CDLL, workers: int, jacobian: bool, weighted: bool) -> None:
    weights = np.random.default_rng(3).uniform(0.5, 2.0, DATA.shape)
    weights[:, ::7] = 0.0
    weights[5] = 0.0
    weights[6, 0] = -1.0
    options: dict[str, Any] = {"weights": weights} if weighted else {}
    python = {"Dfun": both_slopes} if jacobian else {}
    function = c.decay_and_slopes if jacobian else c.decay_at
    compiled = CompiledResidual(function, M, jacobian=jacobian)
    options |= {"data": DATA, "args": (T,)}
    want = leastsq_many(called_from_python(c.decay_at), START, **options, **python)
    got = leastsq_many(compiled, START, workers=workers, chunksize=64, **options)
    assert np.count_nonzero(got.ier == 0) == 2 * weighted
    for name in MANY_ARRAYS:
        assert_same(getattr(got, name), getattr(want, name), name)


def both_slopes(p: Array, y: Array, t: Array) -> Array:
    """Jacobian with C's exp, which need not be NumPy's."""
    e = np.array([LIBM.exp(-p[1] * one) for one in t])
    return np.stack([e, -p[0] * t * e, np.ones_like(t)], axis=-1)


LIBM = ctypes.CDLL("libm.so.6" if sys.platform.startswith("linux") else None)
LIBM.exp.restype, LIBM.exp.argtypes = ctypes.c_double, [ctypes.c_double]


def test_data_in_other_layouts(c: ctypes.CDLL) -> None:
    compiled = CompiledResidual(c.decay_at, M)
    want = leastsq_many(compiled, START, data=DATA[:60], args=T)
    single = DATA[:60].astype(np.float32)
    assert_same(
        leastsq_many(compiled, START, data=single, args=T).x,
        leastsq_many(compiled, START, data=single.astype(float), args=T).x,
    )
    for data in (np.asfortranarray(DATA[:60]), np.repeat(DATA[:60], 2, axis=1)[:, ::2]):
        assert_same(leastsq_many(compiled, START, data=data, args=T).x, want.x)
    starts = np.reshape(START, (1, 1, 3))
    cube = leastsq_many(compiled, starts, data=DATA[:60].reshape(6, 10, -1), args=T)
    assert_same(cube.x.reshape(60, 3), want.x)
    rows = leastsq_many(compiled, START, data=(DATA[:60], T[None]))
    assert_same(rows.x, want.x)
    shared = leastsq_many(compiled, np.tile(START, (4, 1)), data=(DATA[:1], T[None]))
    assert_same(shared.x, np.tile(want.x[0], (4, 1)))
    check(want, 7, leastsq(called_from_python(c.decay_at), START, (DATA[7], T), full_output=True))


def test_the_first_nan_is_named_where_another_fails(c: ctypes.CDLL) -> None:
    """Slots are answered in groups of 8, the last first: 10 and 12 before 2."""
    x0, left = np.ones((17, 3)), np.tile([1e9, -4.0, 0.0], (17, 1))
    x0[[2, 10]] = np.nan
    left[12, 0] = 0.0
    with pytest.raises(ValueError, match="problem 2 has a NaN at x0"):
        leastsq_many(CompiledResidual(c.counted, 3), x0, data=left, nan_policy="raise")


def test_nothing_of_the_users_is_modified(c: ctypes.CDLL) -> None:
    x0, y = np.array(START), DATA[0].copy()
    x, _ = leastsq(CompiledResidual(c.decay, M, data=y), x0)
    assert not np.shares_memory(x, x0)
    assert_same((x0, y), (np.array(START), DATA[0]))


def test_options_of_leastsq(c: ctypes.CDLL) -> None:
    compiled = CompiledResidual(c.decay, M, data=DATA[3])
    python = called_from_python(c.decay)
    for options in (
        {"ftol": 1e-3}, {"maxfev": 5}, {"epsfcn": 1e-8}, {"factor": 0.5}, {"diag": [1.0, 2.0, 3.0]},
        {"ftol": -1.0}, {"xtol": 0.0, "ftol": 0.0},
    ):  # fmt: skip
        got = leastsq(compiled, START, full_output=True, **options)
        want = leastsq(python, START, (DATA[3],), full_output=True, **options)
        if options.get("ftol") == -1.0:
            assert got[-1] == want[-1] == 0
        else:
            assert_same(got, want, options)


def test_callback(c: ctypes.CDLL) -> None:
    seen: dict[str, list[Array]] = {"compiled": [], "python": []}
    leastsq(CompiledResidual(c.decay, M, data=DATA[3]), START, callback=seen["compiled"].append)
    leastsq(called_from_python(c.decay), START, (DATA[3],), callback=seen["python"].append)
    assert_same(seen["compiled"], seen["python"])


@pytest.mark.parametrize("calls", [0, 1, 3, 6])
def test_a_negative_value_stops_the_solve(c: ctypes.CDLL, calls: int) -> None:
    state = np.array([calls, -77.0])
    with pytest.warns(RuntimeWarning, match="returned -77"):
        x, ier = leastsq(CompiledResidual(c.counted, M, data=state), START)
    assert ier == -1
    assert np.isfinite(x).all()
    assert state[0] == -1.0
    state = np.array([calls, -2.0])
    result = leastsq(CompiledResidual(c.counted, M, data=state), START, full_output=True)
    assert result[1] is None
    assert result[3:] == ("The compiled residual returned -2.", -1)
    states = np.tile([1000.0, -5.0], (40, 1))
    states[11, 0] = calls
    with pytest.warns(RuntimeWarning, match="1 stopped"):
        many = leastsq_many(CompiledResidual(c.counted, M), START, data=states, workers=2)
    assert np.flatnonzero(many.ier == -1).tolist() == [11]
    assert many.errors == {}


def test_no_python_runs(c: ctypes.CDLL) -> None:
    frames: list[str] = []
    compiled = CompiledResidual(c.decay, M, data=DATA[0])

    def count(ftol: float) -> tuple[int, int]:
        frames.clear()
        sys.setprofile(lambda frame, event, _: frames.append(frame.f_code.co_name))
        try:
            result = leastsq(compiled, START, ftol=ftol, full_output=True)
        finally:
            sys.setprofile(None)
        return len(frames), result[2]["nfev"]

    (few, nfev), (many, more) = count(0.5), count(1e-12)
    assert nfev < more
    assert few == many


def test_another_thread_goes_on(c: ctypes.CDLL) -> None:
    """Its counter advances only while the GIL is released."""
    state = np.zeros(1)
    compiled = CompiledResidual(c.slow, 1, data=state)
    solve = threading.Thread(
        target=leastsq, args=(compiled, [1e300]),
        kwargs={"maxfev": 20_000, "full_output": True, "ftol": 0.0, "xtol": 0.0},
    )  # fmt: skip
    solve.start()
    seen = set()
    while solve.is_alive() and len(seen) < 5:
        seen.add(state[0])
    solve.join()
    assert len(seen) >= 5


@pytest.mark.parametrize("many", [False, True])
def test_an_interrupt(c: ctypes.CDLL, many: bool) -> None:
    state = np.zeros((1, 1))
    options = {"maxfev": 2**31 - 1, "ftol": 0.0, "xtol": 0.0}
    compiled = CompiledResidual(c.slow, 1, data=None if many else state)

    def solve() -> None:
        while True:
            if many:
                leastsq_many(compiled, np.full((64, 1), 1e300), data=state, **options)
            else:
                leastsq(compiled, [1e300], full_output=True, **options)

    interrupt(solve, after=0.3, within=1.0)


def test_progress_that_has_enough(c: ctypes.CDLL) -> None:
    def progress(done: int, total: int) -> None:
        raise StopIteration

    data = np.tile(DATA, (200, 1))
    for workers in (1, 2):
        with pytest.warns(RuntimeWarning, match="not run or not finished"):
            result = leastsq_many(
                CompiledResidual(c.decay_at, M), START, data=data, args=T, progress=progress,
                workers=workers, maxfev=20_000,
            )  # fmt: skip
        assert (result.ier == -2).any()


def double_of(c: ctypes.CDLL) -> Any:
    """Return a function with a known result type and unknown arguments."""
    function = ctypes.CFUNCTYPE(ctypes.c_double)(("decay", c))
    function.argtypes = None
    return function


def wrong(c: ctypes.CDLL) -> dict[str, tuple[Callable[[], object], type[Exception], str]]:
    """Return calls with invalid input and their messages."""
    integers, single = ctypes.CFUNCTYPE(None, *RESIDUAL), ctypes.POINTER(ctypes.c_float)
    floats = ctypes.CFUNCTYPE(INT, POINTER, INT, INT, single, single, INT)
    null = ctypes.CFUNCTYPE(INT, *RESIDUAL)()
    compiled = CompiledResidual(c.decay, M)
    return {
        "null": (lambda: CompiledResidual(null, M), ValueError, "null pointer"),
        "void": (lambda: CompiledResidual(integers(("decay", c)), M), TypeError, "not void"),
        "float": (lambda: CompiledResidual(floats(("decay", c)), M), TypeError, "float"),
        "no jacobian": (
            lambda: CompiledResidual(ctypes.CFUNCTYPE(INT, *BOTH)(("decay", c)), M), TypeError,
            "jacobian=False",
        ),
        "no m": (lambda: CompiledResidual(c.decay), TypeError, "m, the number of residuals"),
        "m = 0": (lambda: CompiledResidual(c.decay, 0), ValueError, "m must be positive"),
        "m = 1.5": (lambda: CompiledResidual(c.decay, 1.5), TypeError, "m must be an integer"),
        "Python": (lambda: CompiledResidual(lambda x: x, M), TypeError, "numba cfunc"),
        "number": (lambda: CompiledResidual(3, M), TypeError, "not 3"),
        "class": (lambda: CompiledResidual(dict, M), TypeError, "numba cfunc"),
        "strided": (
            lambda: CompiledResidual(c.decay, M, data=np.zeros((M, 2))[:, 0]), ValueError,
            "C-contiguous",
        ),
        "list": (lambda: CompiledResidual(c.decay, M, data=[1.0]), TypeError, "arrays of numbers"),
        "objects": (
            lambda: CompiledResidual(c.decay, M, data=np.array([None])), TypeError, "arrays",
        ),
        "args": (lambda: leastsq(compiled, START, 3), TypeError, "args .* arrays"),
        "N > M": (lambda: leastsq(CompiledResidual(c.decay, 2), START), TypeError, "N=3 .* M=2"),
        "Dfun": (
            lambda: leastsq(compiled, START, Dfun=lambda x: x), ValueError, "Dfun cannot go",
        ),
        "vectorized": (lambda: leastsq(compiled, START, vectorized=True), ValueError, "vectorized"),
        "workers": (lambda: leastsq(compiled, START, workers=map), TypeError, "processes"),
        "pickled": (lambda: pickle.dumps(compiled), TypeError, "processes"),
        "weights": (
            lambda: leastsq_many(compiled, START, data=DATA[:5], weights=np.ones(3)), ValueError,
            "M=3 samples",
        ),
        "complex data": (
            lambda: leastsq_many(compiled, START, data=DATA[:5] + 0j), TypeError, "complex128",
        ),
        "text as data": (
            lambda: leastsq_many(compiled, START, data=np.full((5, M), b"1")), TypeError, "S1",
        ),
        "double": (
            lambda: CompiledResidual(double_of(c), M), TypeError, "not double",
        ),
        "data twice": (
            lambda: leastsq_many(
                CompiledResidual(c.decay, M, data=DATA[0]), START, data=DATA[:5]
            ), ValueError, "not both",
        ),
    }  # fmt: skip


def test_bad_input(c: ctypes.CDLL) -> None:
    for name, (call, kind, text) in wrong(c).items():
        with pytest.raises(kind) as raised:
            call()
        assert re.search(text, str(raised.value)), name


def test_user_data_of_a_low_level_callable(c: ctypes.CDLL) -> None:
    from scipy import LowLevelCallable

    typed = ctypes.CFUNCTYPE(INT, *RESIDUAL)(("decay", c))
    y = (ctypes.c_double * M)(*DATA[2])
    function = LowLevelCallable(
        typed, ctypes.cast(y, POINTER),
        signature="int (void *, int, int, double *, double *, int)",
    )  # fmt: skip
    want = leastsq(called_from_python(c.decay), START, (DATA[2],), full_output=True)
    assert_same(leastsq(CompiledResidual(function, M), START, full_output=True), want)
    with pytest.raises(ValueError, match="user_data"):
        CompiledResidual(function, M, data=DATA[0])
    with pytest.raises(ValueError, match="user_data"):
        leastsq(CompiledResidual(function, M), START, DATA[0])


def test_memory_is_kept_alive(c: ctypes.CDLL) -> None:
    compiled = CompiledResidual(c.decay, M, data=DATA[0].copy())
    np.full(M, 1e9)  # overwrites freed memory
    want = leastsq(called_from_python(c.decay), START, (DATA[0],))
    assert_same(leastsq(compiled, START), want)
