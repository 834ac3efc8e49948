"""Against SciPy: the same results, messages and warnings; and SciPy's own tests with our function.

Every comparison is of bits, cov_x excepted, which is computed in another way.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from reference import assert_same, bundled, missing
from support import (
    SAME_STEP,
    START,
    TIMES,
    Array,
    but_cov,
    decay,
    decay_jacobian,
    own_nonfinite,
    rosenbrock,
    rosenbrock_jacobian,
    run_python,
    scipy_leastsq,
)

from leastsq import leastsq

EPS = np.finfo(np.float64).eps

# Both invert the same R; each loses about n eps cond(R)^2 of sqrt(c_ii c_jj).
COV_TOLERANCE = 10.0


def compare(func: Callable, x0: object, **options: object) -> int:
    """Fit with both and compare the full output, the short one and the warnings; return ier."""
    options = SAME_STEP | options
    if options.get("Dfun") is not None:
        options.pop("epsfcn", None)
    ours = leastsq(func, x0, full_output=True, **options)
    theirs = scipy_leastsq()(func, x0, full_output=True, **options)
    assert_same(but_cov(ours), but_cov(theirs), options)
    assert_close_cov(ours, theirs[1])
    assert_same(
        warned(leastsq, func, x0, **options), warned(scipy_leastsq(), func, x0, **options), options
    )
    return ours[4]


def warned(function: Callable, *args: object, **options: object) -> tuple:
    """Return the short output followed by type, text and file of each warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **options)
    return (*result, *((w.category.__name__, str(w.message), w.filename) for w in caught))


def assert_close_cov(ours: tuple, theirs: Array | None) -> None:
    """Compare cov_x relative to sqrt(c_ii c_jj)."""
    cov_x, n = ours[1], ours[0].size
    assert (cov_x is None) == (theirs is None)
    if cov_x is None or theirs is None:
        return
    tolerance = COV_TOLERANCE * n * EPS * np.linalg.cond(np.triu(ours[2]["fjac"].T[:n])) ** 2
    if tolerance > 0.1:
        return
    scale = np.sqrt(np.outer(theirs.diagonal(), theirs.diagonal()))
    assert (np.abs(cov_x - theirs) <= tolerance * scale).all()


def peak(p: Array) -> Array:
    """Residuals of a Gaussian peak on a slope, five parameters."""
    height, centre, width, level, tilt = p
    data = 3.0 * np.exp(-((TIMES - 1.7) ** 2) / 0.3) + 0.2 * TIMES + 0.04 * np.cos(23.0 * TIMES)
    model = height * np.exp(-((TIMES - centre) ** 2) / width**2) + level + tilt * TIMES
    return model - data


def wave(p: Array) -> Array:
    """Residuals of a damped wave, four parameters."""
    amplitude, rate, frequency, phase = p
    noise = 0.03 * np.cos(31.0 * TIMES)
    data = 2.0 * np.exp(-0.4 * TIMES) * np.sin(3.0 * TIMES + 0.3) + noise
    return amplitude * np.exp(-rate * TIMES) * np.sin(frequency * TIMES + phase) - data


def tableau(p: Array) -> list[float]:
    """Kowalik and Osborne's rational model on six points, as a list."""
    u = [4.0, 2.0, 1.0, 0.5, 0.25, 0.125]
    y = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627]
    a, b, c, d = p.tolist()
    return [
        yi - a * (ui * ui + b * ui) / (ui * ui + c * ui + d) for ui, yi in zip(u, y, strict=True)
    ]


