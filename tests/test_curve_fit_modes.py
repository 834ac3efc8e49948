"""curve_fit without a reference: evaluation modes, Jacobian layouts, the user's arrays."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import curves
import numpy as np
import pytest
from asking import asks
from curves import SIGMAS, T, Y, decay, decay_slopes, line, outcome
from reference import assert_same, bundled
from support import Array, own_nonfinite, run_python

import leastsq
from leastsq import OptimizeWarning, curve_fit


def test_warnings_are_the_callers() -> None:
    with pytest.warns(OptimizeWarning, match="could not be estimated") as caught:
        _, pcov = curve_fit(lambda t, a, b: a * t + 0.0 * b, T, Y)
    assert np.isinf(pcov).all()
    assert caught[0].filename == __file__
    with pytest.raises(RuntimeError, match=r"^Optimal parameters not found: Number of calls"):
        curve_fit(decay, T, Y, maxfev=2)


@own_nonfinite
def test_warnings_where_the_model_is_nan() -> None:
    _, found = outcome(curve_fit, lambda t, a: a * np.where(t > 3.0, np.nan, t), T, Y)
    assert [one[0] for one in found] == ["RuntimeWarning", "OptimizeWarning"]
    assert {one[2] for one in found} == {curves.__file__}  # which calls


def test_nothing_of_the_users_is_modified() -> None:
    kept = Y.copy()

    def model(t: Array, a: float, b: float) -> Array:
        return kept if (a, b) == (1.0, 0.0) else a * kept + b * t

    sigma, p0 = np.full(T.size, 2.0), np.array([1.0, 0.0])
    covariance = np.diag(sigma)
    before = [array.copy() for array in (kept, T, sigma, p0, covariance)]
    for one in (None, sigma, covariance):
        curve_fit(model, T, Y, p0, one)
    assert_same([kept, T, sigma, p0, covariance], before)


@asks
@pytest.mark.parametrize("sigma", SIGMAS, ids=["none", "scalar", "1-D", "2-D"])
@pytest.mark.parametrize("jac", [None, decay_slopes])
def test_vectorized(sigma: Any, jac: Any) -> None:
    """Shapes that the model gets, and the bits of single calls."""
    shapes = []

    def model(t: Array, a: Array, k: Array, c: Array) -> Array:
        shapes.append(np.shape(a))
        return decay(t, a, k, c)

    options = {"sigma": sigma, "jac": jac, "full_output": True}
    want = curve_fit(decay, T, Y, **options)
    assert_same(curve_fit(model, T, Y, vectorized=True, **options), want)
    assert set(shapes) == ({(1, 1)} if jac else {(1, 1), (3, 1)})


@pytest.mark.parametrize("sigma", SIGMAS, ids=["none", "scalar", "1-D", "2-D"])
def test_derivatives_by_column(sigma: Any) -> None:
    want = curve_fit(decay, T, Y, sigma=sigma, jac=decay_slopes, full_output=True)
    options = {"sigma": sigma, "col_deriv": True, "full_output": True}
    got = curve_fit(decay, T, Y, jac=lambda *p: decay_slopes(*p).T, **options)
    assert_same(got, want)
    if bundled():

        def slopes(*p: Array) -> Array:
            return np.moveaxis(decay_slopes(*p), -1, 0)

        assert_same(curve_fit(decay, T, Y, jac=slopes, vectorized=True, **options), want)


@pytest.mark.parametrize("sigma", SIGMAS, ids=["none", "scalar", "1-D", "2-D"])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_jacobians_of_one_axis(sigma: Any, col_deriv: bool) -> None:
    """Accepted for one parameter, refused for more."""

    def slope(t: Array, *p: float) -> Array:
        return t

    options = {"sigma": sigma, "col_deriv": col_deriv}
    want = curve_fit(lambda t, a: a * t, T, Y, sigma=sigma, jac=lambda t, a: t[:, None])
    if sigma is None or np.ndim(sigma) == 2 or col_deriv:
        got = curve_fit(lambda t, a: a * t, T, Y, jac=slope, **options)
        assert_same(got[0], want[0])
    with pytest.raises((TypeError, ValueError)):
        curve_fit(decay, T, Y, jac=slope, **options)


@asks
def test_callback_and_workers() -> None:
    seen: list[Array] = []
    want = curve_fit(decay, T, Y, full_output=True)
    assert_same(curve_fit(decay, T, Y, full_output=True, callback=seen.append), want)
    assert_same(seen[-1], want[0])
    for sigma in SIGMAS:
        want = curve_fit(decay, T, Y, sigma=sigma)
        assert_same(curve_fit(decay, T, Y, sigma=sigma, workers=map), want)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for sigma in SIGMAS[2:]:
            want = curve_fit(decay, T, Y, sigma=sigma)
            assert_same(curve_fit(decay, T, Y, sigma=sigma, workers=pool.map), want)

    def enough(x: Array) -> None:
        raise StopIteration

    *_, message, ier = curve_fit(decay, T, Y, callback=enough, full_output=True)
    assert (message, ier) == ("`callback` raised `StopIteration`.", -2)


def test_without_scipy(tmp_path: Path) -> None:
    """A covariance matrix needs no SciPy; results are the same to rounding."""
    sigma = SIGMAS[3]
    want = curve_fit(decay, T, Y, sigma=sigma, jac=decay_slopes)
    (tmp_path / "data").write_bytes(pickle.dumps((T, Y, sigma)))
    done = run_python(
        """
        import json, pickle, sys
        import numpy as np

        sys.modules["scipy"] = sys.modules["scipy.linalg"] = None
        from leastsq import curve_fit

        def decay(t, a, k, c):
            return a * np.exp(-k * t) + c

        def slopes(t, a, k, c):
            e = np.exp(-k * t)
            return np.stack([e, -a * t * e, np.ones_like(e)], axis=-1)

        t, y, sigma = pickle.load(open("data", "rb"))
        popt, pcov = curve_fit(decay, t, y, sigma=sigma, jac=slopes)
        print(json.dumps([popt.tolist(), pcov.tolist()]))
        """,
        cwd=tmp_path,
    )
    popt, pcov = json.loads(done.stdout)
    np.testing.assert_allclose(popt, want[0], rtol=1e-7)
    np.testing.assert_allclose(pcov, want[1], rtol=1e-6)


def test_an_error_names_jac() -> None:
    def slopes(t: Array, *p: float) -> Array:
        return np.ones((3, 3))

    for sigma in SIGMAS[:2]:
        with pytest.raises(TypeError, match=r"'slopes'\. Shape should be \(40, 3\)"):
            curve_fit(decay, T, Y, sigma=sigma, jac=slopes)


def test_data_that_are_no_array() -> None:
    want = curve_fit(line, T, Y)
    for nan_policy in (None, "raise", "omit"):
        got = curve_fit(lambda t, a, b: a + b * t["t"], {"t": T}, Y, nan_policy=nan_policy)
        assert_same(got, want)


def test_exceptions_are_the_models() -> None:
    error = ZeroDivisionError("the model's own")

    def model(t: Array, a: float) -> Array:
        raise error

    for sigma in SIGMAS:
        with pytest.raises(ZeroDivisionError) as raised:
            curve_fit(model, T, Y, sigma=sigma)
        assert raised.value is error


def test_floating_point_errors_are_numpys() -> None:
    """Operations in C follow NumPy's error state: they warn or raise."""

    def model(t: Array, a: float) -> Array:
        return np.where(t > 3.0, np.inf, a * t)

    options = {"sigma": np.where(T > 3.0, np.inf, 1.0), "check_finite": False, "full_output": True}
    _, warned = outcome(curve_fit, model, T, Y, **options)
    assert ("RuntimeWarning", "invalid value encountered in multiply") in {
        one[:2] for one in warned
    }
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="multiply"):
        curve_fit(model, T, Y, **options)


def test_it_is_exported() -> None:
    assert {"curve_fit", "OptimizeWarning"} <= set(leastsq.__all__)
    assert issubclass(OptimizeWarning, UserWarning)
    assert pickle.loads(pickle.dumps(curve_fit)) is curve_fit  # noqa: S301
