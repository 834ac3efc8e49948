"""Gain ratio, radius and stop tests, called one by one, against the formulas of Moré (1978).

The expected values are those of sec. 4 and algorithm (7.1) there, written out here for arrays.
"""

import ctypes
import itertools
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from programs import build
from reference import FloatArray, bundled

import leastsq

pytestmark = pytest.mark.skipif(
    not bundled(), reason="the system library has no such routines of its own"
)

SOURCES = Path(__file__).parents[1] / "fortran"
MODULES = ("kinds", "status", "kernels", "solve", "stop_tests", "enorm", "qrfac", "qrsolv",
           "lmpar", "levenberg_marquardt")  # fmt: skip
"""Whose interfaces the entries need, each after those that it uses."""

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 1e-14
"""Relative error of a few operations, in whatever order."""


def below(x: float) -> float:
    return float(np.nextafter(x, -np.inf))


def above(x: float) -> float:
    return float(np.nextafter(x, np.inf))


def around(x: float) -> tuple[float, float, float]:
    return below(x), x, above(x)


class Step(NamedTuple):
    """A trial step p: ||D p||, ||f(x + p)||, the relative reductions, gamma and rho."""

    length: float = 1.0
    fnorm: float = 1.0
    actual: float = 0.0
    predicted: float = 0.0
    slope: float = -1.0
    ratio: float = 0.0


