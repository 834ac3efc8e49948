"""What a fit says of itself where there is something to say: ier, cov_x, success, warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from asking import asks
from decays import both
from reference import bundled
from support import SAME_STEP, Array

from leastsq import leastsq, leastsq_many, minpack

T = np.arange(12.0) / 8.0
Y = 1.0 / (1.0 + T)
ONE = np.eye(12)[3]
POWERS = np.vander(np.arange(12.0), 7)

VAGUE = 1e6
"""A standard error so many times the parameter says that the data do not determine it."""

Function = Callable[[Array], Array]


class Case(NamedTuple):
    """A problem, what is to be said of its fit, and why that is right.

    func and dfun take one problem's parameters, or those of several as columns, and use no
    mathematical library, so that the verdict is the same everywhere. The covariance is "finite",
    "vague" (standard errors beyond all sense), "infinite", or undefined (None). finite tells
    whether x, the norm of the residual and the Jacobian are.
    """

    func: Function
    x0: list[float]
    ier: int
    covariance: str | None
    why: str
    finite: bool = True
    dfun: Function | None = None
    options: dict[str, float] = {}  # noqa: RUF012  (never changed)


def join(*parts: Array) -> Array:
    """Join samples that are numbers, or columns with a row a problem."""
    return np.concatenate([np.atleast_1d(part) for part in parts], axis=-1)


def columns(p: Array, *parts: Array) -> Array:
    """Return a Jacobian, (M, N) or (S, M, N); columns that do not depend on p may be (M,)."""
    full = [0.0 * p[0] + part for part in parts]
    return np.stack(full, axis=-1)


def rosenbrock(p: Array, constant: float = 0.0) -> Array:
    return join(10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0], 0.0 * p[0] + constant)


def polynomial(p: Array) -> Array:
    return sum((p[i] * POWERS[:, i] for i in range(7)), -Y)


def saturated(p: Array) -> Array:
    return p[0] / (1.0 + np.abs(p[0])) * T - 2.0 * T


CASES = {
    # Ill-conditioned
    "a polynomial in powers": Case(
        polynomial, [0.0] * 7, 2, "finite",
        "R is regular; what its condition costs is within cov_x's error bound",
        dfun=lambda p: columns(p, *POWERS.T),
    ),
    "columns that differ by 1e-12": Case(
        lambda p: p[0] * T + p[1] * (T * (1.0 + 1e-12)) - Y, [0.0, 0.0], 1, "vague",
        "R is regular to the last bit; the standard errors say what that is worth",
    ),
    # Rank-deficient
    "a sum alone is determined, by differences": Case(
        lambda p: (p[0] + p[1]) * T - Y, [1.0, 2.0], 1, "vague",
        "rounding makes the two columns differ, in MINPACK too; the standard errors tell",
    ),
    "a sum alone is determined": Case(
        lambda p: (p[0] + p[1]) * ONE - Y, [1.0, 2.0], 3, None,
        "R has a zero: the sum is found, but its parts have no covariance",
        dfun=lambda p: columns(p, ONE, ONE),
    ),
    "a parameter without effect": Case(
        lambda p: p[0] * T + 0.0 * p[1] - Y, [1.0, 2.0], 3, None,
        "a column of zeros: the parameter stays where it began and has no covariance",
        dfun=lambda p: columns(p, T, 0.0 * T),
    ),
    "a constant residual": Case(
        lambda p: 0.0 * p[0] + Y, [1.0, 2.0], 4, None,
        "the gradient is zero: every point is a minimum",
    ),
    "level at infinity": Case(
        saturated, [1.0], 1, "vague",
        "the sum of squares falls no more; the standard error is 1e7 times x",
    ),
    # Zero residual
    "Rosenbrock's function": Case(
        rosenbrock, [-1.2, 1.0], 2, "finite", "the residual is zero and J regular",
    ),
    "begun at the solution": Case(
        lambda p: p[0] * T - 2.0 * T, [2.0], 4, "finite", "a zero residual is orthogonal to J",
    ),
    # Badly scaled
    "parameters of 1e6 and 1e-6": Case(
        lambda p: join(p[0] - 1e6, p[1] - 2e-6, p[0] * p[1] - 2.0), [1.0, 1.0], 2, "finite",
        "diag follows the columns",
    ),
    "a sum of squares that overflows": Case(
        lambda p: 1e200 * (p[0] * T - Y), [1.0], 4, "finite",
        "the norm does not, and x is right; ssq is inf, cov_x rounds to zero",
        dfun=lambda p: columns(p, 1e200 * T),
    ),
    "a covariance that overflows": Case(
        lambda p: 1e-200 * (p[0] * T - Y), [1.0], 3, "infinite",
        "R is regular and x is right; the inverse of R^T R is no double",
        dfun=lambda p: columns(p, 1e-200 * T),
    ),
    "a slope that differences do not see": Case(
        lambda p: 1e-200 * p[0] * T - Y, [1.0], 4, None, "1 - 1e-200 is 1: it looks constant",
    ),
    "denormal residuals": Case(
        lambda p: 5e-324 * (p[0] * T - Y), [1.0], 4, "infinite",
        "they have no digits for a difference",
    ),
    # No success
    "too few evaluations": Case(
        rosenbrock, [-1.2, 1.0], 5, None, "x is still on its way", options={"maxfev": 5},
    ),
    "a minimum at infinity": Case(
        lambda p: T / p[0], [1.0], 5, None, "every step doubles x, as far as maxfev",
        options={"maxfev": 100},
    ),
    "ftol and xtol of zero": Case(
        lambda p: rosenbrock(p, 2.0), [-1.2, 1.0], 6, None,
        "x is a minimum, but by none of the tests that were asked for",
        options={"ftol": 0.0, "xtol": 0.0},
    ),
    "a Jacobian of the wrong sign": Case(
        lambda p: p[0] * T - Y, [3.0], 2, "finite",
        "every step fails until none is left: MINPACK believes Dfun, and chkder tests it",
        dfun=lambda p: columns(p, -T),
    ),
    "a step below the last bit": Case(
        lambda p: p[0] * T - Y, [3.0], 7, None, "the same, and xtol asks for less than a bit",
        dfun=lambda p: columns(p, -T), options={"ftol": 0.0, "xtol": 0.0},
    ),
    "a cosine below the precision": Case(
        lambda p: join(1e-17 * p[0], 0.0 * p[0] + 1.0), [1.0], 8, None,
        "the residual is orthogonal to J as far as doubles tell, gtol asks for more",
        options={"ftol": 0.0, "xtol": 0.0},
    ),
    # Not finite
    "NaN in the data": Case(
        lambda p: p[0] * T - np.where(T > 1.0, np.nan, Y), [1.0], 4, None,
        "MINPACK's gradient test ends at x0, which is no solution", finite=False,
    ),
    "an infinite sample": Case(
        lambda p: join(0.0 * p[0] + np.inf, p[0]), [1.0], 4, None,
        "no step makes the norm finite", finite=False,
    ),
    "undefined at x0": Case(
        lambda p: np.sqrt(-p[0]) * T, [1.0], 4, None, "there is nothing to begin with",
        finite=False,
    ),
    "undefined beyond zero": Case(
        lambda p: np.sqrt(p[0]) * T - 0.001 * T, [4.0], 2, "finite",
        "steps to where it is NaN fail, and shorter ones find the minimum",
    ),
    "a norm that overflows": Case(
        lambda p: 1.5e308 * (p[0] + 0.1 * T), [1.0], 4, None,
        "every value is finite, their norm is not", finite=False,
    ),
    "x goes to infinity": Case(
        lambda p: join(1.0 / (1.0 + p[0] * 1e-307), 0.1 + 0.0 / p[0]), [1.7e308], 2, None,
        "the residual is finite there, but x is no solution", finite=False,
        dfun=lambda p: columns(p, np.array([-5e-310, 0.0])),
    ),
    "an infinite slope at x0": Case(
        lambda p: np.sqrt(np.abs(p[0])) * T - Y, [0.0], 4, None, "no step can be chosen",
        finite=False, dfun=lambda p: columns(p, T / np.sqrt(np.abs(p[0]))),
    ),
}  # fmt: skip

each_case = pytest.mark.parametrize("name", CASES)


def solve(case: Case, **how: object) -> tuple[tuple, list[str]]:
    """Fit a case by leastsq; return what it returns, and the warnings."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        result = leastsq(case.func, case.x0, Dfun=case.dfun, **SAME_STEP, **case.options, **how)
    assert {(w.category, w.filename) for w in caught} <= {(RuntimeWarning, __file__)}
    return result, [str(w.message) for w in caught]


