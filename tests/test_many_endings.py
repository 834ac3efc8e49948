"""`leastsq_many`: fits that do not converge and runs that fail."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, K, both, check, decay, one
from reference import assert_same
from support import Array

from leastsq import _many_kinds, leastsq, leastsq_many

pytestmark = asks


class StuckError(Exception):
    """An exception that cannot be pickled."""

    def __reduce__(self) -> str:
        raise TypeError("it stays here")


@both
def test_nan_policy(vectorized: bool) -> None:
    data = DATA.copy()
    data[5, 3] = data[6, :3] = data[7, :28] = np.nan
    with pytest.warns(RuntimeWarning, match="3 not finite"):
        result = leastsq_many(decay, START, data=data, vectorized=vectorized)
    assert result.ier[5:8].tolist() == [4] * 3
    with pytest.warns(RuntimeWarning, match="1 not evaluated"):
        omitted = leastsq_many(
            decay, START, data=data, vectorized=vectorized, nan_policy="omit"
        )
    for k in (5, 6):
        w = np.where(np.isnan(data[k]), 0.0, 1.0)
        want = leastsq(lambda p, k=k, w=w: w * decay(p, DATA[k]) + 0.0, START, full_output=True)
        check(omitted, k, want)
        assert omitted.dof[k] == np.count_nonzero(w) - 3
    assert (omitted.ier[7], omitted.dof[7]) == (0, -1)
    for k in (0, 4, 8, K - 1):
        check(result, k, one(k))
        check(omitted, k, one(k))
    with pytest.raises(ValueError, match=r"problem 5 has a NaN at x0"):
        leastsq_many(decay, START, data=data, vectorized=vectorized, nan_policy="raise")
    with pytest.raises(ValueError, match=r"problem \(0, 5\) has a NaN at x0"):
        leastsq_many(decay, [[START]], data=data[None], vectorized=vectorized, nan_policy="raise")


def test_the_first_nan_is_named_where_others_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though slots are not in the order of their problems: 5 and 6 wait while 3 ends."""
    monkeypatch.setattr(_many_kinds, "MAX_SLOTS", 5)
    k = np.arange(8)
    far = np.where(k < 2, 1e9, 0.0)  # these end at their first step, for 5 and 6
    calls, orders = 0, []

    def func(p: Array, far: Array, k: Array) -> Array:
        nonlocal calls
        orders.append(k.ravel().tolist())
        if np.any(k == 7):
            raise ZeroDivisionError
        calls += 3 in k
        values = np.concatenate([p[0] * p[0] - 2.0, 0.0 * p[0] + far], axis=1)
        values[np.isin(k.ravel(), [5, 6] if calls < 4 else [3, 5, 6])] = np.nan
        return values

    with pytest.raises(ValueError, match="problem 5 has a NaN at x0"):
        leastsq_many(func, [1.0], data=(far, k), vectorized=True, nan_policy="raise")
    assert [6, 4, 2, 5, 7] in orders


@both
@pytest.mark.parametrize("bad", [[0], [K - 1], [0, 1, 2, 300, 301, K - 1]], ids=str)
@pytest.mark.parametrize("call", [1, 3, 6])
def test_exceptions(vectorized: bool, bad: list[int], call: int) -> None:
    """A fit that raises ends with -1 at its last point; the others' bits are unchanged."""
    counts: dict[int, int] = {}

    def func(p: Array, y: Array, k: Array) -> Array:
        some = np.ravel(k)
        for i in bad:
            if i in some and (p.ndim == 1 or p.shape[1] == 1):
                counts[i] = counts.get(i, 0) + 1
                if counts[i] >= call:
                    raise StuckError(i)
            elif i in some:
                raise StuckError(i)
        return decay(p, y)

    data = (DATA, np.arange(K))
    with pytest.warns(RuntimeWarning, match=f"{len(bad)} stopped by an exception"):
        result = leastsq_many(func, START, data=data, vectorized=vectorized)
    assert np.flatnonzero(result.ier == -1).tolist() == bad
    assert sorted(result.errors) == bad
    for i in bad:
        assert type(result.errors[i]) is RuntimeError
        assert result.errors[i].__traceback__ is None
        assert "StuckError" in "".join(result.errors[i].__notes__)
    for k in {0, 1, 5, 299, 302, K - 2, K - 1} - set(bad):
        check(result, k, one(k))


@both
def test_exceptions_in_all(vectorized: bool) -> None:
    def func(p: Array, y: Array) -> Array:
        raise ValueError("always")

    with pytest.warns(RuntimeWarning, match=f"{K} fits: 0 converged, {K} stopped"):
        result = leastsq_many(func, START, data=DATA, vectorized=vectorized)
    assert (result.ier == -1).all()
    assert len(result.errors) == 100
    assert_same(result.x, np.tile(START, (K, 1)))
    assert np.isnan(result.ssq).all()


@both
def test_an_exception_that_is_raised_again_and_again(vectorized: bool) -> None:
    """Copies are kept; they do not grow, and the user's exception is not changed."""
    cause = KeyError("cause")
    error = ValueError("always the same")
    error.__cause__ = cause
    strange = ValueError("notes that are no list")
    strange.__notes__ = ("a",)

    def func(p: Array, y: Array, k: Array) -> Array:
        if np.any(np.asarray(k) < 40):
            raise error if np.any(np.asarray(k) != 7) else strange
        return decay(p, y)

    data = (DATA[:60], np.arange(60))
    with pytest.warns(RuntimeWarning, match="40 stopped by an exception"):
        result = leastsq_many(func, START, data=data, vectorized=vectorized)
    assert error.__cause__ is cause
    assert not hasattr(error, "__notes__")
    assert all(type(result.errors[k]) is ValueError for k in range(40) if k != 7)
    assert max(len("".join(result.errors[k].__notes__)) for k in range(40)) < 100_000
    assert (result.dof == 27).all()


