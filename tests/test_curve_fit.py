"""curve_fit beside SciPy's: the same bits, errors and warnings."""

from __future__ import annotations

import functools
import json
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import asks
from reference import assert_same, bundled, missing
from support import SAME_STEP, Array, run_python, scipy_leastsq

import leastsq
from leastsq import OptimizeWarning, curve_fit

T = np.linspace(0.1, 4.0, 40)
COV_ERROR = 1e-13
"""Of pcov, relative to its largest element and times the condition number of J^T J: rounding."""


def decay(t: Array, a: Array, k: Array, c: Array) -> Array:
    return a * np.exp(-k * t) + c


def decay_slopes(t: Array, a: Array, k: Array, c: Array) -> Array:
    """Return the Jacobian of `decay`, (M, 3), of several points (S, M, 3)."""
    e = np.exp(-k * t)
    return np.stack([e, -a * t * e, np.ones_like(e) + 0.0 * c], axis=-1)


def line(t: Array, a: Array, b: Array) -> Array:
    return a + b * t


def line_slopes(t: Array, a: Array, b: Array) -> Array:
    return np.stack([np.ones_like(t) + 0.0 * a, t + 0.0 * b], axis=-1)


def peak(t: Array, a: Array, centre: Array, width: Array, c: Array) -> Array:
    u = (t - centre) / width
    return a * np.exp(-0.5 * u * u) + c


MODELS: list[tuple[Callable[..., Array], Callable[..., Array] | None, list[float]]] = [
    (decay, decay_slopes, [2.5, 1.3, 0.5]),
    (line, line_slopes, [1.0, -0.4]),
    (peak, None, [3.0, 2.0, 0.6, 0.5]),
]


def theirs(*args: Any, **options: Any) -> Any:
    """Call SciPy's, with the difference step of the build that is tested."""
    scipy_leastsq()
    import scipy.optimize

    step = {} if callable(options.get("jac")) else SAME_STEP
    return scipy.optimize.curve_fit(*args, **step, **options)


def ours(*args: Any, **options: Any) -> Any:
    step = {} if callable(options.get("jac")) else SAME_STEP
    return curve_fit(*args, **step, **options)


