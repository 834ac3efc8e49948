"""`leastsq_many`: leastsq's bits for every problem, shapes, endings, and calls counted."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from asking import asks
from reference import assert_same
from support import Array, CustomError

from leastsq import LeastsqManyResult, leastsq, leastsq_many

pytestmark = asks

T = np.linspace(0.0, 4.0, 30)
RNG = np.random.default_rng(10)
K = 700
TRUTH = RNG.uniform([1.0, 0.5, 0.0], [4.0, 2.0, 1.0], (K, 3))
DATA = TRUTH[:, :1] * np.exp(-TRUTH[:, 1:2] * T) + TRUTH[:, 2:]
DATA += 0.05 * RNG.standard_normal(DATA.shape)
START = [1.0, 1.0, 0.0]

both = pytest.mark.parametrize("vectorized", [False, True], ids=["one by one", "vectorized"])


def decay(p: Array, y: Array) -> Array:
    """Residuals of a decay, for one problem or several."""
    return p[0] * np.exp(-p[1] * T) + p[2] - y


def slopes(p: Array, y: Array) -> Array:
    """Jacobian of `decay`, (..., M, N)."""
    e = np.exp(-p[1] * T)
    return np.stack(np.broadcast_arrays(e, -p[0] * T * e, np.ones_like(e)), axis=-1)


def one(k: int, func: Callable[..., object] = decay, **options: object) -> tuple:
    """Return what leastsq makes of a problem."""
    return leastsq(func, START, (DATA[k],), full_output=True, **options)


def check(result: LeastsqManyResult, k: int, want: tuple, at: object = None) -> None:
    """Compare a problem's results with those of leastsq."""
    at = k if at is None else at
    x, cov_x, infodict, _, ier = want
    assert_same(result.x[at], x, k)
    assert (result.ier[at], result.nfev[at]) == (ier, infodict["nfev"]), k
    assert result.njev[at] == infodict.get("njev", 0)
    assert result.success[at] == (ier in (1, 2, 3, 4))
    if result.cov_x is not None:
        assert_same(result.cov_x[at], np.full((3, 3), np.nan) if cov_x is None else cov_x, k)
    assert result.ssq[at] == pytest.approx(np.sum(infodict["fvec"] ** 2), rel=1e-12)


@both
@pytest.mark.parametrize(
    "options",
    [{}, {"ftol": 1e-3}, {"epsfcn": 1e-8}, {"factor": 0.1}, {"diag": [1, 2, 3]}, {"gtol": 1e-2}],
    ids=str,
)
def test_bits_of_every_problem(vectorized: bool, options: dict[str, object]) -> None:
    result = leastsq_many(decay, START, data=DATA, vectorized=vectorized, **options)
    assert result.success.all()
    assert repr(result) == f"{K} fits: {K} converged"
    for k in range(K):
        check(result, k, one(k, **options))
    assert (result.dof == 27).all()


@both
@pytest.mark.parametrize("col_deriv", [False, True])
def test_dfun(vectorized: bool, col_deriv: bool) -> None:
    def dfun(p: Array, y: Array) -> Array:
        values = slopes(p, y)
        return np.moveaxis(values, -1, 0) if col_deriv else values

    result = leastsq_many(
        decay, START, data=DATA, Dfun=dfun, col_deriv=col_deriv, vectorized=vectorized
    )
    for k in range(0, K, 7):
        check(result, k, one(k, Dfun=dfun, col_deriv=col_deriv))


@pytest.mark.filterwarnings("ignore:.*reached maxfev")
@both
def test_maxfev(vectorized: bool) -> None:
    result = leastsq_many(decay, START, data=DATA, vectorized=vectorized, maxfev=9)
    assert set(result.ier.tolist()) >= {5}
    for k in range(0, K, 5):
        check(result, k, one(k, maxfev=9))


def test_calls_are_counted() -> None:
    calls = points = 0

    def func(p: Array, y: Array) -> Array:
        nonlocal calls, points
        calls += 1
        points += p.shape[1] if p.ndim == 3 else 1
        return decay(p, y)

    result = leastsq_many(func, START, data=DATA, vectorized=True)
    total = int(result.nfev.sum())
    assert calls * 50 < total
    assert points == total + 1  # problem 0 is evaluated alone, and then among the others
    calls = points = 0
    result = leastsq_many(func, START, data=DATA)
    assert calls == points == result.nfev.sum()


@both
def test_weights(vectorized: bool) -> None:
    """The function minimised is w*f; a sample of weight 0 is as if it were not there."""
    weights = RNG.uniform(0.5, 2.0, DATA.shape)
    weights[RNG.random(DATA.shape) < 0.2] = 0.0
    data = np.where(weights == 0.0, np.nan, DATA)
    result = leastsq_many(decay, START, data=data, weights=weights, vectorized=vectorized)
    shared = leastsq_many(decay, START, data=DATA, weights=weights[0], vectorized=vectorized)
    for k in range(0, K, 9):
        w, y = weights[k], DATA[k]
        want = leastsq(lambda p, w=w, y=y: w * decay(p, y) + 0.0, START, full_output=True)
        check(result, k, want)
        assert result.dof[k] == np.count_nonzero(w) - 3
        want = leastsq(lambda p, y=y: weights[0] * decay(p, y) + 0.0, START, full_output=True)
        check(shared, k, want)


