"""The 53 runs of Moré, Garbow and Hillstrom, with and without derivatives, to the last bit."""

import sys
from typing import Any

import numpy as np
import pytest
from mgh import PROBLEMS, RUNS, Run
from reference import (
    EPS_1980,
    CLibrary,
    Library,
    Settings,
    assert_same,
    bundled,
    missing,
)

DIFFERENCE_ERROR = 2e-7
"""Central differences with a relative step of 1e-6 against analytic derivatives."""
PUBLISHED_DIGITS = 2e-6
"""The paper prints sums of squares with six digits."""

BEST = {
    (1, 5, 10): 5.0,
    (1, 5, 50): 45.0,
    (2, 5, 10): 10 * 9 / (2 * 21),
    (2, 5, 50): 50 * 49 / (2 * 101),
    (3, 5, 10): (100 + 30 - 6) / (2 * 17),
    (3, 5, 50): (2500 + 150 - 6) / (2 * 97),
    (4, 2, 2): 0.0,
    (5, 3, 3): 0.0,
    (6, 4, 4): 0.0,
    (7, 2, 2): 48.9842,
    (8, 3, 15): 8.21487e-3,
    (9, 4, 11): 3.07505e-4,
    (10, 3, 16): 87.9458,
    (11, 6, 31): 2.28767e-3,
    (11, 9, 31): 1.39976e-6,
    (11, 12, 31): 4.72238e-10,
    (12, 3, 10): 0.0,
    (13, 2, 10): 124.362,
    (14, 4, 20): 85822.2,
    (15, 8, 8): 3.51687e-3,
    (15, 9, 9): 0.0,
    (15, 10, 10): 6.50395e-3,
    (16, 10, 10): 0.0,
    (16, 30, 30): 0.0,
    (16, 40, 40): 0.0,
    (17, 5, 33): 5.46489e-5,
    (18, 11, 65): 4.01377e-2,
}
"""Sums of squares that the paper gives for (problem, n, m), reached from the standard start.

One for n = 1, m = 8 of problem 15 is not in the paper.
"""


each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
each_routine = pytest.mark.parametrize("routine", ["lmdif", "lmder"])


def test_number_of_runs() -> None:
    assert len(RUNS) == len({run.name for run in RUNS}) == 53
    assert {run.number for run in RUNS} == set(PROBLEMS) == set(range(1, 19))


@each_run
def test_jacobian(run: Run) -> None:
    """Analytic derivatives against central differences, at the start and near it."""
    rng = np.random.default_rng(1)
    for _ in range(3):
        x = run.x0 + 0.01 * rng.uniform(0.1, 1, run.n) * np.maximum(1, np.abs(run.x0))
        residual, jacobian = run.values(x)
        assert residual.shape == (run.m,)
        assert jacobian.shape == (run.m, run.n)
        for j in range(run.n):
            step = np.zeros(run.n)
            step[j] = 1e-6 * max(1.0, abs(x[j]))
            change = run.residual(x + step) - run.residual(x - step)
            scale = np.abs(jacobian[:, j]).max() + np.abs(residual).max() * 1e-3
            error = np.abs(change / (2 * step[j]) - jacobian[:, j]).max()
            assert error <= DIFFERENCE_ERROR * max(scale, 1.0)


@each_routine
@np.errstate(all="ignore")
def test_all_runs_give_the_bits_of_the_original(
    native_api: Library, original: Library, routine: str
) -> None:
    """With the driver's tolerances, and the difference step from the 1980 epsilon."""
    same = 0
    for run in RUNS:
        got, want = (
            getattr(library, routine)(run.evaluate, run.x0, run.m, Settings())
            for library in (native_api, original)
        )
        assert_same(got, want, run.name)
        same += 1
    assert same == 53


@np.errstate(all="ignore")
def test_known_sums_of_squares(native_library: Any) -> None:
    """With derivatives; differences lose Watson's first unknown, which stays near zero."""
    native_api = CLibrary(native_library, "leastsq_{}")
    for (number, n, m), best in BEST.items():
        run = Run(number, n, m, 1)
        fit = native_api.lmder(run.evaluate, run.x0, m, Settings())
        assert (fit.fvec**2).sum() == pytest.approx(best, rel=PUBLISHED_DIGITS, abs=1e-20), run


def _scipy_leastsq() -> Any:
    """Return SciPy's function, from a version whose qrfac is right."""
    try:
        import scipy
        from scipy.optimize import leastsq
    except ImportError as error:
        missing(f"SciPy is not installed: {error}")
    if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 18):
        reason = f"SciPy {scipy.__version__}: before 1.18 its qrfac differs from MINPACK's"
        if sys.version_info < (3, 12):
            pytest.skip(f"{reason}, and 1.18 needs Python 3.12")
        missing(reason)
    return leastsq


@each_routine
@np.errstate(all="ignore")
def test_all_runs_give_the_bits_of_scipy(routine: str) -> None:
    """Everything but cov_x, with default settings.

    The system's MINPACK differences with its own literal of the epsilon, which is then
    asked of SciPy, too.
    """
    from leastsq import leastsq

    reference, same = _scipy_leastsq(), 0
    epsfcn = {} if bundled() else {"epsfcn": EPS_1980}
    for run in RUNS:
        if routine == "lmder":
            ours = leastsq(run.residual, run.x0, Dfun=run.jacobian, full_output=True)
            want = reference(run.residual, run.x0, Dfun=run.jacobian, full_output=True)
        else:
            ours = leastsq(run.residual, run.x0, full_output=True)
            want = reference(run.residual, run.x0, full_output=True, **epsfcn)
        assert list(ours[2]) == list(want[2])
        assert_same((ours[0], *ours[2:]), (want[0], *want[2:]), run.name)
        same += 1
    assert same == 53