class Region(NamedTuple):
    """||f(x)||, ||D x||, the largest cosine, the radius and the parameter."""

    fnorm: float = 1.0
    xnorm: float = 1.0
    gnorm: float = 1.0
    delta: float = 1.0
    par: float = 1.0


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the C entries and link them with the installed libleastsq.a."""
    work = tmp_path_factory.mktemp("entries")
    build(work, *(SOURCES / f"{name}.f90" for name in MODULES), "-fsyntax-only", "-w")
    archive = Path(leastsq.get_library_dir()) / "libleastsq.a"
    source = Path(__file__).with_name("trust_region.f90")
    return ctypes.CDLL(str(build(work, source, archive, "-shared", "-fPIC")))


def _pointer(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def measure_reductions(
    entries: ctypes.CDLL, step: Step, region: Region, r: FloatArray, ipvt: list[int], p: FloatArray
) -> Step:
    numbers, state = np.array(step), np.array(region)
    matrix, pivots, p = np.asfortranarray(r), np.array(ipvt, np.intc), p.copy()
    sizes = (ctypes.c_int(size) for size in r.shape)
    arrays = (_pointer(matrix), _pointer(pivots), _pointer(p))
    entries.call_predict(_pointer(numbers), _pointer(state), *sizes, *arrays)
    return Step(*numbers.tolist())


def update_radius(entries: ctypes.CDLL, step: Step, region: Region) -> Region:
    state = np.array(region)
    numbers = np.array(step)
    entries.call_update_radius(_pointer(numbers), _pointer(state))
    return Region(*state.tolist())


def ending(
    entries: ctypes.CDLL, step: Step, region: Region, ftol: float, xtol: float, calls: int = 0
) -> int:
    """Return the exit code after `calls` evaluations of 10."""
    numbers, state = np.array(step), np.array(region)
    tolerances = ctypes.c_double(ftol), ctypes.c_double(xtol)
    counts = ctypes.c_int(10), ctypes.c_int(calls)
    return int(entries.call_convergence(_pointer(numbers), _pointer(state), *tolerances, *counts))


def test_reductions_of_random_steps(entries: ctypes.CDLL) -> None:
    """The model's ||f + J p|| and the residual's decide, as in sec. 4."""
    rng = np.random.default_rng(90)
    for case in range(300):
        n = int(rng.integers(1, 7))
        r = rng.standard_normal((n + case % 3, n))
        r[np.tril_indices_from(r, -1)] = np.nan
        ipvt = (rng.permutation(n) + 1).tolist()
        p = rng.standard_normal(n)
        before, after, length, par = (10 ** rng.uniform(-1, 0.9, 4)).tolist()
        region = Region(fnorm=before, par=par)
        got = measure_reductions(entries, Step(length, after), region, r, ipvt, p)
        linear = np.linalg.norm(np.triu(r[:n]) @ p[np.array(ipvt) - 1]) / before
        damped = par * (length / before) ** 2
        actual = (before - after) * (before + after) / before**2
        actual = actual if after < 10 * before else -1.0
        want = Step(length, after, actual, linear**2 + 2 * damped, -(linear**2) - damped)
        want = want._replace(ratio=want.actual / want.predicted)
        np.testing.assert_allclose(got, want, rtol=100 * ROUNDING, atol=ROUNDING, err_msg=str(case))


def test_reductions_by_hand(entries: ctypes.CDLL) -> None:
    """||J p|| = 5, par = 9 and ||D p|| = 2 beside ||f|| = 10, which falls to 6."""
    r = np.array([[3.0, 2.0], [np.nan, -4.0]])
    region = Region(fnorm=10.0, par=9.0)
    got = measure_reductions(entries, Step(2.0, 6.0), region, r, [2, 1], np.array([-1.0, 5 / 3]))
    want = Step(2.0, 6.0, 0.64, 0.25 + 0.72, -0.25 - 0.36, 0.64 / 0.97)
    np.testing.assert_allclose(got, want, rtol=ROUNDING)


@pytest.mark.parametrize("after", [below(10.0), 10.0, above(10.0), 1e300, math.inf, math.nan])
def test_ten_times_the_norm_is_a_failed_step(entries: ctypes.CDLL, after: float) -> None:
    got = measure_reductions(entries, Step(1.0, after), Region(), np.eye(1), [1], np.ones(1))
    assert got.actual == (1 - after * after if after < 10 else -1)


def test_step_that_predicts_nothing_gains_nothing(entries: ctypes.CDLL) -> None:
    got = measure_reductions(entries, Step(0.0, 0.5), Region(), np.eye(2), [1, 2], np.zeros(2))
    assert got == Step(0.0, 0.5, 0.75, 0.0, 0.0, 0.0)


def factor(step: Step, fnorm: float) -> float:
    """Return mu of the algorithm, by which the radius shrinks.

    It minimises the parabola through ||f||^2 with slope 2 gamma and ||f(x + p)||^2.
    """
    if step.actual >= 0:
        least = 0.5
    else:
        least = step.slope / (2 * step.slope + step.actual)
    return 0.1 if step.fnorm >= 10 * fnorm else min(max(least, 0.1), 0.5)


@pytest.mark.parametrize("ratio", [-1e9, 0.0, *around(0.25)])
@pytest.mark.parametrize("after", [0.5, *around(10.0), 1e9])
def test_radius_shrinks(entries: ctypes.CDLL, ratio: float, after: float) -> None:
    """By at most ten, also relative to ten steps; the parameter grows by as much."""
    actuals = (-1e3, -7.9, -4.0, -1.0, -1e-3, -0.0, 0.0, 1e-3, 0.9)
    for actual, delta in itertools.product(actuals, (0.3, 20.0, 30.0)):
        step, region = Step(2.0, after, actual, ratio=ratio), Region(delta=delta, par=3.0)
        mu = factor(step, region.fnorm)
        want = region._replace(delta=mu * min(delta, 20.0), par=3.0 / mu)
        want = want if ratio <= 0.25 else region
        assert update_radius(entries, step, region) == pytest.approx(want, rel=ROUNDING), step


@pytest.mark.parametrize("slope", [-100.0, -3.0, -1.0, -0.2, -0.1, -1e-6, 0.0])
def test_shrinking_follows_the_slope(entries: ctypes.CDLL, slope: float) -> None:
    step = Step(1.0, 1.4, -0.96, 1.0, slope, -0.96)
    mu = factor(step, 1.0)
    got = update_radius(entries, step, Region(delta=1.0, par=1.0))
    assert (got.delta, got.par) == pytest.approx((mu, 1 / mu), rel=ROUNDING)


@pytest.mark.parametrize("ratio", [above(0.25), 0.5, *around(0.75), 1.0, 2.0, math.inf])
def test_radius_grows_or_stays(entries: ctypes.CDLL, ratio: float) -> None:
    """Twice the step from 3/4 on, and after every good enough Gauss-Newton step."""
    for par, actual in itertools.product((0.0, 5e-324, 4.0), (-0.5, 0.5)):
        step, region = Step(3.0, 0.5, actual, ratio=ratio), Region(delta=7.0, par=par)
        grows = ratio >= 0.75 or par == 0
        want = region._replace(delta=6.0, par=par / 2) if grows else region
        assert update_radius(entries, step, region) == want, (step, region)


def test_ratio_that_is_no_number_changes_nothing(entries: ctypes.CDLL) -> None:
    assert update_radius(entries, Step(ratio=math.nan), Region()) == Region()


def code(step: Step, region: Region, ftol: float, xtol: float, calls: int) -> int:
    """Return the exit code: the sum of the successes, else the last of the failures, or none."""

    def no_reduction(tolerance: float) -> bool:
        return max(abs(step.actual), step.predicted) <= tolerance and step.ratio <= 2

    success = 1 * no_reduction(ftol) + 2 * (region.delta <= xtol * region.xnorm)
    failures = {
        5: calls >= 10,
        6: no_reduction(EPS),
        7: region.delta <= EPS * region.xnorm,
        8: region.gnorm <= EPS,
    }
    return success or max((info for info, failed in failures.items() if failed), default=0)


BORDERS = {
    "actual": (*around(-1e-3), *around(1e-3), *around(-EPS), *around(EPS), 0.0, 1.0),
    "predicted": (*around(1e-3), *around(EPS), 0.0, 1.0),
    "ratio": (*around(2.0), -1.0, 0.0, 1.0),
    "delta": (*around(3 * 2.0**-7), *around(3 * EPS), 0.0, 1.0),
    "gnorm": (*around(EPS), 0.0, 1.0),
    "calls": (0, 9, 10, 11),
}
"""At and beside every bound of ftol 1e-3, xtol 2^-7, ||D x|| 3 and 10 evaluations."""


@pytest.mark.parametrize(
    ("ftol", "xtol", "met"),
    [(1e-3, 2.0**-7, {0, 1, 2, 3, 5, 8}), (0.0, 0.0, {0, 1, 2, 3, 5, 6, 7, 8})],
)
def test_stop_tests_around_every_bound(
    entries: ctypes.CDLL, ftol: float, xtol: float, met: set[int]
) -> None:
    """Success before failure, both successes together, and the last failure first."""
    quiet, codes = dict.fromkeys(BORDERS, 1.0) | {"calls": 0}, set()
    for names in itertools.combinations(BORDERS, 3):
        for values in itertools.product(*(BORDERS[name] for name in names)):
            case = quiet | dict(zip(names, values, strict=True))
            step = Step(actual=case["actual"], predicted=case["predicted"], ratio=case["ratio"])
            region = Region(xnorm=3.0, delta=case["delta"], gnorm=case["gnorm"])
            use = (step, region, ftol, xtol, int(case["calls"]))
            got = ending(entries, *use)
            assert got == code(*use), case
            codes.add(got)
    assert codes == met