@both
def test_weights_with_dfun(vectorized: bool) -> None:
    weights = RNG.uniform(0.5, 2.0, DATA.shape)
    weights[:, 3] = 0.0
    result = leastsq_many(
        decay, START, data=DATA, weights=weights, Dfun=slopes, vectorized=vectorized
    )
    for k in range(0, K, 50):
        w, y = weights[k], DATA[k]
        want = leastsq(
            lambda p, w=w, y=y: w * decay(p, y), START,
            Dfun=lambda p, w=w, y=y: w[:, None] * slopes(p, y), full_output=True,
        )  # fmt: skip
        check(result, k, want)


@both
def test_weights_that_are_none_and_too_few(vectorized: bool) -> None:
    weights = np.ones(DATA.shape)
    weights[0] = 0.0
    weights[1, 5] = -1.0
    weights[2, 5] = np.nan
    weights[3, 5] = np.inf
    weights[4, 2:] = 0.0
    evaluated = []

    def func(p: Array, y: Array) -> Array:
        evaluated.append(np.array(y))
        return decay(p, y)

    with pytest.warns(RuntimeWarning, match="5 not evaluated") as caught:
        result = leastsq_many(func, START, data=DATA, weights=weights, vectorized=vectorized)
    assert caught[0].filename == __file__
    assert len(caught) == 1
    assert result.ier[:5].tolist() == [0] * 5
    assert not result.success[:5].any()
    assert_same(result.x[:5], np.tile(START, (5, 1)))
    assert np.isnan(result.ssq[:5]).all()
    assert (result.nfev[:5] == 0).all()
    assert result.success[5:].all()
    seen = np.concatenate([y.reshape(-1, T.size) for y in evaluated])
    assert not any((seen == DATA[k]).all(axis=1).any() for k in range(5))
    weights[1:5] = 1.0
    masked = leastsq_many(decay, START, data=DATA, weights=weights, vectorized=vectorized)
    assert masked.ier[0] == 0  # and no warning: it was masked on purpose


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


@both
@pytest.mark.parametrize("bad", [[0], [K - 1], [0, 1, 2, 300, 301, K - 1]], ids=str)
@pytest.mark.parametrize("call", [1, 3, 6])
def test_exceptions(vectorized: bool, bad: list[int], call: int) -> None:
    """A fit that raises ends with -1 where it got to; the others' bits are what they were."""
    counts: dict[int, int] = {}

    def func(p: Array, y: Array, k: Array) -> Array:
        some = np.ravel(k)
        for i in bad:
            if i in some and (p.ndim == 1 or p.shape[1] == 1):
                counts[i] = counts.get(i, 0) + 1
                if counts[i] >= call:
                    raise CustomError(i, 2)
            elif i in some:
                raise CustomError(i, 3)
        return decay(p, y)

    data = (DATA, np.arange(K))
    with pytest.warns(RuntimeWarning, match=f"{len(bad)} stopped by an exception"):
        result = leastsq_many(func, START, data=data, vectorized=vectorized)
    assert np.flatnonzero(result.ier == -1).tolist() == bad
    assert sorted(result.errors) == bad
    for i in bad:
        assert type(result.errors[i]) is RuntimeError  # a CustomError cannot be unpickled
        assert result.errors[i].__traceback__ is None
        assert "CustomError" in "".join(result.errors[i].__notes__)
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


# The batch


@both
def test_maps_in_maps_out(vectorized: bool) -> None:
    shape = (7, 5, 4)
    maps = DATA[: 7 * 5 * 4].reshape(*shape, -1)
    result = leastsq_many(decay, np.reshape(START, (1, 1, 1, 3)), data=maps, vectorized=vectorized)
    assert result.x.shape == (*shape, 3)
    assert result.cov_x.shape == (*shape, 3, 3)
    for name in ("ssq", "dof", "ier", "nfev", "njev", "success"):
        assert getattr(result, name).shape == shape
    assert result.standard_errors().shape == (*shape, 3)
    for at in ((0, 0, 0), (6, 4, 3), (3, 2, 1)):
        check(result, 0, leastsq(decay, START, (maps[at],), full_output=True), at)


@both
def test_broadcasting(vectorized: bool) -> None:
    """Axes of length 1 of x0, data and weights, each where the others are longer."""
    starts = np.tile(START, (1, 5, 1)) + np.arange(5)[None, :, None] * 0.1
    rows = DATA[:4].reshape(4, 1, -1)
    scale = np.linspace(1.0, 2.0, 5).reshape(1, 5)
    offset = np.linspace(0.0, 0.3, T.size).reshape(1, 1, -1)
    shapes = []

    def func(p: Array, y: Array, s: Array, o: Array) -> Array:
        shapes.append((np.shape(y), np.shape(s), np.shape(o)))
        return s * decay(p, y) + o

    weights = np.linspace(1.0, 3.0, T.size) * np.ones((4, 1, 1))
    result = leastsq_many(
        func, starts, data=(rows, scale, offset), weights=weights, vectorized=vectorized
    )
    assert result.ier.shape == (4, 5)
    for i in range(4):
        for j in range(5):
            want = leastsq(
                lambda p, i=i, j=j: weights[i, 0] * func(p, rows[i, 0], scale[0, j], offset[0, 0]),
                starts[0, j], full_output=True,
            )  # fmt: skip
            check(result, 0, want, (i, j))
    if vectorized:
        assert {o for *_, o in shapes} == {(30,), (1, 30)}  # shared: never repeated
        assert (20, 30) in {y for y, *_ in shapes}
        assert (20, 1) in {s for _, s, _ in shapes}