def verdict(cov_x: Array | None, x: Array) -> str | None:
    """Return the word for a covariance; where it is undefined all of it is."""
    if cov_x is None or np.isnan(cov_x).all():
        return None
    errors = np.sqrt(np.diag(cov_x))
    if not np.isfinite(errors).all():
        return "infinite"
    return "vague" if (errors > VAGUE * (1.0 + np.abs(x))).any() else "finite"


@each_case
@pytest.mark.parametrize("full_output", [False, True], ids=["x and ier", "full output"])
def test_leastsq(name: str, full_output: bool) -> None:
    case = CASES[name]
    if not (case.finite or bundled()):
        pytest.skip("MINPACK's own treatment of non-finite values")
    result, texts = solve(case, full_output=full_output)
    x, ier = result[0], result[-1]
    assert ier == case.ier
    if not case.finite:
        assert [text.partition(";")[0] for text in texts] == [f"ier is {ier}, but x is no solution"]
    elif ier > 4 and not full_output:
        assert len(texts) == 1
    else:
        assert not texts
    if full_output:
        assert verdict(result[1], x) == case.covariance
    if case.finite:
        assert np.isfinite(x).all()


@asks
@each_case
def test_vectorized(name: str) -> None:
    case = CASES[name]
    (x, cov_x, _, _, ier), texts = solve(case, full_output=True, vectorized=True)
    assert (ier, verdict(cov_x, x)) == (case.ier, case.covariance)
    assert len(texts) == (not case.finite)


