"""lmdif and lmder on random problems against the 1980 library, to the last bit."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from random_problems import Problem
from reference import EPS_1980, FloatArray, Library, Settings, assert_same, bundled

PROBLEMS = 500

each_routine = pytest.mark.parametrize("routine", ["lmdif", "lmder"])


def _fit(library: Library, routine: str, problem: Problem, use: Settings) -> Any:
    return getattr(library, routine)(problem, problem.x0, problem.m, use)


def _compare(
    libraries: tuple[Library, Library], routine: str, seed: int, stop_at: int = 0, **changes: Any
) -> tuple[Any, list[tuple[int, bytes, bytes]]]:
    """Compare fits and the arguments of all callbacks; return ours."""
    ours, theirs = Problem(seed, stop_at), Problem(seed, stop_at)
    use = ours.settings.replace(**changes)
    fit = _fit(libraries[0], routine, ours, use)
    assert_same(fit, _fit(libraries[1], routine, theirs, use), (routine, seed, stop_at, use))
    assert ours.calls == theirs.calls, (routine, seed, stop_at)
    return fit, ours.calls


@each_routine
@np.errstate(all="ignore")
def test_random_problems(native_api: Library, original: Library, routine: str) -> None:
    """Results and the sequence of points are the original's; every exit code occurs."""
    endings = Counter(
        _compare((native_api, original), routine, seed)[0].info for seed in range(PROBLEMS)
    )
    assert set(endings) == set(range(1, 9)), endings


def _scripted(
    library: Library, start: tuple[float, float], trial: tuple[float, float], use: Settings
) -> tuple[Any, list[bytes]]:
    """Solve with the residual `start` at 0, `trial` elsewhere, and the Jacobian (1, 0)^T."""
    points: list[bytes] = []

    def evaluate(iflag: int, x: FloatArray, fvec: Any, fjac: Any) -> int:
        points.append(x.tobytes())
        if iflag == 2:
            fjac[:] = [[1.0], [0.0]]
        else:
            fvec[:] = trial if x[0] else start
        return 0

    return library.lmder(evaluate, np.zeros(1), 2, use), points


@pytest.mark.parametrize("ratio", [0.0, 1e-4, 0.25, 0.75, 1.0, 2.0])
@pytest.mark.parametrize(("ftol", "xtol"), [(0.0, 0.0), (1.5, 0.0), (0.0, 0.5), (0.0, 2.0)])
def test_gain_ratios_at_the_borders(
    native_api: Library, original: Library, ratio: float, ftol: float, xtol: float
) -> None:
    """The residual (a, b) at the start has norm 32, so the predicted reduction is (a/32)^2.

    The residual (a, c) at the trial point makes the actual one that times the ratio, about
    or exactly; since a stays, the next step shows the radius.
    """
    use, exact = Settings(maxfev=5, ftol=ftol, xtol=xtol), 0
    for a in np.linspace(1, 17, 33):
        for off in (0.0, -1e-12, 1e-12, -1e-3, 1e-3, -5e-3, 5e-3):
            squares = a * a, 1024 - a * a, 1024 - (1 + ratio * (1 + off)) * a * a
            _, b, c = (float(root) for root in np.sqrt(squares))
            start, trial = (float(a), b), (float(a), c)
            got, want = (_scripted(lib, start, trial, use) for lib in (native_api, original))
            assert_same(got, want, (a, off))
            before, after = (original.enorm(np.array(f)) for f in (start, trial))
            actual, predicted = 1 - (after / before) ** 2, (a / before) ** 2
            exact += bool(actual == ratio * predicted)
    assert exact > 0 or ratio == 1e-4


@pytest.mark.parametrize("ftol", [0.0, 1.0, 1.5, 200.0])
def test_tenfold_growth_of_the_residual_is_a_failed_step(
    native_api: Library, original: Library, ftol: float
) -> None:
    """Then the actual reduction counts as -1, and the radius shrinks to a tenth."""
    use = Settings(maxfev=5, ftol=ftol, xtol=0.0)
    for growth in (1.0, 2.0, np.nextafter(10, 0), 10.0, np.nextafter(10, 11), 11.0, 1e3):
        got, want = (
            _scripted(lib, (1.0, 0.0), (0.0, float(growth)), use) for lib in (native_api, original)
        )
        assert_same(got, want, growth)
        assert growth < 10 or (got[0].info == 1) == (ftol >= 1)


def test_prediction_that_underflows(native_api: Library, original: Library) -> None:
    """The gain ratio is zero then, and the step a failed one."""
    use = Settings(maxfev=5, ftol=0.0, xtol=0.0)
    for trial in ((0.0, 1.0), (0.0, 0.5), (0.0, 3.0), (0.0, 20.0)):
        got, want = (_scripted(lib, (1e-200, 1.0), trial, use) for lib in (native_api, original))
        assert_same(got, want, trial)


