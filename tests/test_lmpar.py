"""lmpar against the 1980 library, to the last bit."""

from typing import Any

import numpy as np
import pytest
from reference import FILL, Library, assert_same
from support import through_c

BOUND_TOLERANCE, RESTART_FRACTION, MOST_ITERATIONS = 0.1, 0.001, 10

UNDERFLOWING = (-307, -250), (-6, 6), (-60, 0), (-60, 250)
"""Decades of R, D, Q^T b and delta in which the bounds of the parameter are zero or nearly so."""

Case = tuple[Any, ...]


def _case(rng: np.random.Generator, n: int, rank: int | None = None, decades: float = 3) -> Case:
    """Make r (with rows past n, numbers below the diagonal), ipvt, diag, qtb, delta, par."""
    r = rng.standard_normal((n + int(rng.integers(0, 3)), n))
    r[:n] *= 10 ** rng.uniform(-decades, decades, (n, 1) if rng.random() < 0.5 else (1, n))
    for zero in range(n if rank is None else rank, n):
        r[zero, zero:] = 0.0
    ipvt = (rng.permutation(n) + 1).astype(np.intc)
    diag = 10 ** rng.uniform(-decades, decades, n) if rng.random() < 0.7 else np.ones(n)
    qtb = rng.standard_normal(n) * 10 ** rng.uniform(-decades, decades, n)
    par = float(10 ** rng.uniform(-6, 6)) if rng.random() < 0.5 else 0.0
    delta = float(10 ** rng.uniform(-decades - 2, decades + 1))
    return np.asfortranarray(r), ipvt, diag, qtb, delta, par


def _excess(case: Case, x: Any) -> float:
    """||D x|| - delta, in units of delta."""
    return float(np.linalg.norm(case[2] * x) / case[4] - 1)


def _compare(native_api: Library, original: Library, case: Case) -> tuple[Any, ...]:
    got = native_api.lmpar(*case)
    assert_same(got, original.lmpar(*case), case)
    return got


@pytest.mark.parametrize("decades", [0, 1, 3, 8])
def test_random_cases(native_api: Library, original: Library, decades: float) -> None:
    rng = np.random.default_rng(30)
    inside = bound = 0
    for _ in range(1500):
        case = _case(rng, int(rng.integers(1, 12)), decades=decades)
        par, x, *_rest = _compare(native_api, original, case)
        inside += par[0] == 0
        bound += par[0] > 0
        assert _excess(case, x) <= BOUND_TOLERANCE * 1.000001
    assert inside > 20
    assert bound > 500


@through_c
def test_newton_step_inside_the_bound(native_api: Library, original: Library) -> None:
    rng = np.random.default_rng(31)
    for _ in range(500):
        r, ipvt, diag, qtb, _, par = _case(rng, int(rng.integers(1, 9)))
        got = _compare(native_api, original, (r, ipvt, diag, qtb, 1e30, par))
        assert got[0] == 0
        assert (got[2] == FILL).all()
        assert_same(got[3], r)


@pytest.mark.parametrize(("qtb", "inside"), [(11.0, True), (np.nextafter(11.0, 12), False)])
def test_bound_may_be_exceeded_by_exactly_a_tenth(
    native_api: Library, original: Library, qtb: float, inside: bool
) -> None:
    one = np.ones(1)
    case = (np.ones((1, 1)), np.array([1], np.intc), one, np.array([qtb]), 10.0, 0.0)
    par, x, *_ = _compare(native_api, original, case)
    assert (par[0] == 0) == inside
    assert (x[0] == qtb) == inside


def test_parameter_on_entry_may_miss_the_bound_by_exactly_a_tenth(
    native_api: Library, original: Library
) -> None:
    """The first parameter, 1, gives the step 9 = 0.9 delta."""
    one = np.ones(1)
    case = (np.ones((1, 1)), np.array([1], np.intc), one, np.array([18.0]), 10.0, 1.0)
    par, x, *_ = _compare(native_api, original, case)
    assert (par[0], x[0]) == (1.0, 9.0)


@through_c
def test_singular(native_api: Library, original: Library) -> None:
    rng = np.random.default_rng(32)
    for _ in range(4000):
        n = int(rng.integers(1, 9))
        case = _case(rng, n, rank=int(rng.integers(0, n + 1)), decades=float(rng.choice([0, 2, 6])))
        _compare(native_api, original, case)


@through_c
def test_zeros_anywhere_on_the_diagonal(native_api: Library, original: Library) -> None:
    """The rank ends at the first zero, whatever stands after it."""
    rng = np.random.default_rng(33)
    for _ in range(3000):
        n = int(rng.integers(2, 8))
        r, *rest = _case(rng, n, decades=float(rng.choice([0, 2])))
        zeros = np.flatnonzero(rng.random(n) < 0.3)
        r[zeros, zeros] = rng.choice([0.0, -0.0])
        _compare(native_api, original, (r, *rest))