def test_x0_for_each_and_no_data() -> None:
    starts = RNG.uniform(1.0, 2.0, (40, 2))
    result = leastsq_many(lambda p: [p[0] - 1.0, p[1] * p[1] - 4.0], starts)
    assert np.allclose(result.x, [1.0, 2.0])
    assert result.x.shape == (40, 2)


@both
@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(np.float32), lambda a: (100 * (a + 1)).astype(np.uint16),
        np.asfortranarray, lambda a: a.astype(">f8"), lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1],
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*reached maxfev")
def test_data_of_other_kinds(vectorized: bool, change: Callable[[Array], Array]) -> None:
    data = change(DATA)
    data.flags.writeable = False
    seen = set()

    def func(p: Array, y: Array) -> Array:
        seen.add((y.dtype, y.flags.writeable, y.flags.c_contiguous))
        return p[0] * np.exp(-p[1] * T) + p[2] - y

    result = leastsq_many(func, START, data=data, vectorized=vectorized)
    assert seen == {(data.dtype.newbyteorder("="), False, True)}
    for k in range(0, K, 70):
        check(result, k, leastsq(decay, START, (data[k].astype(data.dtype.newbyteorder("=")),),
                                 full_output=True))  # fmt: skip


@both
def test_functions_that_keep_and_write(vectorized: bool) -> None:
    kept = []

    def func(p: Array, y: Array) -> Array:
        values = decay(p, y)
        kept.append((p, values))
        p[:] = np.nan
        return values

    result = leastsq_many(func, START, data=DATA, vectorized=vectorized)
    for k in range(0, K, 70):
        check(result, k, one(k))
    assert all(np.isnan(p).all() for p, _ in kept)

    def writes(p: Array, y: Array) -> Array:
        y[...] = 0.0
        return decay(p, y)

    before = DATA.copy()
    with pytest.warns(RuntimeWarning, match=f"{K} stopped by an exception"):
        errors = leastsq_many(writes, START, data=DATA, vectorized=vectorized).errors
    assert "read-only" in str(errors[0])
    assert_same(DATA, before)


@both
def test_an_empty_batch(vectorized: bool) -> None:
    for shape in ((0,), (0, 3), (2, 0)):
        result = leastsq_many(
            decay, np.zeros((*shape, 3)), data=np.zeros((*shape, 30)), vectorized=vectorized
        )
        assert result.x.shape == (*shape, 3)
        assert result.cov_x.shape == (*shape, 3, 3)
        assert result.ier.shape == shape
        assert repr(result) == "0 fits: 0 converged"


def test_the_result() -> None:
    result = leastsq_many(decay, START, data=DATA, vectorized=True)
    again = pickle.loads(pickle.dumps(result))  # noqa: S301  (our own)
    for name in ("x", "cov_x", "ssq", "dof", "ier", "nfev", "njev", "success"):
        assert_same(getattr(again, name), getattr(result, name))
        assert getattr(result, name).flags.owndata or getattr(result, name).base.flags.owndata
    with pytest.raises(AttributeError):
        result.x = None
    lean = leastsq_many(decay, START, data=DATA, vectorized=True, cov=False)
    assert lean.cov_x is None
    variance = np.diagonal(result.cov_x, axis1=1, axis2=2)
    for absolute, scale in ((True, 1.0), (False, (result.ssq / result.dof)[:, None])):
        for some in (result, lean, again):
            np.testing.assert_allclose(some.standard_errors(absolute), np.sqrt(variance * scale))


def test_standard_errors_without_degrees_of_freedom() -> None:
    data = np.arange(6.0).reshape(3, 2)
    result = leastsq_many(lambda p, y: p - y, [0.0, 0.0], data=data)
    assert (result.dof == 0).all()
    assert np.isnan(result.standard_errors()).all()


def test_progress() -> None:
    seen: list[tuple[int, int]] = []
    leastsq_many(decay, START, data=DATA, vectorized=True, progress=lambda *a: seen.append(a))
    done = [done for done, _ in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (K, K)
    assert len(seen) > 10


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
    idle = np.flatnonzero(result.nfev == 0)
    assert_same(result.x[idle], np.tile(START, (len(idle), 1)))
    assert np.isnan(result.ssq[idle]).all()
    with pytest.raises(ZeroDivisionError):
        leastsq_many(decay, START, data=DATA, progress=lambda done, total: 1 / 0)