@each_routine
@pytest.mark.parametrize("nprint", [1, 2, 3])
@np.errstate(all="ignore")
def test_iterates_shown(native_api: Library, original: Library, routine: str, nprint: int) -> None:
    for seed in range(60):
        fit, calls = _compare((native_api, original), routine, seed, nprint=nprint)
        shown = [x for iflag, x, _ in calls if iflag == 0]
        assert len(shown) >= 2
        assert shown[-1] == fit.x.tobytes()


@each_routine
@pytest.mark.parametrize("nprint", [0, 1, 2])
@np.errstate(all="ignore")
def test_user_stops_at_each_call(
    native_api: Library, original: Library, routine: str, nprint: int
) -> None:
    """The exit code is the user's, x the last accepted point; the final report cannot stop."""
    for seed in (1, 2, 3, 5, 6):
        _, calls = _compare((native_api, original), routine, seed, nprint=nprint)
        total = min(len(calls), 60)
        for stop_at in range(1, total + 1):
            fit, _ = _compare((native_api, original), routine, seed, stop_at, nprint=nprint)
            closing = nprint > 0 and stop_at == len(calls)
            assert (fit.info == -stop_at - 10) != closing


@each_routine
@pytest.mark.parametrize("nprint", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        {"ftol": -1e-300},
        {"xtol": -1e-300},
        {"gtol": -1e-300},
        {"maxfev": 0},
        {"maxfev": -1},
        {"factor": 0.0},
        {"factor": -1.0},
        {"padding": -1},
        {"diag": (1.0, 0.0, 1.0)},
        {"diag": (1.0, 1.0, -1.0)},
    ],
    ids=str,
)
def test_improper_settings(
    native_api: Library, original: Library, routine: str, nprint: int, change: dict[str, Any]
) -> None:
    """Nothing is computed, and the reports of nprint are the original's."""
    seed = next(seed for seed in range(100) if Problem(seed).n == 3)
    fit, calls = _compare((native_api, original), routine, seed, **{"nprint": nprint, **change})
    assert fit[:3] == (0, 0, 0)
    assert [iflag for iflag, *_ in calls] == [0] * nprint


@each_routine
@pytest.mark.parametrize(("m", "n"), [(2, 3), (0, 1), (0, 0), (3, 0)])
def test_improper_sizes(
    native_api: Library, original: Library, routine: str, m: int, n: int
) -> None:
    fits = [
        getattr(library, routine)(Problem(1), np.ones(n), m, Settings())
        for library in (native_api, original)
    ]
    assert_same(*fits)
    assert fits[0].info == 0


@np.errstate(all="ignore")
def test_lmder1(native_api: Library, original: Library) -> None:
    for seed in range(100):
        problem, tol = Problem(seed), [1e-8, 0.0, 1e-3][seed % 3]
        got, want = (
            library.lmder1(problem, problem.x0, problem.m, tol)
            for library in (native_api, original)
        )
        assert_same(got, want, seed)
        assert got[0] in range(1, 8)


@np.errstate(all="ignore")
def test_lmdif1(native_api: Library, original: Library) -> None:
    """It is lmdif with documented settings; the difference step is of the library's own epsilon."""
    for library in (native_api, original):
        for seed in range(100):
            problem, tol = Problem(seed), [1e-8, 0.0, 1e-3][seed % 3]
            use = Settings(ftol=tol, xtol=tol, epsfcn=0.0)
            want = library.lmdif(problem, problem.x0, problem.m, use)
            info = 4 if want.info == 8 else want.info
            got = library.lmdif1(problem, problem.x0, problem.m, tol)
            assert_same(got, (info, want.x, want.fvec), seed)


@pytest.mark.parametrize("routine", ["lmdif1", "lmder1"])
@pytest.mark.parametrize(("tol", "lacking"), [(-1e-300, 0), (1e-8, 1)])
def test_improper_arguments_of_the_simple_drivers(
    native_api: Library, original: Library, routine: str, tol: float, lacking: int
) -> None:
    problem = Problem(1)
    got, want = (
        getattr(library, routine)(problem, problem.x0, problem.m, tol, lacking)
        for library in (native_api, original)
    )
    assert_same(got, want)
    assert got[0] == 0
    assert not problem.calls


def test_default_step_is_that_of_the_exact_epsilon(native_api: Library) -> None:
    """Any epsfcn below the machine epsilon, as the 1980 literal is, counts as the epsilon."""
    if not bundled():
        pytest.skip("the system library has the literal")
    problem = Problem(3)
    fits = [
        native_api.lmdif(problem, problem.x0, problem.m, Settings(epsfcn=epsfcn))
        for epsfcn in (0.0, -1.0, np.finfo(float).eps, EPS_1980)
    ]
    assert_same(fits[0], fits[1])
    assert_same(fits[0], fits[2])
