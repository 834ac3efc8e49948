"""qrfac against the 1980 library, to the last bit."""

from collections.abc import Callable

import numpy as np
import pytest
from reference import FILL, FILL_INT, FloatArray, Library, assert_same

Maker = Callable[[np.random.Generator, int, int], FloatArray]

SIZES = [(1, 1), (2, 1), (2, 2), (3, 2), (5, 5), (9, 4), (12, 12), (17, 9), (30, 7), (43, 19)]
LARGE = [(150, 40), (64, 64), (37, 90), (2100, 5)]
WIDE = [(1, 2), (1, 6), (2, 3), (4, 9), (7, 8), (5, 20)]


def dense(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return rng.standard_normal((m, n))


def scaled_columns(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return dense(rng, m, n) * 10 ** rng.uniform(-12, 12, n)


def scaled_elements(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return dense(rng, m, n) * 10 ** rng.uniform(-30, 30, (m, n))


def tiny_or_huge(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return dense(rng, m, n) * 10.0 ** rng.choice([-310, -160, 100, 150])


def zero_columns(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    a = dense(rng, m, n)
    a[:, rng.random(n) < 0.4] = rng.choice([0.0, -0.0])
    return a


def duplicated_columns(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return dense(rng, m, n)[:, rng.integers(0, n, n)] * rng.choice([-2.0, -1.0, 1.0, 1.0], n)


def rank_deficient(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    rank = int(rng.integers(1, max(2, min(m, n))))
    a: FloatArray = (dense(rng, m, rank)[:, :, None] * dense(rng, rank, n)).sum(axis=1)
    return a


def small_integers(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return rng.integers(-2, 3, (m, n)).astype(float)


def sparse(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    return dense(rng, m, n) * (rng.random((m, n)) < 0.3)


def nearly_parallel(rng: np.random.Generator, m: int, n: int) -> FloatArray:
    """Columns whose partial norms fall far in the first step, some to near the limit of accuracy.

    Just at that limit (7e-8 of the norm) the 1980 literal of the machine epsilon decides;
    a test of its own has these.
    """
    close, border = 10 ** rng.uniform(-11, -1, n), rng.choice([4.0, 5.0, 9.0, 11.0], n) * 1e-8
    distance = np.where(rng.random(n) < 0.5, close, border)
    distance[(distance > 5.5e-8) & (distance < 8e-8)] = 1e-7
    a = dense(rng, m, 1) + distance * dense(rng, m, n)
    return a * 2.0 ** rng.integers(-3, 4, n)


MAKERS = [
    dense,
    scaled_columns,
    scaled_elements,
    tiny_or_huge,
    zero_columns,
    duplicated_columns,
    rank_deficient,
    small_integers,
    sparse,
    nearly_parallel,
]


@pytest.mark.parametrize("pivot", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_random_matrices(native_api: Library, original: Library, make: Maker, pivot: bool) -> None:
    rng = np.random.default_rng(42)
    for case in range(30):
        for m, n in SIZES + WIDE + LARGE * (case == 0):
            a, padding = make(rng, m, n), int(rng.integers(0, 3))
            want = original.qrfac(a, pivot, padding)
            assert_same(native_api.qrfac(a, pivot, padding), want, (case, a))


@pytest.mark.parametrize("pivot", [True, False])
@pytest.mark.parametrize("n", [3840, 3841, 7700])
def test_more_columns_than_there_is_scratch_for(
    native_api: Library, original: Library, n: int, pivot: bool
) -> None:
    """Columns are then taken in blocks; the last are the longest, and half of them are copies."""
    rng = np.random.default_rng(43)
    a = dense(rng, 7, n) * np.linspace(1.0, 2.0, n)
    a[:, n // 2 :] = a[:, : n - n // 2] + 1e-9 * a[:, n // 2 :]
    a[:, rng.integers(n, size=9)] = 0.0
    assert_same(native_api.qrfac(a, pivot), original.qrfac(a, pivot))


@pytest.mark.parametrize("pivot", [True, False])
def test_rows_past_m_and_unused_ipvt_stay(native_api: Library, pivot: bool) -> None:
    a = np.random.default_rng(1).standard_normal((4, 3))
    factor = native_api.qrfac(a, pivot, padding=2)
    assert (factor.a[4:] == FILL).all()
    assert (factor.a[:4] != a).all()
    assert pivot or (factor.ipvt == FILL_INT).all()


def test_pivots_are_one_based_and_the_first_of_equals(native_api: Library) -> None:
    a = np.array([[1.0, 0.0, 2.0, 0.0], [0.0, -2.0, 0.0, 1.0]])
    assert native_api.qrfac(a).ipvt.tolist() == [2, 3, 1, 4]


def test_all_zero_matrix(native_api: Library) -> None:
    factor = native_api.qrfac(np.zeros((3, 2)))
    assert_same(factor.a, np.zeros((3, 2), order="F"))
    assert_same(factor.rdiag, np.array([-0.0, -0.0]))
    assert_same(factor.acnorm, np.zeros(2))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_columns_interchanged_carry_their_reference_norms(
    native_api: Library, original: Library, sign: float
) -> None:
    """An exchanged column's exact norm moves with its partial norm."""
    rng = np.random.default_rng(5)
    for case in range(600):
        a = dense(rng, 6, 4) * 10.0 ** rng.permutation([0, 3, 5, 8])
        a[:, rng.integers(4)] *= sign * 1e-9
        mixture = rng.integers(4)
        a += a[:, [mixture]] * rng.choice([0.0, 1.0, 1e4], 4)
        assert_same(native_api.qrfac(a), original.qrfac(a), (case, a))


@pytest.mark.parametrize("steps", range(1, 60))
def test_norms_are_recomputed_by_the_rule(
    native_api: Library, original: Library, steps: int
) -> None:
    """A partial norm is recomputed if 0.05 s^2 <= eps, s being its ratio to the exact one.

    Beside the pivot 4 e1 stands (c, r, 0) with c = 1 - steps 2^-53 and r such that the norm rounds
    to 1, scaled. Then s = sqrt(1 - c^2) is known to the last bit, r is a little larger, and
    the third column's norm lies between them: whether it is next tells whether the norm was r or s.
    """
    rng, unit, sides = np.random.default_rng(7), 2.0**-53, set()
    c, r, between = 1 - steps * unit, *np.sqrt((2 * steps + np.array([0.8, 0.4])) * unit)
    for scale in (1.0, *rng.uniform(1, 2, 40 if steps == 20 else 4)):
        for library in (native_api, original):
            a = np.diag([4.0, r * scale, between * scale])
            a[0, 1] = c * scale
            factor = library.qrfac(a)
            norm, cosine = factor.acnorm[1], a[0, 1] / factor.acnorm[1]
            share = norm * np.sqrt(1 - cosine * cosine) / norm
            rule = 0.05 * (share * share) / library.dpmpar(1)
            sides.add(np.sign(rule - 1))
            if abs(share / np.sqrt(2 * steps * unit) - 1) < 1e-12:
                assert factor.ipvt.tolist() == ([1, 2, 3] if rule <= 1 else [1, 3, 2])
    assert steps != 20 or sides == {-1.0, 1.0}


def test_python_wrapper(original: Library) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(6)
    for make in MAKERS:
        for m, n in SIZES + WIDE:
            a = make(rng, m, n)
            for pivot in (True, False):
                want = original.qrfac(a, pivot)
                ipvt = want.ipvt - np.intc(1) if pivot else np.arange(n, dtype=np.intc)
                got = minpack.qrfac(a, pivot)
                assert_same(tuple(got), (want.a, ipvt, want.rdiag, want.acnorm), a)
