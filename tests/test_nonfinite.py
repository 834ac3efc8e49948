"""Residuals and Jacobians that are not finite: at x0, in a Jacobian, at trial points."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from reference import assert_same
from support import (
    SAME_STEP,
    START,
    Array,
    Recorded,
    Sequence,
    but_cov,
    decay,
    decay_jacobian,
    own_nonfinite,
    scipy_leastsq,
)

from leastsq import leastsq

pytestmark = own_nonfinite

COSINE = (
    "The cosine of the angle between func(x) and any column of the\n"
    "  Jacobian is at most 0.000000 in absolute value"
)

BAD = pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
DFUNS = pytest.mark.parametrize("dfun", [None, decay_jacobian], ids=["differences", "dfun"])


def solve(*args: object, **options: object) -> tuple:
    """Fit with full output; the one warning must say that a value is not finite, and where."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = leastsq(*args, full_output=True, **options)
    assert [(w.category, w.filename) for w in caught] == [(RuntimeWarning, __file__)]
    assert "finite" in str(caught[0].message)
    assert (result[1], result[3], result[4]) == (None, COSINE, 4)
    return result


def spoiled(function: Callable, place: int | tuple, bad: float) -> Callable:
    """Return the function with one element of its result replaced."""

    def spoil(x: Array) -> Array:
        values = np.array(function(x))
        values[place] = bad
        return values

    return spoil


# The norm of the residual at x0


@BAD
@DFUNS
@pytest.mark.parametrize("rows", [[0], [20], [39], slice(None)], ids=str)
def test_a_residual_that_is_not_finite_at_x0(
    bad: float, dfun: Callable | None, rows: list | slice
) -> None:
    func, jacobian = Recorded(spoiled(decay, rows, bad)), Recorded(decay_jacobian)
    x, _, info, _, _ = solve(func, START, Dfun=dfun and jacobian)
    assert x.tolist() == START
    assert_same(info["fvec"], func.function(x))
    assert func.calls == info["nfev"]
    assert jacobian.calls == info.get("njev", 0)
    theirs = scipy_leastsq()(func.function, START, Dfun=dfun, full_output=True)
    assert (theirs[4], theirs[0].tolist()) == (4, START)
    counts = {"nfev", "njev"}
    assert {k: info[k] for k in info if k in counts} == {
        k: theirs[2][k] for k in theirs[2] if k in counts
    }


@BAD
@DFUNS
def test_a_residual_that_is_not_finite_at_x0_alone(bad: float, dfun: Callable | None) -> None:
    func = Sequence(spoiled(decay, 7, bad), decay)
    assert solve(func, START, Dfun=dfun)[0].tolist() == START


@DFUNS
def test_a_norm_that_overflows(dfun: Callable | None) -> None:
    def huge(x: Array) -> Array:
        return np.full(40, 1e308) * x[0]

    x, _, info, _, _ = solve(huge, START, Dfun=dfun)
    assert x.tolist() == START
    assert np.isfinite(info["fvec"]).all()


@BAD
def test_without_full_output_the_warning_is_the_same(bad: float) -> None:
    with pytest.warns(RuntimeWarning, match="finite") as caught:
        x, ier = leastsq(spoiled(decay, 3, bad), START)
    assert (len(caught), caught[0].filename) == (1, __file__)
    assert (x.tolist(), ier) == (START, 4)


def test_the_warning_can_be_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="finite"):
            leastsq(spoiled(decay, 3, np.nan), START)


COLUMN = "the Jacobian (an element, or the norm of a column)"