def outcome(function: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, list[Any]]:
    """Return the result, or type and text of the exception; and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **options)
        except Exception as error:
            result = type(error).__name__, str(error)
    return result, [(one.category.__name__, str(one.message), one.filename) for one in caught]


def assert_equal(args: tuple[Any, ...], options: dict[str, Any], case: object) -> None:
    got, warned = outcome(ours, *args, **options)
    want, expected = outcome(theirs, *args, **options)
    assert warned == expected, case
    if isinstance(want[0], str):
        if want[0] == "error":  # minpack's own, a TypeError here
            want = "TypeError", want[1]
        assert got == want, case
        return
    popt, pcov, *rest = got
    assert_same((popt, *rest), (want[0], *want[2:]), case)
    assert np.isfinite(pcov).tolist() == np.isfinite(want[1]).tolist(), case
    if np.isfinite(pcov).all():
        largest = np.abs(want[1]).max()
        tolerance = COV_ERROR * np.linalg.cond(want[1]) * largest if largest > 0.0 else 0.0
        np.testing.assert_allclose(pcov, want[1], rtol=0.0, atol=tolerance, err_msg=str(case))


def random_sigma(rng: np.random.Generator, m: int) -> Any:
    """Return one of the kinds of sigma."""
    kind = rng.integers(5)
    if kind < 2:
        return None
    if kind == 2:
        return rng.uniform(0.5, 2.0, m)
    if kind == 3:
        mixed = 0.1 * rng.standard_normal((m, m))
        return mixed @ mixed.T + np.diag(rng.uniform(0.5, 2.0, m))
    return [0.3, 2, np.float32(1.5), rng.integers(1, 5, m)][rng.integers(4)]


@pytest.mark.parametrize("seed", range(10))
def test_random_problems(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for case in range(100):
        model, slopes, truth = MODELS[rng.integers(len(MODELS))]
        m = int(rng.integers(len(truth), 60))
        t = np.sort(rng.uniform(0.1, 4.0, m))
        y = model(t, *truth) + rng.choice([0.0, 1e-3, 0.1]) * rng.standard_normal(m)
        options: dict[str, Any] = {
            "sigma": random_sigma(rng, m),
            "absolute_sigma": bool(rng.integers(2)),
            "full_output": True,
        }
        if rng.integers(3) and model is not peak:
            options["p0"] = truth * rng.uniform(0.5, 1.5, len(truth))
        if model is peak:
            options["p0"] = np.array(truth) * rng.uniform(0.9, 1.1, len(truth))
        scalar = options["sigma"] is not None and np.ndim(options["sigma"]) == 0
        if slopes is not None and not scalar and rng.integers(2):
            options["jac"] = slopes
        choice = rng.integers(8)
        if choice == 0:
            y[rng.integers(m)] = np.nan
            t[rng.integers(m)] = np.nan
            options["nan_policy"] = ["omit", "raise", "propagate", None, "no"][rng.integers(5)]
        elif choice == 1:
            options["check_finite"] = False
        elif choice == 2:
            options["maxfev"] = int(rng.integers(1, 40))
        elif choice == 3:
            options |= {"ftol": 1e-4, "xtol": 1e-3, "factor": 1.0}
        assert_equal((model, t, y), options, (seed, case, options))


def test_scipys_own_tests(tmp_path: Path) -> None:
    """Where bounds or another method are meant, SciPy's function is called."""
    scipy_leastsq()
    if find_spec("scipy.optimize.tests") is None:
        missing("SciPy's own tests are not installed")
    done = run_python(
        """
        import json
        from collections import Counter

        import pytest
        import scipy.optimize
        import scipy.optimize._minpack_py as module

        import leastsq

        tally = Counter()
        theirs = module.curve_fit

        def curve_fit(*args, **options):
            try:
                result = leastsq.curve_fit(*args, **options)
            except ValueError as error:
                if "use scipy.optimize.curve_fit" not in str(error):
                    raise
                return theirs(*args, **options)
            tally["ours"] += 1
            return result

        class Outcomes:
            def pytest_runtest_logreport(self, report):
                if report.when == "call" or not report.passed:
                    tally[report.outcome] += 1

        scipy.optimize.curve_fit = module.curve_fit = curve_fit
        scipy.optimize.OptimizeWarning = module.OptimizeWarning = leastsq.OptimizeWarning
        tests = ["--pyargs", "scipy.optimize.tests.test_minpack", "-k", "CurveFit"]
        status = pytest.main([*tests, "-q", "-p", "no:cacheprovider"], plugins=[Outcomes()])
        print(json.dumps({"status": status, **tally}))
        """,
        cwd=tmp_path,
    )
    tally = json.loads(done.stdout.splitlines()[-1])
    assert (tally["status"], tally.get("failed", 0)) == (0, 0), done.stdout
    assert tally["passed"] >= 46
    assert tally["ours"] >= 63


Y = decay(T, 2.5, 1.3, 0.5) + 0.05 * np.sin(17.0 * T)


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((decay, T, []), {}),
        ((decay, T[:2], Y[:2]), {}),
        ((decay, T, Y), {"sigma": np.ones(3)}),
        ((decay, T, Y), {"sigma": -np.eye(T.size)}),
        ((decay, T, Y), {"args": (1,)}),
        ((lambda *p: p[0], T, Y), {}),
        ((lambda t: t, T, Y), {}),
        ((decay, T, [*Y[:-1], np.inf]), {}),
        ((decay, [*T[:-1], np.nan], Y), {}),
        ((decay, T, Y), {"maxfev": 3}),
        ((decay, T, Y), {"jac": "2-point"}),
        ((lambda t, a: t[:5] * a, T, Y), {}),
        ((lambda t, a, b: (a + b) * t, T, Y), {}),
        ((line, T[:2], Y[:2]), {}),
        ((line, T[:2], Y[:2]), {"absolute_sigma": True}),
        ((line, T, Y), {"sigma": np.where(T > 1.0, 1.0, np.inf)}),
        ((lambda t, a: a, T, Y), {}),
        ((lambda t, a: a * np.ones(4), [1.0], [3.0]), {}),
        ((lambda t, a, b: (a + b * t).astype(np.float32), T, Y), {}),
        ((lambda t, a, b: [a + b * one for one in t], list(T), tuple(Y)), {}),
        ((lambda t, a, b: np.ma.masked_array(a + b * t), T, Y), {}),
        ((line, np.array([T, T]), Y), {}),
        ((lambda t, a, b: a * t[0] + b * t[1], np.array([T, T * T]), Y), {}),
        ((lambda t, a, b: a * t["t"] + b, {"t": T}, Y), {}),
        ((line, T.astype(np.float32), Y.astype(np.float32)), {"p0": [1, 2]}),
        ((line, T, Y), {"p0": 1.0}),
        ((line, T, Y), {"bounds": ([-np.inf, -np.inf], np.inf)}),
        ((lambda t, a, b=2.0: a + b * t, T, Y), {}),
        ((functools.partial(decay, c=0.5), T, Y), {"p0": [1.0, 1.0]}),
        ((len, T, Y), {}),
        ((3, T, Y), {}),
        ((3, T, Y), {"p0": [1.0]}),
    ],
)
def test_the_same_results_and_errors(args: tuple[Any, ...], options: dict[str, Any]) -> None:
    assert_equal(args, options | {"full_output": True}, options)