@through_c
def test_hard_cases(native_api: Library, original: Library) -> None:
    """Basic solution outside the bound, every regularised one inside: no parameter fits.

    Then par falls by the restart fraction until the step stagnates or ten iterations are over.
    """
    rng = np.random.default_rng(34)
    capped = 0
    for _ in range(1500):
        n = int(rng.integers(2, 6))
        r, ipvt, diag, qtb, _, par = _case(rng, n, rank=n - 1, decades=float(rng.choice([0, 3, 9])))
        r[: n - 1, n - 1] = 10 ** rng.uniform(-2, 4, n - 1) * rng.standard_normal(n - 1)
        upper = (r[:n] / diag[ipvt - 1])[: n - 1] * np.tri(n, n - 1, dtype=float).T
        least = np.linalg.norm(np.linalg.lstsq(upper, qtb[:-1])[0])
        basic = np.linalg.norm(np.linalg.solve(upper[:, :-1], qtb[:-1]))
        delta = float(np.exp(rng.uniform(*np.log([least, max(least, basic)]))))
        case = (r, ipvt, diag, qtb, delta, par)
        got = _compare(native_api, original, case)
        capped += _excess(case, got[1]) < -BOUND_TOLERANCE
    assert capped > 300


def _one_unknown(
    library: Library, r: float, d: float, q: float, delta: float, par: float
) -> tuple[float, float, int]:
    """Return par, x and iterations of Moré's algorithm (5.5) for n = 1, on the library's parts."""

    def norm(value: float) -> float:
        return library.enorm(np.array([value]))

    def solve(par: float) -> tuple[float, float]:
        damping = np.array([np.sqrt(par) * d])
        arrays = np.array([[r]]), np.array([1], np.intc), damping, np.array([q])
        x, s, _ = library.qrsolv(*arrays)
        return float(x[0]), float(s[0])

    smallest = library.dpmpar(2)
    x = q / r
    length = norm(d * x)
    phi = length - delta
    if phi <= BOUND_TOLERANCE * delta:
        return 0.0, x, 0
    slope = norm(d * (d * x / length) / r)
    lower, gradient = phi / delta / slope / slope, norm(r * q / d)
    upper = gradient / delta or smallest / min(delta, BOUND_TOLERANCE)
    par = min(max(par, lower), upper) or gradient / length
    for iteration in range(1, MOST_ITERATIONS + 1):
        par = par or max(smallest, RESTART_FRACTION * upper)
        previous, (x, s) = phi, solve(par)
        length = norm(d * x)
        phi = length - delta
        if abs(phi) <= BOUND_TOLERANCE * delta or iteration == MOST_ITERATIONS:
            break
        if lower == 0 and phi <= previous < 0:
            break
        slope = norm(d * (d * x / length) / s)
        lower = max(lower, par) if phi > 0 else lower
        upper = min(upper, par) if phi < 0 else upper
        par = max(lower, par + phi / delta / slope / slope)
    return par, x, iteration


@through_c
def test_parameters_that_underflow(native_api: Library, original: Library) -> None:
    """Where bounds and parameter underflow, the smallest normal number takes their place.

    The 1980 library's literal for it is 1e-13 off, so both are compared with the algorithm
    written out for one unknown, each with its own constant.
    """
    rng = np.random.default_rng(35)
    counts = set()
    for _ in range(6000):
        r, d, q, delta = (10.0 ** rng.uniform(*span) for span in UNDERFLOWING)
        if max(d / r, d * q / r, d * q / r / delta) > 1e300:
            continue
        par = float(rng.choice([0.0, 1e-315, 1e-300, 1.0]))
        case = np.array([[r]]), np.array([1], np.intc), np.array([d]), np.array([q]), delta, par
        for library in (native_api, original):
            want = _one_unknown(library, r, d, q, delta, par)
            got = library.lmpar(*case)
            assert_same((float(got[0][0]), float(got[1][0])), want[:2], case)
        counts.add(want[2])
    assert {0, 1, 2, 3, MOST_ITERATIONS} <= counts


def test_rows_past_n_stay(native_api: Library) -> None:
    rng = np.random.default_rng(36)
    _, ipvt, diag, qtb, _, _ = _case(rng, 3)
    r = np.full((5, 3), FILL, order="F")
    r[:3] = rng.standard_normal((3, 3))
    after = native_api.lmpar(r, ipvt, diag, qtb, 1e-3, 0.0)[3]
    assert (after[3:] == FILL).all()
    assert_same(np.triu(after[:3]), np.triu(r[:3]))


def test_python_wrapper(original: Library) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(37)
    bound = 0
    for index in range(400):
        n = int(rng.integers(1, 9))
        r, ipvt, diag, qtb, delta, par = _case(rng, n, rank=n - index % 2)
        r = r[:n]
        want = original.lmpar(r, ipvt, diag, qtb, delta, par)
        got = minpack.lmpar(r, ipvt - 1, diag, qtb, delta, par)
        assert_same(got[:2], (float(want[0][0]), want[1]), index)
        if got[0] > 0:
            assert_same(got[2:], want[2:], index)
            bound += 1
    assert bound > 200
