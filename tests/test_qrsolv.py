"""qrsolv against the 1980 library, to the last bit."""

import numpy as np
import pytest
from reference import FILL, FloatArray, IntArray, Library, assert_same
from support import through_c

System = tuple[FloatArray, IntArray, FloatArray, FloatArray]


def _system(rng: np.random.Generator, n: int, integers: bool = False) -> System:
    """R in an array with random numbers below it and up to two rows more, ipvt, diag, qtb."""
    shape = (n + int(rng.integers(0, 3)), n)
    if integers:
        r, (diag, qtb) = rng.integers(-2, 3, shape) * 1.0, rng.integers(-2, 3, (2, n)) * 1.0
    else:
        r, (diag, qtb) = rng.standard_normal(shape), rng.standard_normal((2, n))
    ipvt = (rng.permutation(n) + 1).astype(np.intc)
    return np.asfortranarray(r), ipvt, diag, qtb


def _compare(native_api: Library, original: Library, system: System) -> None:
    assert_same(native_api.qrsolv(*system), original.qrsolv(*system), system)


def test_random_systems(native_api: Library, original: Library) -> None:
    rng = np.random.default_rng(20)
    for _ in range(2500):
        r, ipvt, diag, qtb = _system(rng, int(rng.integers(1, 13)))
        diag *= 10 ** rng.uniform(-6, 6)
        _compare(native_api, original, (r, ipvt, diag, qtb))


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.9])
def test_large_systems(native_api: Library, original: Library, zeros: float) -> None:
    """Several rows of D are rotated at a time; some of them are zero and are skipped."""
    rng = np.random.default_rng(27)
    for n in (*range(14, 30), 33, 64, 65):
        r, ipvt, diag, qtb = _system(rng, n)
        r *= 10 ** rng.uniform(-3, 3, r.shape)
        r[rng.random(r.shape) < zeros / 2] = 0.0
        diag[rng.random(n) < zeros] = 0.0
        _compare(native_api, original, (r, ipvt, diag, qtb))


@through_c
def test_widely_scaled_systems(native_api: Library, original: Library) -> None:
    """Both quotients of a rotation occur, down to those whose square is negligible beside 1."""
    rng = np.random.default_rng(21)
    for _ in range(2500):
        n = int(rng.integers(1, 9))
        r, ipvt, diag, qtb = _system(rng, n)
        r *= 10 ** rng.uniform(-9, 9, r.shape)
        diag *= 10 ** rng.uniform(-9, 9, n)
        _compare(native_api, original, (r, ipvt, diag, qtb))


@through_c
def test_zeros_on_both_diagonals(native_api: Library, original: Library) -> None:
    rng = np.random.default_rng(22)
    for _ in range(3000):
        n = int(rng.integers(1, 10))
        r, ipvt, diag, qtb = _system(rng, n)
        diag[rng.random(n) < 0.5] = rng.choice([0.0, -0.0])
        zeros = np.flatnonzero(rng.random(n) < 0.3)
        r[zeros, zeros] = 0.0
        _compare(native_api, original, (r, ipvt, diag, qtb))


@through_c
@pytest.mark.parametrize("n", [600, 2000, 3841])
def test_more_rows_than_there_is_scratch_for(
    native_api: Library, original: Library, n: int
) -> None:
    """Fewer rows of D are rotated at once, then one, then one where S's diagonal is to be."""
    rng = np.random.default_rng(28)
    r, ipvt, diag, qtb = _system(rng, n)
    diag[rng.random(n) > 12 / n] = 0.0
    _compare(native_api, original, (r, ipvt, diag, qtb))


@through_c
def test_small_integers(native_api: Library, original: Library) -> None:
    """Equal magnitudes, exact zeros, singular S, and zeros of both signs."""
    rng = np.random.default_rng(23)
    for _ in range(6000):
        _compare(native_api, original, _system(rng, int(rng.integers(1, 7)), integers=True))


@pytest.mark.parametrize(("r", "d"), [(3.0, 4.0), (-3.0, 4.0), (4.0, -3.0), (-4.0, -3.0)])
def test_one_unknown(native_api: Library, r: float, d: float) -> None:
    """Minimises (r x - b)^2 + (d x)^2; S has the sign of its larger element."""
    matrix, ipvt = np.array([[r]]), np.array([1], np.intc)
    x, sdiag, s = native_api.qrsolv(matrix, ipvt, np.array([d]), np.array([10.0]))
    larger = r if abs(r) > abs(d) else d
    assert x[0] == pytest.approx(10 * r / 25, rel=1e-15)
    assert sdiag[0] == pytest.approx(np.copysign(5.0, larger), rel=1e-15)
    assert s[0, 0] == r


@pytest.mark.parametrize(("r", "d"), [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
def test_equal_magnitudes_keep_the_sign_of_r(
    native_api: Library, original: Library, r: float, d: float
) -> None:
    system = (np.array([[r]]), np.array([1], np.intc), np.array([d]), np.array([2.0]))
    _compare(native_api, original, system)
    assert np.sign(native_api.qrsolv(*system)[1][0]) == r


def test_only_the_square_below_the_diagonal_is_written(native_api: Library) -> None:
    rng = np.random.default_rng(24)
    r = np.full((5, 3), FILL, order="F")
    r[:3] = rng.standard_normal((3, 3))
    system = (np.array([2, 3, 1], np.intc), rng.standard_normal(3), rng.standard_normal(3))
    after = native_api.qrsolv(r, *system)[2]
    assert (after[3:] == FILL).all()
    assert_same(np.triu(after[:3]), np.triu(r[:3]))
    assert (np.tril(after[:3], -1) != np.tril(r[:3], -1)).sum() == 3


def test_solution_against_a_dense_solve(native_api: Library) -> None:
    """The rotations solve [R P^T; D] x = [qtb; 0], and S^T S = P^T (R^T R + D^2) P."""
    rng = np.random.default_rng(25)
    for n in range(1, 10):
        r, ipvt, diag, qtb = _system(rng, n)
        x, sdiag, s = native_api.qrsolv(r, ipvt, diag, qtb)
        upper, permuted = np.triu(r[:n]), diag[ipvt - 1]
        stacked = np.vstack([upper, np.diag(permuted)])
        want = np.linalg.lstsq(stacked, np.concatenate([qtb, np.zeros(n)]))[0]
        lower = np.tril(s[:n], -1) + np.diag(sdiag)
        np.testing.assert_allclose(x[ipvt - 1], want, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(lower @ lower.T, stacked.T @ stacked, rtol=0, atol=1e-12)


def test_python_wrapper(original: Library) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(26)
    for case in range(400):
        r, ipvt, diag, qtb = _system(rng, int(rng.integers(1, 9)), integers=case % 2 == 0)
        r = r[: r.shape[1]]
        want = original.qrsolv(r, ipvt, diag, qtb)
        got = minpack.qrsolv(r, ipvt - 1, diag, qtb)
        assert_same(got, want, case)