@pytest.mark.parametrize(
    "options",
    [
        {"bounds": (0.0, np.inf)}, {"bounds": ([-np.inf] * 3, [np.inf, 4.0, np.inf])},
        {"method": "trf"}, {"method": "dogbox"}, {"bounds": (0.0, 1.0), "method": "lm"},
    ],
)  # fmt: skip
def test_what_another_solver_is_for(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"use scipy\.optimize\.curve_fit"):
        curve_fit(decay, T, Y, **options)


def test_bounds_as_an_object() -> None:
    class Bounds:
        """What SciPy's looks like."""

        lb, ub = -np.inf, np.array([np.inf, np.inf, np.inf])

    assert_same(curve_fit(decay, T, Y, bounds=Bounds()), curve_fit(decay, T, Y))
    Bounds.lb = 0.0
    with pytest.raises(ValueError, match="bounds="):
        curve_fit(decay, T, Y, bounds=Bounds())


def test_warnings_are_the_callers() -> None:
    with pytest.warns(OptimizeWarning, match="could not be estimated") as caught:
        _, pcov = curve_fit(lambda t, a, b: a * t + 0.0 * b, T, Y)
    assert np.isinf(pcov).all()
    assert caught[0].filename == __file__
    _, found = outcome(curve_fit, lambda t, a: a * np.where(t > 3.0, np.nan, t), T, Y)
    assert [one[0] for one in found] == ["RuntimeWarning", "OptimizeWarning"]
    assert {one[2] for one in found} == {__file__}
    with pytest.raises(RuntimeError, match=r"^Optimal parameters not found: Number of calls"):
        curve_fit(decay, T, Y, maxfev=2)


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


SIGMAS = [
    None, 0.3, np.random.default_rng(1).uniform(0.5, 2.0, T.size),
    np.diag(np.linspace(0.5, 2.0, T.size)) + 0.01,
]  # fmt: skip


@asks
@pytest.mark.parametrize("sigma", SIGMAS, ids=["none", "scalar", "1-D", "2-D"])
@pytest.mark.parametrize("jac", [None, decay_slopes])
def test_vectorized(sigma: Any, jac: Any) -> None:
    """Sizes that are seen, and the bits of plain calls."""
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
    """Of one parameter; of more they are refused."""

    def slope(t: Array, *p: float) -> Array:
        return t

    options = {"sigma": sigma, "col_deriv": col_deriv}
    want = curve_fit(lambda t, a: a * t, T, Y, sigma=sigma, jac=lambda t, a: t[:, None])
    if sigma is None or np.ndim(sigma) == 2 or col_deriv:
        got = curve_fit(lambda t, a: a * t, T, Y, jac=slope, **options)
        assert_same(got[0], want[0])
    with pytest.raises((TypeError, ValueError)):
        curve_fit(decay, T, Y, jac=slope, **options)


def test_covariances_of_every_layout() -> None:
    """SciPy's way through LAPACK depends on the order of the Cholesky factor."""
    whole = np.diag(np.arange(2, T.size + 2)) + 1
    for sigma in (
        whole, np.asfortranarray(whole), whole.astype(np.float32), whole.astype(np.float64),
        np.asfortranarray(whole, np.float64), whole.astype(np.longdouble), whole.tolist(),
    ):  # fmt: skip
        for jac in (None, decay_slopes):
            options = {"sigma": sigma, "jac": jac, "full_output": True}
            assert_equal((decay, T, Y), options, options)
    holes = np.where(np.arange(T.size) == 7, np.nan, Y)
    options = {"sigma": whole, "nan_policy": "omit", "full_output": True}
    assert_equal((decay, T, holes), options, options)
    with pytest.raises(TypeError, match="must be real, not complex128"):
        curve_fit(decay, T, Y, sigma=whole + 0j)


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
    """What is subtracted and multiplied here warns as NumPy would, and raises if it is told to."""

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
