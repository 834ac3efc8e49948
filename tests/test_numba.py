"""numba functions: leastsq_many compiles adapters for them, CompiledResidual does for leastsq."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T
from engines import assert_equal
from programs import need_modules
from reference import assert_same
from support import Array

from leastsq import CompiledResidual, leastsq, leastsq_many

pytestmark = asks

need_modules("numba")

from numba import jit, njit, objmode  # noqa: E402

M = T.size


def both(func: Any, x0: object = START, Dfun: Any = None, **options: Any) -> None:
    """Compare compiled fits with those by calls from Python, every bit."""
    python = leastsq_many(
        lambda *args: func(*args), x0, Dfun=None if Dfun is None else lambda *args: Dfun(*args),
        **options,
    )  # fmt: skip
    assert_equal(leastsq_many(func, x0, Dfun=Dfun, **options), python)
    assert_equal(leastsq_many(func, x0, Dfun=Dfun, workers=2, chunksize=50, **options), python)


@njit
def decay(p, y):
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = p[0] * np.exp(-p[1] * 4.0 * i / (y.size - 1)) + p[2] - y[i]
    return out


@njit
def decay_at(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


@njit
def slopes(p, y, t):
    out = np.empty((t.size, 3))
    out[:, 0] = np.exp(-p[1] * t)
    out[:, 1] = -p[0] * t * out[:, 0]
    out[:, 2] = 1.0
    return out


@njit
def slopes_by_column(p, y, t):
    return slopes(p, y, t).T.copy()


@njit
def slopes_in_fortran(p, y, t):
    return np.asfortranarray(slopes(p, y, t))


@njit
def numbered(p, y, k):
    if k % 50 == 7:
        raise ZeroDivisionError("every 50th")
    return decay(p, y)


@njit
def late(p, y, t):
    if abs(p[1] - 1.0) > 1e-6:
        raise ValueError("a long way from home")
    return decay_at(p, y, t)


@njit
def of_everything(p, rows, number, flag, matrix, scalars, pair):
    first, (second, third) = pair
    out = np.empty(rows.shape[1])
    for i in range(rows.shape[1]):
        out[i] = (
            p[0] * np.exp(-p[1] * matrix[i % 2, i % 3]) + p[2] - rows[0, i]
        )
        out[i] += 0.01 * rows[1, i] * number + scalars * first[i] + second + third * flag
    return out


def test_decays() -> None:
    both(decay, data=DATA)
    both(decay_at, data=DATA, args=T)
    both(decay_at, data=(DATA, T[None]))
    both(decay, data=DATA[:60].astype(np.float32))
    both(decay, np.reshape(START, (1, 1, 3)), data=DATA[:60].reshape(6, 10, -1))


def test_jacobians() -> None:
    both(decay_at, data=DATA, args=T, Dfun=slopes)
    both(decay_at, data=DATA, args=T, Dfun=slopes_in_fortran)
    both(decay_at, data=DATA, args=T, Dfun=slopes_by_column, col_deriv=True)


def test_weights_and_nans() -> None:
    weights = np.random.default_rng(5).uniform(0.5, 2.0, DATA.shape)
    weights[::9, ::3] = 0.0
    both(decay, data=DATA, weights=weights)
    both(decay, data=DATA, weights=weights > 0.6)
    both(decay_at, data=DATA, args=T, Dfun=slopes, weights=weights[0])
    holes = np.where(np.random.default_rng(6).random(DATA.shape) < 0.05, np.nan, DATA)
    both(decay, data=holes, nan_policy="omit")
    data = DATA.copy()
    data[12, 3] = np.nan
    with pytest.raises(ValueError, match="problem 12 has a NaN"):
        leastsq_many(decay, START, data=data, nan_policy="raise")


@pytest.mark.filterwarnings("ignore:80 fits")
@pytest.mark.parametrize("order", ["C", "F", "strided", "read-only"])
def test_arguments_of_every_kind(order: str) -> None:
    rng = np.random.default_rng(8)
    rows = np.stack([DATA[:80], rng.random((80, M))], axis=1)
    matrix = rng.random((2, 3)).astype(np.float32)
    if order == "F":
        matrix = np.asfortranarray(matrix)
    elif order == "strided":
        matrix = np.repeat(np.repeat(matrix, 2, axis=0), 3, axis=1)[::2, ::3]
    elif order == "read-only":
        matrix.flags.writeable = False
    first = rng.random(M)
    for number, flag in ((rng.random(80), rng.random(80) < 0.5), (np.arange(80), np.arange(80.0))):
        both(
            of_everything, data=(rows, number, flag),
            args=(matrix, 3, (first, (0.25, np.float32(0.5)))),
        )  # fmt: skip


@pytest.mark.filterwarnings("ignore:.* fits")
def test_exceptions() -> None:
    both(numbered, data=(DATA, np.arange(700)))
    got = leastsq_many(numbered, START, data=(DATA, np.arange(700)))
    assert sorted(got.errors) == list(range(7, 700, 50))
    late_ones = leastsq_many(late, START, data=DATA, args=T)
    assert (late_ones.ier == -1).all()
    assert len(late_ones.errors) == 100
    assert {str(error) for error in late_ones.errors.values()} == {"a long way from home"}
    both(late, data=DATA[:60], args=T)
    compiled = CompiledResidual(late)
    with pytest.raises(ValueError, match="a long way from home"):
        leastsq(compiled, START, (DATA[0], T))
    with pytest.raises(ZeroDivisionError):
        leastsq(CompiledResidual(numbered), START, (DATA[0], 7))


@njit
def shrinking(p, y):
    return y[: y.size - (p[1] != 1.0)] - p[0]


@njit
def flat(p, y, t):
    return np.zeros((t.size - 1, 3))


@pytest.mark.filterwarnings("ignore:.* fits")
def test_wrong_lengths() -> None:
    with pytest.raises(ValueError, match="changed size"):
        leastsq(CompiledResidual(shrinking), START, (DATA[0],))
    got = leastsq_many(shrinking, START, data=DATA[:20])
    assert (got.ier == -1).all()
    assert isinstance(got.errors[3], ValueError)
    with pytest.raises(TypeError, match=r"'flat'\. Shape should be \(30, 3\) but it is \(29, 3\)"):
        leastsq(CompiledResidual(decay_at), START, (DATA[0], T), Dfun=flat)


@pytest.mark.parametrize("Dfun", [None, slopes, slopes_by_column])
def test_leastsq(Dfun: Any) -> None:
    compiled = CompiledResidual(decay_at)
    for k in range(20):
        options = {"Dfun": Dfun, "col_deriv": Dfun is slopes_by_column, "full_output": True}
        want = leastsq(decay_at, START, (DATA[k], T), **options)
        assert_same(leastsq(compiled, START, (DATA[k], T), **options), want)
    again = pickle.loads(pickle.dumps(compiled))  # noqa: S301
    assert_same(leastsq(again, START, (DATA[k], T), **options), want)


def test_arguments_that_change_between_calls() -> None:
    """Code compiled for one call is used for the next only where its types fit."""
    compiled = CompiledResidual(decay_at)
    y, t = DATA[0].copy(), T.copy()
    changed = np.repeat(y, 2)
    versions = [
        (y, t), (y.astype(np.float32), t), (changed[::2], t), (y[:9], t[:9]), (y, t),
        (y, np.asarray(t, np.float32)), (y, t.reshape(1, -1)[0]), (0.5, t), (2, t), (True, t),
    ]  # fmt: skip
    for args in versions:
        want = leastsq(decay_at, START, args, full_output=True)
        assert_same(leastsq(compiled, START, args, full_output=True), want, args)
    y.flags.writeable = False
    want = leastsq(decay_at, START, (y, t), full_output=True)
    assert_same(leastsq(compiled, START, (y, t), full_output=True), want)
    with pytest.raises(TypeError, match="numba cannot compile"):
        leastsq(compiled, START, (y,))
    assert_same(leastsq(compiled, START, (y, t), full_output=True), want)


class Pair(NamedTuple):
    """Arguments by their names."""

    y: Array
    rate: float


@njit
def of_a_pair(p, pair):
    return p[0] + pair[1] * p[1] * np.arange(pair[0].size) - pair[0]


@njit
def of_a_named_pair(p, pair):
    return p[0] + pair.rate * p[1] * np.arange(pair.y.size) - pair.y


@njit
def shifted(p, y, shift):
    return y + shift - p[0]


def test_subclasses_and_large_numbers(tmp_path: Path) -> None:
    y = DATA[0].copy()
    for func, pair in ((of_a_pair, (y, 2.0)), (of_a_named_pair, Pair(y, 2.0))):
        compiled = CompiledResidual(func)
        for one in (pair, pair):
            want = leastsq(func, [1.0, 1.0], (one,), full_output=True)
            assert_same(leastsq(compiled, [1.0, 1.0], (one,), full_output=True), want)
        both(func, [[1.0, 1.0]] * 3, args=(pair,))
    with pytest.raises(TypeError, match="numba cannot compile"):
        leastsq(compiled, [1.0, 1.0], ((y, 2.0),))
    compiled = CompiledResidual(shifted)
    mapped = np.memmap(tmp_path / "y", np.float32, "w+", shape=y.shape)
    mapped[:] = y
    for args in ((mapped, 1), (mapped.astype(np.float64), 1), (y, 2**63), (y, -1), (y, 3)):
        leastsq(compiled, [0.5], (y, 2**64 - 1))  # numba itself does not take these from Python
        equal = (args[0], float(args[1])) if args[1] == 2**63 else args
        want = leastsq(shifted, [0.5], equal, full_output=True)
        assert_same(leastsq(compiled, [0.5], args, full_output=True), want, args)
    with pytest.raises(OverflowError, match="beyond the range"):
        leastsq(compiled, [0.5], (y, 2**64))


def test_another_thread_goes_on() -> None:
    """Its counter advances only while the GIL is released."""

    @njit
    def slow(p, y):
        total = 0.0
        for i in range(200_000):
            total += np.sin(p[0] + i)
        return y - p[0] + 1e-12 * total

    compiled, data = CompiledResidual(slow), np.ones((8, 4))
    counted, ended = [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            counted[0] += 1

    leastsq(compiled, [0.5], (data[0],), full_output=True)
    leastsq_many(slow, [0.5], data=data[:1])
    thread = threading.Thread(target=count)
    thread.start()
    try:
        for solve in (
            lambda: leastsq(compiled, [0.5], (data[0],), full_output=True),
            lambda: leastsq_many(slow, [0.5], data=data),
        ):
            for _ in range(3):
                before = counted[0]
                solve()
                assert counted[0] > before + 10_000
    finally:
        ended.set()
        thread.join()


@njit
def localised(p, image, x, y, ex, ey, dx, dy):
    """Residuals of a spot of 7 x 7 pixels, with four scratch arrays, all float32."""
    for j in range(7):
        dx[j], dy[j] = x[j] - p[1], y[j] - p[2]
        ex[j] = np.exp(-dx[j] * dx[j] / (2.0 * p[3] * p[3]))
        ey[j] = np.exp(-dy[j] * dy[j] / (2.0 * p[4] * p[4]))
    out = np.empty(49, np.float32)
    for i in range(7):
        for j in range(7):
            out[7 * i + j] = p[0] * ey[i] * ex[j] + p[5] - image[i, j]
    return out


def test_scratch_arrays() -> None:
    """Each thread has its own; the caller's are unchanged."""
    rng = np.random.default_rng(9)
    axis = np.arange(7, dtype=np.float32)
    scratch = tuple(np.full(7, -1.0, np.float32) for _ in range(4))
    truth = rng.uniform([50, 2.5, 2.5, 1.0, 1.0, 2], [150, 3.5, 3.5, 1.6, 1.6, 8], (400, 6))
    images = np.stack([
        p[0] * np.exp(-((axis[:, None] - p[2]) ** 2) / (2 * p[4] ** 2)
                      - (axis - p[1]) ** 2 / (2 * p[3] ** 2)) + p[5]
        for p in truth
    ]).astype(np.float32)  # fmt: skip
    images += rng.normal(0.0, 1.0, images.shape).astype(np.float32)
    start = [80.0, 3.0, 3.0, 1.3, 1.3, 5.0]
    args = (axis, axis, *scratch)
    want = leastsq_many(lambda *a: localised(*a), start, data=images, args=args)
    got = leastsq_many(localised, start, data=images, args=args, workers=4, chunksize=7)
    assert_equal(got, want)
    assert want.success.mean() > 0.9