PROBLEMS = [
    (decay, START, decay_jacobian),
    (decay, [5.0, 0.2, -1.0], decay_jacobian),
    (decay, [0.0, 0.0, 0.0], decay_jacobian),
    (rosenbrock, [-1.2, 1.0], rosenbrock_jacobian),
    (rosenbrock, [120.0, -100.0], rosenbrock_jacobian),
    (peak, [1.0, 1.5, 1.0, 0.0, 0.0], None),
    (peak, [2.0, 1.0, 0.3, 0.5, 0.1], None),
    (wave, [1.0, 0.1, 2.8, 0.0], None),
    (wave, [3.0, 1.0, 3.3, 0.5], None),
    (tableau, [0.25, 0.39, 0.415, 0.39], None),
    (lambda x: x - np.arange(7.0), np.ones(7), lambda x: np.eye(7)),
    (lambda x: 2.0 * (x - 3.0) ** 2 + 1.0, 0.0, lambda x: 4.0 * (x - 3.0)),
    (lambda x: [x[0] + x[1] - 1.0, x[0] + x[1] - 2.0], [0.0, 0.0], lambda x: np.ones((2, 2))),
    (lambda x: [0.0 * x[0], x[1] - 2.0, 1.0], [5.0, 0.0], lambda x: [[0, 0], [0, 1], [0, 0]]),
]

OPTIONS: list[dict[str, object]] = [
    {},
    {"ftol": 1e-3, "xtol": 1e-3},
    {"ftol": 0.1, "xtol": 0.01},
    {"ftol": 0.0, "xtol": 0.0},
    {"ftol": 0.0, "xtol": 0.0, "gtol": 1e-6},
    {"ftol": 0.0, "xtol": 1e-12},
    {"factor": 0.1},
    {"factor": 1.0},
    {"factor": 1e4},
    {"epsfcn": 1e-6},
    {"maxfev": 1},
    {"maxfev": 5},
    {"maxfev": 17},
    {"maxfev": -4},
    {"diag": True},
    {"diag": True, "factor": 0.5, "maxfev": 12},
]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize(("func", "x0", "jacobian"), PROBLEMS)
def test_ordinary_problems(
    func: Callable, x0: object, jacobian: Callable | None, options: dict[str, object]
) -> None:
    if "diag" in options:
        options = options | {"diag": np.linspace(0.5, 4.0, np.size(x0))}
    compare(func, x0, **options)
    if jacobian is not None:
        compare(func, x0, Dfun=jacobian, **options)


def test_those_problems_reach_every_ending() -> None:
    seen = {compare(func, x0, **options) for func, x0, _ in PROBLEMS for options in OPTIONS[:13]}
    tiny = compare(lambda x: [x[0], 1.0], [1e-17], ftol=0.0, xtol=0.0)
    assert seen | {tiny} == {1, 2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("seed", range(60))
def test_random_problems(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    m = n + int(rng.integers(0, 25))
    a, b = rng.normal(size=(m, n)), 0.3 * rng.normal(size=(m, n))
    scales = 10.0 ** rng.integers(-3, 4, n)
    if seed % 5 == 0:
        # Rank-deficient, with a column of zeros or two columns alike.
        a[:, -1] = b[:, -1] = 0.0
        if n > 1 and seed % 2:
            a[:, -1], b[:, -1] = a[:, 0], b[:, 0]
    right = rng.normal(size=m)

    def func(x: Array) -> Array:
        return a @ (x * scales) + (b @ (x * scales)) ** 2 - right

    def jacobian(x: Array) -> Array:
        return (a + 2.0 * (b @ (x * scales))[:, None] * b) * scales

    x0 = rng.normal(size=n) / scales
    compare(func, x0)
    compare(func, x0, Dfun=jacobian)
    compare(func, x0, Dfun=lambda x: jacobian(x).T, col_deriv=True)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"ftol": -1.0}, TypeError),
        ({"factor": 0.0}, TypeError),
        ({"diag": [1.0, 1.0, -1.0]}, TypeError),
        ({"maxfev": 2**40}, OverflowError),
        ({"maxfev": 1.5}, TypeError),
        ({"gtol": None}, TypeError),
    ],
    ids=repr,
)
def test_errors_are_of_scipys_types(options: dict, kind: type[Exception]) -> None:
    for function in (leastsq, scipy_leastsq()):
        with pytest.raises(kind):
            function(decay, START, **options)


