"""`leastsq_many`: leastsq's bits for every problem, shapes, weights, and calls counted."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from asking import asks
from decays import DATA, RNG, START, K, T, both, check, decay, one, slopes
from reference import assert_same
from support import MANY_ARRAYS, Array

from leastsq import leastsq, leastsq_many

pytestmark = asks


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
    assert masked.ier[0] == 0  # and no warning: the problem is masked


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
    for name in MANY_ARRAYS:
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


def test_standard_errors_that_overflow_raise_no_warning_of_numpys() -> None:
    result = leastsq_many(lambda p, y: 1e-170 * (p - y), [5.0], data=np.arange(4.0).reshape(2, 2))
    assert result.success.all()
    assert np.isinf(result.cov_x).all()
    assert (result.ssq == 0.0).all()
    with np.errstate(all="raise"):
        assert np.isnan(result.standard_errors()).all()
        assert np.isinf(result.standard_errors(absolute_sigma=True)).all()


def test_a_first_tile_with_one_problem_to_fit() -> None:
    """The evaluation that finds m is used for its own problem, not in a later tile."""

    def func(p: Array, y: Array) -> Array:
        return decay(p, y[..., : T.size])

    for usable in ([0, 30], [0, *range(15, 31)]):
        wide = np.zeros((31, 125_000))  # 1 MB a row: tiles of fifteen
        wide[:, : T.size] = DATA[:31]
        weights = np.zeros((31, T.size))
        weights[usable] = 1.0
        result = leastsq_many(func, START, data=wide, weights=weights, vectorized=True)
        for k in usable:
            assert_same(result.x[k], one(k)[0], k)
