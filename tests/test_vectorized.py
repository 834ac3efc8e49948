"""vectorized=True: several points a call, with the bits of single calls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mgh import BARD, KOWALIK_U, KOWALIK_Y, MEYER, OSBORNE_1, OSBORNE_2
from reference import assert_same, bundled
from support import DATA, START, TIMES, Array, CustomError, RaisesAt, Recorded, decay

from leastsq import leastsq

pytestmark = pytest.mark.skipif(not bundled(), reason="the system build has no vectorized calls")

U = np.arange(1.0, 16)
V, W = 16 - U, np.minimum(U, 16 - U)
OSBORNE_T, PEAKS_T = 10.0 * np.arange(33), np.arange(65) / 10
Y, X = (grid.ravel().astype(float) for grid in np.mgrid[:9, :9])
SPOT = 90.0 * np.exp(-(((X - 4.3) / 2.1) ** 2) - ((Y - 3.9) / 1.7) ** 2) + 7.0 + np.sin(X * Y)


def bard(p: Array) -> Array:
    return BARD - (p[0] + U / (V * p[1] + W * p[2]))


def kowalik_osborne(p: Array) -> Array:
    u = KOWALIK_U
    return KOWALIK_Y - p[0] * (u * (u + p[1])) / (u * (u + p[2]) + p[3])


def meyer(p: Array) -> Array:
    return p[0] * np.exp(p[1] / (45.0 + 5 * np.arange(1, 17) + p[2])) - MEYER


def osborne_1(p: Array) -> Array:
    t = OSBORNE_T
    return OSBORNE_1 - (p[0] + p[1] * np.exp(-t * p[3]) + p[2] * np.exp(-t * p[4]))


def osborne_2(p: Array) -> Array:
    model = p[0] * np.exp(-PEAKS_T * p[4])
    for i in range(1, 4):
        shift = PEAKS_T - p[7 + i]
        model = model + p[i] * np.exp(-shift * shift * p[4 + i])
    return OSBORNE_2 - model


def gaussian(p: Array) -> Array:
    """Residuals of a peak on 9 x 9 pixels."""
    x, y = (X - p[1]) / p[3], (Y - p[2]) / p[4]
    return p[0] * np.exp(-(x * x) - y * y) + p[5] - SPOT


def sine(p: Array) -> Array:
    return p[0] * np.sin(p[1] * TIMES + p[2]) * np.tanh(p[3] * TIMES) - DATA


PROBLEMS: list[tuple[Callable[[Array], Array], list[float]]] = [
    (decay, START), (bard, [1, 1, 1]), (bard, [10, 10, 10]),
    (kowalik_osborne, [2.5, 3.9, 4.15, 3.9]), (meyer, [0.02, 4000, 250]),
    (osborne_1, [0.5, 1.5, -1, 0.01, 0.02]),
    (osborne_2, [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5]),
    (gaussian, [50, 3, 5, 2, 2, 0]), (sine, [1, 3, 0, 1]),
]  # fmt: skip
each_problem = pytest.mark.parametrize(
    ("func", "x0"), PROBLEMS, ids=[f"{func.__name__}{i}" for i, (func, _) in enumerate(PROBLEMS)]
)


def decay_jacobian(p: Array) -> Array:
    """Jacobian of `decay`, (..., 40, 3), for p of shape (3,) or (3, S, 1)."""
    e = np.exp(-p[1] * TIMES)
    return np.stack([e, -p[0] * TIMES * e, np.ones_like(e)], axis=-1)


@each_problem
@pytest.mark.parametrize("options", [{}, {"epsfcn": 1e-9}, {"maxfev": 7}, {"factor": 0.1}], ids=str)
@np.errstate(all="ignore")
def test_the_bits_are_those_of_plain_calls(
    func: Callable[[Array], Array], x0: list[float], options: dict[str, float]
) -> None:
    want = leastsq(func, x0, full_output=True, **options)
    assert_same(leastsq(func, x0, vectorized=True, full_output=True, **options), want)


@pytest.mark.parametrize("col_deriv", [False, True])
def test_dfun_in_both_orientations(col_deriv: bool) -> None:
    def plain(p: Array) -> Array:
        return decay_jacobian(p).T if col_deriv else decay_jacobian(p)

    def batch(p: Array) -> Array:
        assert p.shape == (3, 1, 1)
        return np.moveaxis(decay_jacobian(p), -1, 0) if col_deriv else decay_jacobian(p)

    def spread(array: Array) -> Array:
        """Return the same numbers, not contiguous."""
        values = decay(array) if array.shape == (3, 1, 1) else array
        return np.repeat(values, 2, axis=-1)[..., ::2]

    want = leastsq(decay, START, Dfun=plain, col_deriv=col_deriv, full_output=True)
    for func, dfun in (
        (decay, batch),
        (lambda p: decay(p).tolist(), lambda p: batch(p).tolist()),
        (spread, lambda p: spread(batch(p))),
        (lambda p: decay(p).astype(">f8"), lambda p: np.asfortranarray(batch(p))),
    ):
        got = leastsq(
            func, START, Dfun=dfun, col_deriv=col_deriv, vectorized=True, full_output=True
        )
        assert_same(got, want)


def test_what_func_gets() -> None:
    plain, seen = Recorded(decay), []

    def look(p: Array) -> Array:
        assert type(p) is np.ndarray
        assert (p.dtype, p.ndim, p.shape[0], p.shape[2]) == (np.float64, 3, 3, 1)
        assert p.flags.c_contiguous
        assert p.flags.owndata
        assert p.flags.writeable
        seen.append(p.copy())
        kept.append(p)
        values = decay(p)
        p[:] = np.nan
        return values

    kept: list[Array] = []
    want = leastsq(plain, START, full_output=True)
    assert_same(leastsq(look, START, vectorized=True, full_output=True), want)
    assert {p.shape[1] for p in seen} == {1, 3}
    points = [p[:, s, 0].copy() for p in seen for s in range(p.shape[1])]
    assert_same(points, plain.xs)
    assert len(points) == want[2]["nfev"]
    assert all(np.isnan(p).all() for p in kept)  # none was used again


def test_results_in_any_layout() -> None:
    want = leastsq(decay, START, full_output=True)
    for layout in (
        np.asfortranarray,
        lambda v: np.repeat(v, 2, axis=1)[:, ::2],
        lambda v: np.ascontiguousarray(v[::-1, ::-1])[::-1, ::-1],
        lambda v: v.astype(">f8"),
        lambda v: v.tolist(),
    ):
        func = lambda p, layout=layout: layout(decay(p))  # noqa: E731
        assert_same(leastsq(func, START, vectorized=True, full_output=True), want)


def test_args_come_as_they_are() -> None:
    def func(p: Array, scale: Array, more: str) -> Array:
        assert more == "more"
        return scale * decay(p)

    args = np.linspace(1.0, 2.0, 40), "more"
    want = leastsq(func, START, args, full_output=True)
    assert_same(leastsq(func, START, args, vectorized=1, full_output=True), want)
    one = leastsq(lambda p, s: s * decay(p), START, args[0], full_output=True)
    assert_same(leastsq(lambda p, s: s * decay(p), START, args[0], vectorized=True,
                        full_output=True), one)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, bool])
def test_epsfcn_follows_the_type(dtype: type) -> None:
    def func(p: Array) -> np.ndarray:
        return (100.0 * decay(p)).astype(dtype)

    want = leastsq(func, START, full_output=True)
    assert_same(leastsq(func, START, vectorized=True, full_output=True), want)


def test_one_parameter_and_one_residual() -> None:
    def func(p: Array) -> Array:
        return p[0] * np.array([1.0, 2.0]) - 3.0

    want = leastsq(func, 1.0, full_output=True)
    assert_same(leastsq(func, 1.0, vectorized=True, full_output=True), want)
    for col_deriv, shape in ((False, (1, 2, 1)), (True, (1, 1, 2))):
        dfun = lambda p, shape=shape: np.array([1.0, 2.0]).reshape(shape)  # noqa: E731
        got = leastsq(func, 1.0, Dfun=dfun, col_deriv=col_deriv, vectorized=True)
        assert_same(got, leastsq(func, 1.0, Dfun=lambda p: np.array([[1.0], [2.0]])))
        for wrong in ((2, 1), (1, 2), (2,), (1, 2, 1) if col_deriv else (1, 1, 2)):
            with pytest.raises(ValueError, match="What Dfun returns"):
                leastsq(func, 1.0, Dfun=lambda p, w=wrong: np.ones(w), col_deriv=col_deriv,
                        vectorized=True)  # fmt: skip
    single = leastsq(lambda p: p[0] - 2.0, 1.0, vectorized=True, full_output=True)
    assert_same(single, leastsq(lambda p: p[0] - 2.0, 1.0, full_output=True))


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda v: v[0], "(40,)"),
        (lambda v: v.T, "(40, 1)"),
        (lambda v: np.concatenate([v, v]), "(2, 40)"),
        (lambda v: v[None], "(1, 1, 40)"),
        (lambda v: v[0, 0], "()"),
        (lambda v: v[:0], "(0, 40)"),
    ],
)
def test_first_results_of_a_wrong_shape(change: Callable[[Array], Array], shape: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        leastsq(lambda p: change(decay(p)), START, vectorized=True)
    assert str(caught.value) == (
        f"What func returns with vectorized=True should have the shape (1, M) but it is {shape}."
    )


@pytest.mark.parametrize(
    ("change", "shape"),
    [(lambda v: v[0], "(40,)"), (lambda v: v.T, "(40, 3)"), (lambda v: v[:, :-1], "(3, 39)"),
     (lambda v: v[:2], "(2, 40)"), (lambda v: v[..., None], "(3, 40, 1)")],
)  # fmt: skip
def test_later_results_of_a_wrong_shape(change: Callable[[Array], Array], shape: str) -> None:
    def func(p: Array) -> Array:
        return decay(p) if p.shape[1] == 1 else change(decay(p))

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        leastsq(func, START, vectorized=True)
    assert str(caught.value) == (
        f"What func returns with vectorized=True should have the shape (3, 40) but it is {shape}."
    )


@pytest.mark.parametrize("col_deriv", [False, True])
@pytest.mark.parametrize(
    "wrong", [(40, 3), (3, 40), (1, 40), (3, 1, 40), (1, 40, 3), (1, 3, 40), ()], ids=str
)
@pytest.mark.parametrize("options", [{}, {"ftol": -1.0}], ids=str)
def test_jacobians_of_a_wrong_shape(
    wrong: tuple[int, ...], col_deriv: bool, options: dict[str, float]
) -> None:
    right = (3, 1, 40) if col_deriv else (1, 40, 3)
    wrong = (40,) if wrong == right else wrong
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        leastsq(decay, START, Dfun=lambda p: np.ones(wrong), col_deriv=col_deriv, vectorized=True,
                **options)  # fmt: skip
    assert str(caught.value) == (
        f"What Dfun returns with vectorized=True should have the shape {right} but it is {wrong}."
    )


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("wrong", [complex, object, str, np.longdouble, None])
def test_results_that_are_no_numbers(wrong: type | None, call: int) -> None:
    calls = 0

    def func(p: Array) -> object:
        nonlocal calls
        calls += 1
        if calls < call:
            return decay(p)
        return None if wrong is None else decay(p).astype(wrong)

    with pytest.raises(TypeError, match="not a proper array of floats"):
        leastsq(func, START, vectorized=True)


def test_fewer_residuals_than_parameters() -> None:
    with pytest.raises(TypeError, match="N=3 must not exceed func output vector length M=2"):
        leastsq(lambda p: np.ones((1, 2)), START, vectorized=True)


def test_arguments_out_of_range() -> None:
    def jacobian(p: Array) -> Array:
        calls.append(p.shape)
        return decay_jacobian(p)

    calls: list[tuple[int, ...]] = []
    for options in ({"ftol": -1.0}, {"factor": 0.0}, {"diag": [1.0, -1.0, 1.0]}):
        func = Recorded(decay)
        got = leastsq(func, START, Dfun=jacobian, vectorized=True, full_output=True, **options)
        want = leastsq(decay, START, Dfun=decay_jacobian, full_output=True, **options)
        assert_same(got, want)
        assert (func.calls, len(calls)) == (1, 1)
        assert calls.pop() == (3, 1, 1)
    got = leastsq(lambda p: np.ones((1, 4)), [], vectorized=True, full_output=True)
    assert_same(got, leastsq(lambda p: np.ones(4), [], full_output=True))


@pytest.mark.parametrize("error", [CustomError(1, 2), StopIteration(), KeyboardInterrupt()])
def test_exceptions(error: BaseException) -> None:
    for call in range(1, 6):
        func = RaisesAt(decay, call, error)
        with pytest.raises(type(error)) as caught:
            leastsq(func, START, vectorized=True)
        assert caught.value is error
        assert func.calls == call


def test_not_finite_values() -> None:
    def walled(p: Array) -> Array:
        return np.where(p[1] < 1.5, decay(p), np.nan)

    want = leastsq(walled, START, full_output=True)
    assert_same(leastsq(walled, START, vectorized=True, full_output=True), want)
    with pytest.warns(RuntimeWarning, match="no solution") as caught:
        leastsq(lambda p: decay(p) * np.inf, START, vectorized=True)
    assert caught[0].filename == __file__


def test_with_a_callback() -> None:
    def steps(vectorized: bool) -> list[tuple[Array, Array, int]]:
        seen = []

        def keep(intermediate_result):  # noqa: ANN001, ANN202
            step = intermediate_result
            seen.append((step.x, step.fun, step.cost, step.nit, step.nfev))

        leastsq(decay, START, vectorized=vectorized, callback=keep)
        return seen

    assert_same(steps(True), steps(False))
    assert len(steps(True)) > 3


def test_not_with_workers() -> None:
    for dfun in (None, decay_jacobian):
        func = Recorded(decay)
        with pytest.raises(ValueError, match=r"workers=.* cannot go with vectorized=True"):
            leastsq(func, START, Dfun=dfun, workers=map, vectorized=True)
        assert func.calls == 0


def test_many_parameters() -> None:
    """One call for 60 points."""
    rng = np.random.default_rng(3)
    a = rng.standard_normal((80, 60)) / 8

    def func(p: Array) -> Array:
        total = np.zeros((p.shape[1], 80) if p.ndim == 3 else 80)
        for i in range(60):
            total = total + a[:, i] * np.sin(p[i])
        return total - 1.0

    want = leastsq(func, np.zeros(60), full_output=True)
    counted = Recorded(func)
    assert_same(leastsq(counted, np.zeros(60), vectorized=True, full_output=True), want)
    assert counted.calls * 10 < want[2]["nfev"]
