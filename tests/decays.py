"""Many decays, and how a fit of leastsq_many is compared with leastsq."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from reference import assert_same
from support import Array

from leastsq import LeastsqManyResult, leastsq

T = np.linspace(0.0, 4.0, 30)
RNG = np.random.default_rng(10)
K = 700
TRUTH = RNG.uniform([1.0, 0.5, 0.0], [4.0, 2.0, 1.0], (K, 3))
DATA = TRUTH[:, :1] * np.exp(-TRUTH[:, 1:2] * T) + TRUTH[:, 2:]
DATA += 0.05 * RNG.standard_normal(DATA.shape)
START = [1.0, 1.0, 0.0]

both = pytest.mark.parametrize("vectorized", [False, True], ids=["one by one", "vectorized"])


def decay(p: Array, y: Array) -> Array:
    """Residuals of a decay, for one problem or several."""
    return p[0] * np.exp(-p[1] * T) + p[2] - y


def slopes(p: Array, y: Array) -> Array:
    """Jacobian of `decay`, (..., M, N)."""
    e = np.exp(-p[1] * T)
    return np.stack(np.broadcast_arrays(e, -p[0] * T * e, np.ones_like(e)), axis=-1)


def one(k: int, func: Callable[..., object] = decay, **options: object) -> tuple:
    """Return leastsq's result for a problem."""
    return leastsq(func, START, (DATA[k],), full_output=True, **options)


def check(result: LeastsqManyResult, k: int, want: tuple, at: object = None) -> None:
    """Compare a problem's results with those of leastsq."""
    at = k if at is None else at
    x, cov_x, infodict, _, ier = want
    assert_same(result.x[at], x, k)
    assert (result.ier[at], result.nfev[at]) == (ier, infodict["nfev"]), k
    assert result.njev[at] == infodict.get("njev", 0)
    assert result.success[at] == (ier in (1, 2, 3, 4))
    if result.cov_x is not None:
        assert_same(result.cov_x[at], np.full((3, 3), np.nan) if cov_x is None else cov_x, k)
    assert result.ssq[at] == pytest.approx(np.sum(infodict["fvec"] ** 2), rel=1e-12)