@pytest.mark.parametrize(
    ("func", "x0", "options"),
    [
        (decay, [1j, 1.0, 1.0], {}),
        (lambda x: [1.0], 1j, {}),
        (lambda x: 1.0, [1.0, 2.0], {}),
        (decay, START, {"Dfun": lambda x: decay_jacobian(x).T}),
        (decay, START, {"Dfun": lambda x: np.ones(3)}),
        (3, START, {}),
        (decay, START, {"Dfun": 3}),
    ],
)
def test_errors_are_scipys(func: object, x0: object, options: dict) -> None:
    def error(function: Callable) -> tuple[type, str]:
        with pytest.raises(TypeError) as caught:
            function(func, x0, **options)
        return type(caught.value), str(caught.value)

    assert error(leastsq) == error(scipy_leastsq())


def test_ier_0_begins_with_scipys_words() -> None:
    _, _, _, theirs, ier = scipy_leastsq()(decay, START, xtol=-1.0, full_output=True)
    _, _, _, ours, _ = leastsq(decay, START, xtol=-1.0, full_output=True)
    assert (ours, ier) == (f"{theirs} xtol=-1.0 must not be negative.", 0)
    with pytest.raises(TypeError, match=f"^{theirs}"):
        leastsq(decay, START, xtol=-1.0)


# What -k selects in SciPy 1.18.1, and the calls its tests make; later versions may have more. One
# of the tests fits inside a residual, so that nfev counts: fewer with the 1980 difference step.
SCIPY_TESTS = 62
SCIPY_CALLS = 130 if bundled() else 126


def test_scipys_own_tests_of_leastsq_and_curve_fit(tmp_path: Path) -> None:
    scipy_leastsq()
    if find_spec("scipy.optimize.tests") is None:
        missing("SciPy's own tests are not installed")
    done = run_python(
        """
        import json
        from collections import Counter

        import pytest
        import scipy.optimize
        import scipy.optimize._minpack_py as implementation

        from leastsq import leastsq

        tally = Counter()

        def counting(*args, **options):
            tally["calls"] += 1
            return leastsq(*args, **options)

        scipy.optimize.leastsq = implementation.leastsq = counting

        class Outcomes:
            def pytest_runtest_logreport(self, report):
                if report.when == "call" or not report.passed:
                    tally[report.outcome] += 1

        module = "scipy.optimize.tests.test_minpack"
        choice = ["-k", "LeastSq or CurveFit", "-q", "-p", "no:cacheprovider"]
        status = pytest.main(["--pyargs", module, *choice], plugins=[Outcomes()])
        print(json.dumps({"status": status, **tally}))
        """,
        cwd=tmp_path,
    )
    tally = json.loads(done.stdout.splitlines()[-1])
    assert (tally["status"], tally.get("failed", 0)) == (0, 0), done.stdout
    assert tally["passed"] >= SCIPY_TESTS
    assert tally["calls"] >= SCIPY_CALLS


@own_nonfinite
def test_intermediate_results_may_overflow() -> None:
    """Everything that the user sees is finite; R^T Q^T f is not."""
    rng = np.random.default_rng(0)
    slope, data = rng.standard_normal((6, 3)), rng.standard_normal(6)
    for scale in (1e140, 1e153, 1e155, 1e160, 1e200):

        def func(x: np.ndarray, scale: float = scale) -> np.ndarray:
            return scale * (np.tanh(slope @ x) ** 3 - data)

        settings = {"factor": 0.1, "full_output": True}
        result = leastsq(func, [0.3, -0.2, 0.9], **settings)
        expected = scipy_leastsq()(func, [0.3, -0.2, 0.9], **settings, **SAME_STEP)
        assert_same(but_cov(result), but_cov(expected))


@own_nonfinite
@pytest.mark.parametrize("tiny", [1e-310, 5e-324, 1e-300])
def test_the_step_may_overflow(tiny: float) -> None:
    """A diagonal element of R is so small that the Gauss-Newton step is infinite."""
    matrix = np.array([[1.0, 1.0], [0.0, tiny], [0.0, 0.0]])
    settings = {"Dfun": lambda x: matrix, "full_output": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about inf - inf in the residual
        result = leastsq(lambda x: matrix @ x - 1.0, [0.0, 0.0], **settings)
        expected = scipy_leastsq()(lambda x: matrix @ x - 1.0, [0.0, 0.0], **settings)
    assert_same(but_cov(result), but_cov(expected))
