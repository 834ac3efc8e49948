"""`LevenbergMarquardt`: leastsq's bits, answers in any order, and its attributes."""

from __future__ import annotations

import numpy as np
import pytest
from asking import Solve, answer, asked, asks, at, each_kind, quiet_result, state, wanted
from mgh import RUNS
from reference import assert_same, bits
from support import START, Array, decay

from leastsq import leastsq

pytestmark = asks


# The bits


@each_kind
@np.errstate(all="ignore")
def test_all_mgh_runs(analytic: bool) -> None:
    same = 0
    for run in RUNS:
        solve = Solve(run.x0, run.m, analytic=analytic)
        while solve.request is not None:
            answer(solve, run)
        got, want = quiet_result(solve), wanted(run, analytic)
        assert_same(got, want, run.name)
        assert list(got[2]) == list(want[2])
        assert_same((solve.x, solve.fvec, solve.nfev, solve.ier), (*want[:1], want[2]["fvec"],
                    want[2]["nfev"], want[4]), run.name)  # fmt: skip
        same += 1
    assert same == 53


@np.errstate(all="ignore")
def test_points_one_by_one_in_any_order_and_twice() -> None:
    rng = np.random.default_rng(9)
    for run in RUNS[::3]:
        solve = Solve(run.x0, run.m)
        while (points := solve.ask()) is not None:
            order = rng.permutation(len(points))
            for i, j in enumerate(order):
                values = run.residual(points[j])
                if i + 1 < len(points):  # the last one ends the round
                    solve.tell(points[j : j + 1], np.full((1, run.m), 3.0))
                    if i % 2:  # a pair, one of them for the second time
                        pair = [order[i - 1], j]
                        solve.tell(points[pair], [run.residual(points[k]) for k in pair])
                solve.tell(points[[j]], [values])
        assert_same(quiet_result(solve), wanted(run, analytic=False), run.name)


@pytest.mark.parametrize(
    "options",
    [
        {"ftol": 1e-3}, {"xtol": 1e-2, "ftol": 0.0}, {"gtol": 0.1}, {"maxfev": 5}, {"maxfev": -3},
        {"epsfcn": 1e-6}, {"epsfcn": 0.0}, {"epsfcn": np.nan}, {"factor": 0.1},
        {"diag": [1.0, 2.0, 3.0]}, {"ftol": 0.0, "xtol": 0.0, "gtol": 0.0},
    ],
    ids=str,
)  # fmt: skip
@each_kind
def test_options_are_leastsqs(options: dict[str, object], analytic: bool) -> None:
    run = next(run for run in RUNS if run.number == 8)
    solve = Solve(run.x0, run.m, analytic=analytic, **options)
    while solve.request is not None:
        answer(solve, run)
    assert_same(solve.result(), wanted(run, analytic, **options))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_epsfcn_follows_the_type_first_told(dtype: type) -> None:
    def rounded(p: Array) -> np.ndarray:
        return (100.0 * decay(p)).astype(dtype)

    solve = Solve(START, 40)
    first = True
    while (points := solve.ask()) is not None:
        values = np.array([rounded(point) for point in points])
        solve.tell(points, values if first else values.astype(np.float64))
        first = False
    want = leastsq(rounded, START, full_output=True)
    assert_same(quiet_result(solve), want)


def test_scalar_start_and_one_residual() -> None:
    solve = Solve(3, 1)
    while (points := solve.ask()) is not None:
        assert points.shape == (1, 1)
        solve.tell(points, points - 2.0)
    assert_same(solve.result(), leastsq(lambda p: p - 2.0, 3, full_output=True))


def test_values_that_are_not_finite_are_a_failed_step() -> None:
    def walled(p: Array) -> Array:
        return decay(p) if p[1] < 1.5 else np.full(40, np.nan)

    solve = Solve(START, 40)
    failed = 0
    while (points := solve.ask()) is not None:
        values = np.array([walled(point) for point in points])
        failed += bool(np.isnan(values).any())
        solve.tell(points, values)
    assert failed > 0
    assert solve.ier in (1, 2, 3)
    assert_same(solve.result(), leastsq(walled, START, full_output=True))


