"""numba functions: leastsq_many compiles adapters for them, CompiledResidual does for leastsq."""

from __future__ import annotations

import pickle
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

from decays_numba import (  # noqa: E402
    both,
    decay,
    decay_at,
    slopes,
    slopes_by_column,
    slopes_in_fortran,
)
from numba import njit  # noqa: E402

M = T.size


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