def test_signatures_that_are_given() -> None:
    explicit = njit("f8[:](f8[:], f8[:], f8[:])")(decay_at.py_func)
    data = DATA[:40].copy()
    got = leastsq_many(explicit, START, data=data, args=T)
    assert_equal(got, leastsq_many(decay_at, START, data=data, args=T))
    assert_same(data, DATA[:40])


def test_another_function_of_the_same_types_costs_nothing() -> None:
    from leastsq import _numba_adapters

    leastsq_many(decay, START, data=DATA[:5])
    known = _numba_adapters.adapter.cache_info().currsize

    @njit
    def other(p, y):
        return decay(p, y) * 2.0

    leastsq_many(other, START, data=DATA[:5])
    assert _numba_adapters.adapter.cache_info().currsize == known


@njit
def yields(p, y):
    yield p[0]


@njit
def complex_one(p, y):
    return y + 1j * p[0]


@njit
def unsupported(p, y):
    return y.no_such_thing


@jit(forceobj=True)
def in_objects(p, y):
    return y - p[0]


@njit(parallel=True)
def in_parallel(p, y):
    return y - p[0]


@njit
def of_text(p, y, text):
    return y - p[0] + len(text)


def test_what_cannot_be_compiled() -> None:
    for func, text in (
        (complex_one, "real numbers"), (in_objects, "forceobj"), (in_parallel, "parallel"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=text):
            leastsq(CompiledResidual(func), START, (DATA[0],))
    with pytest.raises(TypeError, match="arrays, numbers and tuples"):
        leastsq(CompiledResidual(of_text), START, (DATA[0], "text"))
    with pytest.raises(TypeError, match="no_such_thing"):
        leastsq_many(unsupported, START, data=DATA[:5])
    with pytest.raises(TypeError, match="no_such_thing"):
        leastsq(CompiledResidual(unsupported), START, (DATA[0],))
    with pytest.raises((TypeError, ValueError)):
        leastsq(CompiledResidual(yields), START, (DATA[0],))
    with pytest.raises(TypeError, match="numba function too"):
        leastsq(CompiledResidual(decay_at), START, (DATA[0], T), Dfun=lambda *a: slopes(*a))
    with pytest.raises(ValueError, match="args and Dfun"):
        CompiledResidual(decay, jacobian=True)
    with pytest.raises(ValueError, match="not m=7"):
        leastsq(CompiledResidual(decay, 7), START, (DATA[0],))
    with pytest.raises(TypeError, match=r"N=3 .* M=2"):
        leastsq(CompiledResidual(decay), START, (DATA[0][:2],))


def test_vectorized_is_called_from_python() -> None:
    @njit
    def broadcasting(p, y):
        return p[0] * np.exp(-p[1] * T) + p[2] - y

    got = leastsq_many(broadcasting, START, data=DATA[:40], vectorized=True)
    assert got.success.all()


@njit
def by_python(p, y):
    with objmode(extra="float64"):
        extra = one_if_near(p[1])
    return decay(p, y) * extra


def one_if_near(rate: float) -> float:
    if rate > 1e3:
        raise KeyError("far")
    return 1.0


def test_parts_in_object_mode() -> None:
    both(by_python, data=DATA[:20])


def test_it_says_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
import leastsq
assert "numba" not in sys.modules
from numba import njit
@njit
def f(p, y):
    return p[0] * np.exp(-p[1] * np.arange(y.size)) - y
leastsq.leastsq_many(f, [1.0, 1.0], data=np.random.default_rng(0).random((30, 9)), workers=2)
"""
    (tmp_path / "program.py").write_text(program)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout == done.stderr == ""
    assert os.listdir(tmp_path) == ["program.py"]


def test_no_python_runs() -> None:
    def frames(count: int) -> int:
        seen: list[str] = []
        leastsq_many(decay, START, data=DATA[:count])
        sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name))
        try:
            leastsq_many(decay, START, data=DATA[:count])
        finally:
            sys.setprofile(None)
        return len(seen)

    few, many = frames(2), frames(200)
    assert many < few + 30