@asks
@both
@each_case
def test_many(name: str, vectorized: bool) -> None:
    case = CASES[name]
    success = case.finite and case.ier <= 4
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        result = leastsq_many(
            case.func, [case.x0] * 3, Dfun=case.dfun, vectorized=vectorized, **case.options
        )
    assert result.ier.tolist() == [case.ier] * 3
    assert result.success.tolist() == [success] * 3
    assert [w.filename for w in caught] == [__file__] * (not success)
    assert not result.errors
    with np.errstate(all="raise"):  # none of NumPy's warnings escapes
        absolute, estimated = result.standard_errors(True), result.standard_errors()
    for k in range(3):
        assert verdict(result.cov_x[k], result.x[k]) == case.covariance
        assert np.isnan(absolute[k]).all() == (case.covariance is None or result.dof[k] == 0)
        if np.isfinite(estimated[k]).all():
            assert (estimated[k] > VAGUE).any() == (case.covariance == "vague")
    assert repr(result).startswith(f"3 fits: {3 * success} converged")


def test_the_covariance_of_an_ill_conditioned_fit() -> None:
    """Beside the exact inverse of J^T J, whose elements are integers."""
    case = CASES["a polynomial in powers"]
    (_, cov_x, _, _, _), _ = solve(case, full_output=True)
    exact = inverse([[sum(int(a) * int(b) for a, b in zip(u, v, strict=True))
                      for v in POWERS.T] for u in POWERS.T])  # fmt: skip
    bound = 7 * np.finfo(float).eps * np.linalg.cond(POWERS / np.linalg.norm(POWERS, axis=0)) ** 2
    scale = np.sqrt(np.diag(exact))
    assert np.abs((cov_x - exact) / np.outer(scale, scale)).max() < bound < 1e-3


