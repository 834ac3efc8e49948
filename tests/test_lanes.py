"""Several matrices factored in the lanes of a vector: every lane has leastsq's bits."""

from __future__ import annotations

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, K, decay
from reference import assert_same
from support import Array

from leastsq import leastsq, leastsq_many

pytestmark = [asks, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

SIZES = [(1, 1), (2, 1), (2, 2), (3, 2), (5, 3), (7, 7), (8, 3), (9, 4), (20, 1), (17, 5), (31, 6),
         (33, 3), (40, 8), (64, 12), (70, 32), (70, 33), (1500, 2), (3000, 2)]  # fmt: skip
KINDS = ["plain", "zeros", "column of zeros", "equal columns", "equal norms", "nearly equal",
         "small", "large", "scaled", "not finite", "one pivot"]  # fmt: skip


def linear(p: Array, a: Array, y: Array) -> Array:
    """Residuals of a linear problem, the same operations for one and for several."""
    total = np.zeros(y.shape)
    for j in range(len(p)):
        total = total + a[..., j] * p[j]
    return total - y


def matrices(kind: str, count: int, m: int, n: int, rng: np.random.Generator) -> Array:
    """Return Jacobians, a third of them of this kind, the others random."""
    a = rng.standard_normal((count, m, n))
    some = rng.random(count) < 1 / 3
    if kind == "zeros":
        a[some] *= rng.random((some.sum(), m, n)) < 0.5
    elif kind == "column of zeros":
        a[some, :, rng.integers(n)] = 0.0
    elif kind == "equal columns":
        a[some, :, n - 1] = a[some, :, 0]
    elif kind == "equal norms":
        a[some] = a[some, :, :1] * rng.choice([-1.0, 1.0], (m, n))
    elif kind == "nearly equal":
        a[some] = a[some, :, :1] * (1.0 + 1e-9 * a[some])
        a[some, :, 0] *= 1.0 + 1e-3 * rng.standard_normal(m)
    elif kind == "small":
        a[some, :, rng.integers(n)] *= 1e-25
    elif kind == "large":
        a[some, :, rng.integers(n)] *= 3e19 / m
    elif kind == "scaled":
        a *= 10.0 ** rng.integers(-8, 8, (count, 1, n))
    elif kind == "not finite":
        a[some, rng.integers(m), rng.integers(n)] = np.array([np.nan, np.inf])[rng.integers(2)]
    elif kind == "one pivot":
        a *= 1.0 + 9.0 * (np.arange(n) == n // 2)
    return a


@pytest.mark.parametrize("kind", KINDS)
def test_every_lane_has_the_bits_of_leastsq(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    for m, n in SIZES:
        count = int(rng.integers(2, 60)) if m < 1000 else 3
        a = matrices(kind, count, m, n, rng)
        y = rng.standard_normal((count, m)) * 10.0 ** rng.integers(-3, 4, (count, 1))
        y[rng.random(count) < 0.1, 0] = np.nan
        with np.errstate(all="ignore"):
            result = leastsq_many(
                linear, np.ones(n), data=(a, y), Dfun=lambda p, a, y: a, vectorized=True, maxfev=4
            )
            for k in range(count):
                x, cov_x, infodict, _, ier = leastsq(
                    linear, np.ones(n), (a[k], y[k]), Dfun=lambda p, a, y: a, full_output=True,
                    maxfev=4,
                )  # fmt: skip
                at = (m, n, k)
                assert_same(result.x[k], x, at)
                counts = (result.ier[k], result.nfev[k], result.njev[k])
                assert counts == (ier, infodict["nfev"], infodict["njev"]), at
                if result.success[k] and cov_x is not None:
                    assert_same(result.cov_x[k], cov_x, at)


def test_slots_are_refilled() -> None:
    times = 4
    result = leastsq_many(decay, START, data=np.tile(DATA, (times, 1)), vectorized=True)
    for values in (result.x, result.cov_x, result.ssq, result.ier, result.nfev):
        parts = values.reshape(times, K, -1)
        for part in parts[1:]:
            assert_same(part, parts[0], "a problem at another place")