@both
def test_a_result_that_cannot_be_read_is_that_fits_error(vectorized: bool) -> None:
    class Strange:
        def __array__(self, *given: object, **named: object) -> Array:
            raise ZeroDivisionError("not to be read")

    def func(p: Array, y: Array, k: Array) -> object:
        return Strange() if 650 in np.ravel(k) else decay(p, y)

    with pytest.warns(RuntimeWarning, match="1 stopped by an exception"):
        result = leastsq_many(func, START, data=(DATA, np.arange(K)), vectorized=vectorized)
    assert type(result.errors[650]) is ZeroDivisionError
    check(result, 3, one(3))


@both
def test_dfun_that_raises_at_once(vectorized: bool) -> None:
    """The residual at x0 has been evaluated: its sum of squares is known."""

    def dfun(p: Array, y: Array) -> Array:
        raise ValueError("no Jacobian")

    with pytest.warns(RuntimeWarning, match="5 stopped by an exception"):
        result = leastsq_many(decay, START, data=DATA[:5], Dfun=dfun, vectorized=vectorized)
    want = np.sum(decay(np.array(START), DATA[:5]) ** 2, axis=1)
    np.testing.assert_allclose(result.ssq, want)
    assert (result.njev == 1).all()


@both
def test_everything_left_out_is_told(vectorized: bool) -> None:
    with pytest.warns(RuntimeWarning, match="5 not evaluated: too few samples"):
        leastsq_many(
            lambda p, y: y * np.nan * p[0], [1.0], data=DATA[:5], nan_policy="omit",
            vectorized=vectorized,
        )  # fmt: skip


@both
def test_many_problems_without_weights_come_first(vectorized: bool) -> None:
    """Their weights are read many at a time; func is tried at the first that has some."""
    samples, count, some = 1500, 2000, [1200, 1201, 1999]
    weights = np.zeros((count, samples), bool)
    weights[some] = True
    weights[1500, 0] = True
    seen = []

    def ramp(p: Array, y: Array) -> Array:
        seen.append(p.shape)
        if len(seen) == 1:
            raise RuntimeError("the first")
        return p[0] + p[1] * y

    start = np.ones((count, 2))
    data = np.linspace(0.0, 1.0, samples)[None]
    with pytest.warns(RuntimeWarning, match="2000 fits"):
        result = leastsq_many(ramp, start, data=data, weights=weights, vectorized=vectorized)
    assert list(result.errors) == [1200]
    assert str(result.errors[1200]) == "the first"
    assert result.ier[1200] == -1
    assert result.success[[1201, 1999]].all()
    assert (result.dof[some] == samples - 2).all()
    assert result.dof[1500] == -1
    ended = np.delete(np.arange(count), some)
    assert (result.ier[ended] == 0).all()
    assert (result.nfev[ended] == 0).all()
    assert (result.x[ended] == 1.0).all()


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_interrupts_end_the_run(vectorized: bool, error: BaseException) -> None:
    calls = 0

    def func(p: Array, y: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise error
        return decay(p, y)

    with pytest.raises(type(error)) as caught:
        leastsq_many(func, START, data=DATA, vectorized=vectorized)
    assert caught.value is error
    assert leastsq_many(decay, START, data=DATA[:9], vectorized=vectorized).success.all()


def test_progress() -> None:
    seen: list[tuple[int, int]] = []
    leastsq_many(decay, START, data=DATA, vectorized=True, progress=lambda *a: seen.append(a))
    done = [done for done, _ in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (K, K)
    assert len(seen) > 5


def test_progress_by_a_bar(capfd: pytest.CaptureFixture[str]) -> None:
    if find_spec("tqdm") is None:
        with pytest.raises(ImportError, match=r"pip install 'leastsq\[progress\]'"):
            leastsq_many(decay, START, data=DATA, progress=True)
        return
    leastsq_many(decay, START, data=DATA, vectorized=True, progress=True)
    assert f"{K}/{K}" in capfd.readouterr().err


@both
def test_progress_that_has_enough(vectorized: bool) -> None:
    def enough(done: int, total: int) -> None:
        if done >= 100:
            raise StopIteration

    with pytest.warns(RuntimeWarning, match="not run or not finished"):
        result = leastsq_many(decay, START, data=DATA, vectorized=vectorized, progress=enough)
    ended = np.flatnonzero(result.ier != -2)
    assert 100 <= len(ended) < 400
    for k in ended[::20]:
        check(result, k, one(k))

    def stops(p: Array, y: Array, k: Array) -> Array:
        if np.any(np.asarray(k) % 9 == 2):
            raise ValueError("every ninth")
        return decay(p, y)

    for last in range(95, 106):
        def enough_of(done: int, total: int, last: int = last) -> None:
            if done >= last:
                raise StopIteration

        with pytest.warns(RuntimeWarning, match="not run or not finished"):
            result = leastsq_many(
                stops, START, data=(DATA, np.arange(K)), vectorized=vectorized, progress=enough_of
            )
        assert np.flatnonzero(result.ier == -1).tolist() == sorted(result.errors)
    idle = np.flatnonzero(result.nfev == 0)
    assert_same(result.x[idle], np.tile(START, (len(idle), 1)))
    assert np.isnan(result.ssq[idle]).all()
    with pytest.raises(ZeroDivisionError):
        leastsq_many(decay, START, data=DATA, progress=lambda done, total: 1 / 0)