def inverse(rows: list[list[int]]) -> Array:
    """Invert a positive definite matrix exactly, by Gauss and Jordan."""
    n = len(rows)
    work = [[*map(Fraction, row), *(Fraction(i == j) for j in range(n))]
            for i, row in enumerate(rows)]  # fmt: skip
    for j in range(n):
        work[j] = [value / work[j][j] for value in work[j]]
        for i in set(range(n)) - {j}:
            work[i] = [a - work[i][j] * b for a, b in zip(work[i], work[j], strict=True)]
    return np.array([[float(value) for value in row[n:]] for row in work])


def test_a_wrong_jacobian_is_found_by_chkder() -> None:
    case = CASES["a Jacobian of the wrong sign"]
    assert case.dfun is not None
    x = np.array(case.x0)
    fvec, fvecp = case.func(x), case.func(minpack.chkder(x))
    assert (minpack.chkder(x, fvec, case.dfun(x), fvecp)[1:] < 0.5).all()
    assert (minpack.chkder(x, fvec, -case.dfun(x), fvecp)[1:] > 0.5).all()


class Weighted(NamedTuple):
    """Weights of the samples of a line, and what is to be said; one of the three fits has them."""

    weights: Array
    ier: int
    dof: int
    warning: str | None
    why: str


NOT_EVALUATED = "3 fits: 2 converged, 1 not evaluated: too few samples, or invalid weights"
WEIGHTED = {
    "wholly masked": Weighted(0.0 * T, 0, -2, None, "asked for: no fit, and no warning"),
    "fewer than N": Weighted(ONE, 0, -1, NOT_EVALUATED, "a line needs two samples"),
    "negative": Weighted(ONE - 0.5, 0, 10, NOT_EVALUATED, "1/sigma is positive"),
    "NaN": Weighted(T * np.nan, 0, 10, NOT_EVALUATED, "no uncertainty is NaN"),
    "infinite": Weighted(T + np.inf, 0, 10, NOT_EVALUATED, "no sample is exact"),
    "N samples": Weighted(ONE + np.eye(12)[7], 2, 0, None, "a fit; nothing estimates its errors"),
    "a NaN left out": Weighted(1.0 - ONE, 3, 9, None, "what has no weight can do no harm"),
}  # fmt: skip


@asks
@both
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights(name: str, vectorized: bool) -> None:
    case = WEIGHTED[name]
    data = np.stack([Y, np.where(ONE == 1.0, np.nan, Y) if "left out" in name else Y, Y])
    weights = np.stack([1.0 + 0.0 * T, case.weights, 1.0 + 0.0 * T])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = leastsq_many(
            lambda p, y: p[0] + p[1] * T - y, [1.0, 1.0], data=data, weights=weights,
            vectorized=vectorized,
        )  # fmt: skip
    assert [str(w.message) for w in caught] == ([case.warning] if case.warning else [])
    assert (result.ier[1], result.dof[1], result.success[1]) == (case.ier, case.dof, case.ier > 0)
    assert result.success[[0, 2]].all()
    assert np.isfinite(result.x).all()
    assert np.isnan(result.ssq[1]) == np.isnan(result.cov_x[1]).all() == (case.ier == 0)
    errors = result.standard_errors()
    assert np.isfinite(errors[[0, 2]]).all()
    assert np.isnan(errors[1]).all() == (case.ier == 0 or case.dof == 0)
    if case.ier == 0:
        assert (result.x[1] == 1.0).all()
        assert result.nfev[1] == 0
