"""covar against cminpack's, to the last bit (Debian's MINPACK has none)."""

import numpy as np
import pytest
from reference import FILL, CLibrary, FloatArray, IntArray, Library, assert_same


def _factor(rng: np.random.Generator, n: int) -> tuple[FloatArray, IntArray]:
    """R with a falling diagonal in an array with up to two more rows, and ipvt."""
    r = rng.standard_normal((n + int(rng.integers(0, 3)), n))
    r[np.arange(n), np.arange(n)] *= np.sort(10 ** rng.uniform(-8, 3, n))[::-1]
    return np.asfortranarray(r), (rng.permutation(n) + 1).astype(np.intc)


@pytest.mark.parametrize("tol", [0.0, 1e-12, 1e-5, 1e-2, 1.0])
def test_random_factors(native_api: Library, cminpack: CLibrary, tol: float) -> None:
    rng = np.random.default_rng(60)
    for case in range(600):
        r, ipvt = _factor(rng, int(rng.integers(1, 12)))
        assert_same(native_api.covar(r, ipvt, tol), cminpack.covar(r, ipvt, tol), (case, r, ipvt))


@pytest.mark.parametrize("tol", [0.0, 1e-3])
def test_zeros_on_the_diagonal(native_api: Library, cminpack: CLibrary, tol: float) -> None:
    """The rank ends at the first zero; the first of all may be zero."""
    rng = np.random.default_rng(61)
    for case in range(1500):
        n = int(rng.integers(1, 8))
        r, ipvt = _factor(rng, n)
        zeros = np.flatnonzero(rng.random(n) < 0.3)
        r[zeros, zeros] = rng.choice([0.0, -0.0])
        assert_same(native_api.covar(r, ipvt, tol), cminpack.covar(r, ipvt, tol), (case, r, ipvt))


def test_small_integers(native_api: Library, cminpack: CLibrary) -> None:
    """Diagonals equal to tol times the first in magnitude, and zeros of both signs."""
    rng = np.random.default_rng(62)
    for case in range(3000):
        n = int(rng.integers(1, 6))
        r = np.asfortranarray(rng.integers(-2, 3, (n, n)).astype(float))
        ipvt, tol = (rng.permutation(n) + 1).astype(np.intc), float(rng.choice([0.0, 0.5, 1.0]))
        assert_same(native_api.covar(r, ipvt, tol), cminpack.covar(r, ipvt, tol), (case, r, ipvt))


def test_inverse_of_the_normal_matrix(native_api: Library) -> None:
    rng = np.random.default_rng(63)
    for n in range(1, 8):
        jacobian = rng.standard_normal((n + 4, n))
        factor = native_api.qrfac(jacobian)
        r = factor.a.copy(order="F")
        r[np.arange(n), np.arange(n)] = factor.rdiag
        covariance = native_api.covar(r, factor.ipvt, 0.0)
        want = np.linalg.inv(jacobian.T @ jacobian)
        np.testing.assert_allclose(covariance[:n], want, rtol=1e-9, atol=1e-12)
        assert_same(covariance[n:], r[n:])


def test_below_the_tolerance_is_zero(native_api: Library) -> None:
    r, ipvt = np.diag([-4.0, 2.0, 1.0]), np.array([3, 1, 2], np.intc)
    assert_same(native_api.covar(r, ipvt, 0.25), np.diag([0.25, 0.0, 0.0625]))
    assert_same(native_api.covar(r, ipvt, 0.24), np.diag([0.25, 1.0, 0.0625]))


def test_rows_past_n_stay(native_api: Library) -> None:
    r = np.full((4, 2), FILL, order="F")
    r[:2] = [[2.0, 1.0], [0.0, 1.0]]
    assert (native_api.covar(r, np.array([1, 2], np.intc), 0.0)[2:] == FILL).all()


def test_python_wrapper(cminpack: CLibrary) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(64)
    for case in range(300):
        r, ipvt = _factor(rng, int(rng.integers(1, 9)))
        r, tol = r[: r.shape[1]], float(rng.choice([0.0, 1e-3]))
        want = cminpack.covar(r, ipvt, tol)
        assert_same(minpack.covar(r, ipvt - 1, tol), want, case)