@pytest.mark.parametrize(
    ("residual", "column", "ier", "culprits"),
    [
        ([1.0, 2.0], [1.7e308, 1.7e308], 4, COLUMN),
        ([1.0, 2.0], [1.0, np.nan], 4, COLUMN),
        ([1.0, 2.0], [np.inf, 1.0], 4, COLUMN),
        ([1.7e308, 1e308], [1.0, 1.0], 4, "the norm of func(x)"),
        ([1.0, np.inf], [1.0, 1.0], 4, "func(x)"),
        ([1.0, -np.inf], [1.0, np.nan], 4, f"func(x), {COLUMN}"),
        ([1.0, 2.0], [1e308, 1e308], None, None),
    ],
)
def test_the_warning_says_what_is_not_finite(
    residual: list, column: list, ier: int | None, culprits: str | None
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, cov_x, _, _, ended = leastsq(
            lambda x: residual, 1.0, Dfun=lambda x: column, full_output=True
        )
    words = [f"ier is {ier}, but x is no solution; not finite: {culprits}."] if culprits else []
    assert [str(w.message) for w in caught] == words
    assert cov_x is None or not words
    assert ended == (ier or ended)


def test_a_solve_that_goes_to_infinity_is_no_success() -> None:
    """It ends as SciPy's does, with another ier than 4, and the warning says that x is infinite."""

    def func(x: Array) -> Array:
        return np.array([np.pi / 2 - np.arctan(x[0] * 1e-307), 0.1])

    options: dict = {"Dfun": lambda x: [[-5e-310], [0.0]], "full_output": True}
    with pytest.warns(RuntimeWarning, match="no solution; not finite: x") as caught:
        x, cov_x, _, _, ier = leastsq(func, 1.7e308, **options)
    assert [w.filename for w in caught] == [__file__]
    assert (abs(x[0]), cov_x) == (np.inf, None)
    assert ier != 4
    assert f"ier is {ier}," in str(caught[0].message)


# The Jacobian


@BAD
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("row", [0, 1, 2, 20, 39])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_the_first_jacobian(bad: float, column: int, row: int, col_deriv: bool) -> None:
    func, jacobian = Recorded(decay), spoiled(decay_jacobian, (row, column), bad)
    dfun = Recorded((lambda x: jacobian(x).T) if col_deriv else jacobian)
    x, _, info, _, _ = solve(func, START, Dfun=dfun, col_deriv=col_deriv)
    assert x.tolist() == START
    assert_same(info["fvec"], decay(x))
    assert (func.calls, dfun.calls) == (info["nfev"], info["njev"]) == (1, 1)


@BAD
@pytest.mark.parametrize("columns", [(0, 1), (1, 2), (0, 1, 2)])
def test_several_bad_columns(bad: float, columns: tuple) -> None:
    dfun = spoiled(decay_jacobian, (slice(None), list(columns)), bad)
    assert solve(decay, START, Dfun=dfun)[0].tolist() == START


@BAD
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("call", [2, 3, 5])
def test_a_later_jacobian(bad: float, column: int, call: int) -> None:
    good = [decay_jacobian] * (call - 1)
    dfun = Recorded(Sequence(*good, spoiled(decay_jacobian, (11, column), bad)))
    func = Recorded(decay)
    x, _, info, _, _ = solve(func, START, Dfun=dfun)
    assert (func.calls, dfun.calls) == (info["nfev"], info["njev"])
    assert dfun.calls == call
    # The last good x is the point of the bad Jacobian, which a successful step has reached.
    assert x.tolist() == dfun.xs[-1].tolist()
    assert_same(info["fvec"], decay(x))
    norms = [np.linalg.norm(decay(point)) for point in dfun.xs]
    assert norms == sorted(norms, reverse=True)


@BAD
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_difference_jacobian(bad: float, column: int, after: int) -> None:
    """The residual is bad only where one parameter is stepped, in the Jacobian number `after`."""
    plain = Recorded(decay)
    leastsq(plain, START)
    # The first four Jacobians of this fit are each followed by one trial step.
    call = 4 * after + column + 1
    func = Recorded(Sequence(*[decay] * call, spoiled(decay, 13, bad), decay))
    x, _, info, _, _ = solve(func, START)
    assert func.calls == info["nfev"]
    assert call < func.calls <= 4 * after + 4
    assert x.tolist() == plain.xs[4 * after].tolist()
    assert_same(info["fvec"], decay(x))


@BAD
def test_one_parameter(bad: float) -> None:
    assert solve(lambda x: x - [1.0, 2.0], 3.0, Dfun=lambda x: [bad, 1.0])[0].tolist() == [3.0]


# Trial points: failed steps, with SciPy's bits


def beyond(limit: float, bad: float) -> Callable:
    """Make a one-parameter residual that is good only above `limit`."""

    def func(x: Array) -> list[float]:
        if x[0] <= limit:
            return [1.0, bad, 0.5]
        return [np.log(x[0] - limit) - 1.0, 0.3 * x[0], 2.0]

    return func


@BAD
@pytest.mark.parametrize("limit", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("start", [9.0, 20.0, 300.0])
@pytest.mark.parametrize("with_dfun", [False, True])
def test_trial_points(bad: float, limit: float, start: float, with_dfun: bool) -> None:
    func = Recorded(beyond(limit, bad))
    options: dict = {"full_output": True} | SAME_STEP
    if with_dfun:
        options["Dfun"] = lambda x: [[1.0 / (x[0] - limit)], [0.3], [0.0]]
    ours = leastsq(func, start, **options)
    assert any(x[0] <= limit for x in func.xs)
    assert ours[0][0] > limit
    assert_same(but_cov(ours), but_cov(scipy_leastsq()(func.function, start, **options)))


@BAD
@DFUNS
@pytest.mark.parametrize("factor", [0.1, 100.0])
def test_nothing_but_bad_trial_points(bad: float, dfun: Callable | None, factor: float) -> None:
    """The radius shrinks until the solver gives up at x0, without a non-finite warning."""

    def func(x: Array) -> Array:
        near = np.abs(x - START).max() <= 2e-8
        return decay(x) if near else np.full(40, bad)

    options = {"Dfun": dfun, "factor": factor, "full_output": True} | SAME_STEP
    ours = leastsq(func, START, **options)
    assert np.isfinite(ours[2]["fvec"]).all()
    assert_same(but_cov(ours), but_cov(scipy_leastsq()(func, START, **options)))


@BAD
@pytest.mark.parametrize("call", [5, 9, 13, 17])
def test_one_bad_trial_point(bad: float, call: int) -> None:
    """Each of these calls of the unmodified fit is a trial point, after three differences."""
    plain = Recorded(decay)
    leastsq(plain, START, **SAME_STEP)
    point = plain.xs[call - 1].tolist()

    def func(x: Array) -> Array:
        return (spoiled(decay, 30, bad) if x.tolist() == point else decay)(x)

    options: dict = {"full_output": True} | SAME_STEP
    ours = leastsq(func, START, **options)
    assert ours[2]["nfev"] != plain.calls
    assert_same(but_cov(ours), but_cov(scipy_leastsq()(func, START, **options)))


@pytest.mark.parametrize("size", [1e155, 1e200, 1e300])
def test_trial_points_whose_squares_overflow(size: float) -> None:
    def func(x: Array) -> Array:
        return decay(x) * (size if x[0] > 1.5 else 1.0)

    ours = leastsq(func, START, full_output=True, **SAME_STEP)
    theirs = scipy_leastsq()(func, START, full_output=True, **SAME_STEP)
    assert_same(but_cov(ours), but_cov(theirs))