def test_an_end_that_is_no_solution_warns_at_the_callers_line() -> None:
    solve = Solve(START, 40)
    solve.tell(solve.ask(), np.full((1, 40), np.inf))
    solve.tell(solve.ask(), np.ones((3, 40)))
    assert solve.ier == 4
    with pytest.warns(RuntimeWarning, match="ier is 4, but x is no solution") as caught:
        assert solve.result()[1] is None
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "x0", [[1.0, np.inf, np.inf], [np.inf, 1.0, np.inf], [np.nan, np.nan], [-np.inf, np.inf, 2.0]],
    ids=str,
)
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@np.errstate(invalid="ignore")
def test_parameters_that_are_not_finite(x0: list[float], at_once: bool) -> None:
    """The points of several columns are x itself then: told once each, they are those columns."""

    def func(p: Array) -> Array:
        return np.append(np.tanh(p), 1.0)

    solve = Solve(x0, len(x0) + 1)
    while (points := solve.ask()) is not None:
        if at_once:
            solve.tell(points, [func(point) for point in points])
            continue
        for point in points:
            solve.tell([point], [func(point)])
    assert_same(solve.result(), leastsq(func, x0, full_output=True))


def test_an_infinite_parameter_is_no_point_without_its_step() -> None:
    solve = Solve([-np.inf, 1.0], 3)
    solve.tell(solve.ask(), [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="was not asked"):
        solve.tell([[-np.inf, 1.0]], [[1.0, 2.0, 3.0]])


# Attributes


def test_what_is_shown_on_the_way() -> None:
    steps, seen = 0, []
    for solve, request in asked():
        before = state(solve)
        assert state(solve) == before  # reading requests and attributes changes nothing
        points = solve.ask()
        assert (points is None) == (request is None) == (solve.ier is not None)
        if solve.nfev == 0:
            assert solve.fvec is None
            assert_same(points, np.array([START]))
        else:
            assert_same(solve.fvec, decay(solve.x))
        assert solve.nit in (steps, steps + 1)
        assert solve.njev == 0
        steps = solve.nit
        seen.append(solve.nfev)
    assert steps > 3
    assert seen == sorted(seen)
    assert seen[-1] == leastsq(decay, START, full_output=True)[2]["nfev"]


def test_what_is_returned_is_fresh() -> None:
    solve = at("differences")
    before = state(solve)
    for array in (solve.ask(), solve.x, solve.fvec, solve.result()[0], solve.result()[2]["fjac"]):
        assert array.flags.c_contiguous
        assert array.flags.owndata
        assert array.flags.writeable
        array[:] = 7.0
    assert state(solve) == before


def test_what_is_told_is_not_kept_or_changed() -> None:
    solve = Solve(START, 40)
    while (points := solve.ask()) is not None:
        values = np.array([decay(point) for point in points])
        told = points.copy(), values.copy()
        for array in (*told, points, values):
            array.flags.writeable = False
        solve.tell(points, values)
        assert_same((points, values), told)
        for array in (points, values):
            array.flags.writeable = True
            array[:] = np.nan
    assert_same(solve.result(), leastsq(decay, START, full_output=True))


@each_kind
def test_result_before_the_end(analytic: bool) -> None:
    """R and its permutation belong to the last complete Jacobian."""
    factors = None
    for solve, request in asked(analytic):
        if solve.nfev == 0:
            with pytest.raises(RuntimeError, match="first residual"):
                solve.result()
            continue
        points = solve.ask()
        if request == "residual" and len(points) > 1:
            solve.tell(points[1:2], [decay(points[1])])
        x, cov_x, infodict, message, ier = solve.result()
        if request is None:
            assert ier == solve.ier
            break
        assert (ier, message) == (-2, "not finished")
        assert_same((x, infodict["fvec"], infodict["nfev"]), (solve.x, solve.fvec, solve.nfev))
        assert ("njev" in infodict) == analytic
        if infodict["nfev"] == 1 and solve.njev == 0:
            assert cov_x is None
            assert not any(infodict[name].any() for name in ("fjac", "ipvt", "qtf"))
        else:
            assert cov_x is not None
            wants_jacobian = request == "jacobian" or len(points) > 1
            now = bits([infodict[name] for name in ("fjac", "ipvt", "qtf")]), bits(cov_x)
            assert factors == now or not wants_jacobian
            factors = now


def test_repr() -> None:
    shown = [repr(solve) for solve, _ in asked()]
    assert shown[0] == "<LevenbergMarquardt: 0 steps, 0 evaluations, asks for a residual>"
    assert "ended with ier 1" in shown[-1]
    assert "asks for a jacobian" in repr(at("jacobian"))
