"""curve_fit against SciPy's: the same bits, errors and warnings."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curves import T, Y, assert_equal, decay, decay_slopes, line, line_slopes
from reference import assert_same, missing
from support import Array, run_python, scipy_leastsq

from leastsq import curve_fit


def peak(t: Array, a: Array, centre: Array, width: Array, c: Array) -> Array:
    u = (t - centre) / width
    return a * np.exp(-0.5 * u * u) + c


MODELS: list[tuple[Callable[..., Array], Callable[..., Array] | None, list[float]]] = [
    (decay, decay_slopes, [2.5, 1.3, 0.5]),
    (line, line_slopes, [1.0, -0.4]),
    (peak, None, [3.0, 2.0, 0.6, 0.5]),
]


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
        """A stand-in for SciPy's class."""

        lb, ub = -np.inf, np.array([np.inf, np.inf, np.inf])

    assert_same(curve_fit(decay, T, Y, bounds=Bounds()), curve_fit(decay, T, Y))
    Bounds.lb = 0.0
    with pytest.raises(ValueError, match="bounds="):
        curve_fit(decay, T, Y, bounds=Bounds())


def test_covariances_of_every_layout() -> None:
    """SciPy's LAPACK call depends on the order of the Cholesky factor."""
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
