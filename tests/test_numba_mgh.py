"""The 53 runs of Moré, Garbow and Hillstrom as numba functions: the bits of calls from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from asking import asks
from mgh import RUNS, Run
from programs import need_modules
from reference import assert_same
from support import Array, but_cov, scipy_leastsq

from leastsq import CompiledResidual, leastsq, leastsq_many
from leastsq.minpack import enorm

pytestmark = asks

need_modules("numba")

import mgh_numba  # noqa: E402
import mgh_numba_jacobians  # noqa: E402

ROUNDING = 64 * np.finfo(np.float64).eps
"""Of the largest element of a column: up to 40 terms are added in another order than NumPy's, and
its exp may be 4 units in the last place away from that of libm."""

SIZES = list(dict.fromkeys(run[:3] for run in RUNS))
"""Problem number, n and m."""

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "/".join(map(str, size)))
each_kind = pytest.mark.parametrize("analytic", [False, True], ids=["differences", "analytic"])


def functions(run: Run) -> tuple[Any, Any]:
    """Return the residual and the Jacobian, which have the name of mgh.py's function."""
    name = run.problem.values.__name__
    return getattr(mgh_numba, name), getattr(mgh_numba_jacobians, name)


def fit(solve: Callable[..., tuple], func: Any, x0: Array, m: int, Dfun: Any) -> tuple:
    return solve(func, x0, (m,), Dfun=Dfun, full_output=True)


def from_python(func: Any) -> Callable[..., Array]:
    """Return a Python function that calls a compiled one."""
    return lambda *args: func(*args)


@each_run
def test_values(run: Run) -> None:
    """They are the problems of mgh.py, near the start, with both signs and with a zero first."""
    for sign in (1.0, -1.0, 0.0):
        x = run.x0 * 1.01 + 0.005
        x[0] *= sign
        for func, want in zip(functions(run), run.values(x), strict=True):
            got, scale = func(x, run.m), np.abs(want).max(axis=0)
            scale = np.where(scale == 0.0, 1.0, scale)
            np.testing.assert_allclose(got / scale, want / scale, rtol=0.0, atol=ROUNDING)


@each_kind
@each_run
def test_leastsq(run: Run, analytic: bool) -> None:
    """Every part of the full output, cov_x too."""
    func, jacobian = functions(run)
    Dfun = jacobian if analytic else None
    got = fit(leastsq, CompiledResidual(func), run.x0, run.m, Dfun)
    Dfun = from_python(jacobian) if analytic else None
    assert_same(got, fit(leastsq, from_python(func), run.x0, run.m, Dfun))


@each_kind
@each_run
def test_scipy(run: Run, analytic: bool) -> None:
    """Every part but cov_x."""
    func, jacobian = functions(run)
    Dfun = jacobian if analytic else None
    got = fit(leastsq, CompiledResidual(func), run.x0, run.m, Dfun)
    assert_same(but_cov(got), but_cov(fit(scipy_leastsq(), func, run.x0, run.m, Dfun)))


@pytest.mark.filterwarnings("ignore:9 fits")
@each_kind
@each_size
def test_leastsq_many(size: tuple[int, int, int], analytic: bool) -> None:
    """Three starts and two near each fill the lanes of a vector."""
    runs = [Run(*size, start) for start in (1, 2, 3)]
    starts = np.stack([run.x0 * stretch for run in runs for stretch in (1.0, 1.05, 0.9)])
    (func, jacobian), m = functions(runs[0]), size[2]
    got = leastsq_many(func, starts, args=m, Dfun=jacobian if analytic else None)
    assert not got.errors
    for k, x0 in enumerate(starts):
        Dfun = from_python(jacobian) if analytic else None
        x, cov_x, infodict, _, ier = fit(leastsq, from_python(func), x0, m, Dfun)
        assert_same(got.x[k], x, k)
        assert_same(got.cov_x[k], np.full((x.size,) * 2, np.nan) if cov_x is None else cov_x, k)
        norm = enorm(infodict["fvec"])
        assert_same(got.ssq[k], norm * norm, k)
        counts = infodict["nfev"], infodict.get("njev", 0)
        assert (got.ier[k], got.nfev[k], got.njev[k]) == (ier, *counts), k
        assert got.success[k] == (ier in (1, 2, 3, 4)), k


def test_one_signature() -> None:
    """All residuals have one and all Jacobians have one, which Python calls too."""
    residuals, jacobians = zip(*map(functions, RUNS), strict=True)
    for kind in (residuals, jacobians):
        for func, run in zip(kind, RUNS, strict=True):
            func(run.x0, run.m)
        assert len({tuple(func.nopython_signatures) for func in kind}) == 1
        assert len(kind[0].nopython_signatures) == 1
