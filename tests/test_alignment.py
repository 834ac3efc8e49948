"""Arrays of the user's whose numbers do not stand at multiples of their size: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from asking import asks
from reference import assert_same
from support import DATA, START, TIMES, Array, decay, decay_jacobian

from leastsq import LevenbergMarquardt, curve_fit, leastsq, leastsq_many, minpack


def misaligned(values: Any) -> Any:
    """Copy an array to an odd address."""
    array = np.asarray(values)
    copy: Array = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    assert not copy.flags.aligned
    return copy


@pytest.mark.parametrize("col_deriv", [None, False, True])
def test_leastsq(col_deriv: bool | None) -> None:
    def jacobian(p: Array) -> Array:
        return decay_jacobian(p).T.copy() if col_deriv else decay_jacobian(p)

    options: dict[str, Any] = {"full_output": True}
    plain, odd = dict(options, diag=np.ones(3)), dict(options, diag=misaligned(np.ones(3)))
    if col_deriv is not None:
        plain |= {"Dfun": jacobian, "col_deriv": col_deriv}
        odd |= {"Dfun": lambda p: misaligned(jacobian(p)), "col_deriv": col_deriv}
    got = leastsq(lambda p: misaligned(decay(p)), misaligned(START), **odd)
    assert_same(got, leastsq(decay, START, **plain))


def test_building_blocks() -> None:
    a = np.random.default_rng(1).standard_normal((40, 7))
    r, order, diag, qtb = np.triu(a[:7]), np.arange(7), np.abs(a[8]), a[9]
    odd = [misaligned(array) for array in (r, order, diag, qtb)]
    assert_same(minpack.qrfac(misaligned(a)), minpack.qrfac(a))
    assert_same(minpack.qrsolv(*odd), minpack.qrsolv(r, order, diag, qtb))
    assert_same(minpack.lmpar(*odd, 1.0), minpack.lmpar(r, order, diag, qtb, 1.0))
    assert_same(minpack.enorm(misaligned(qtb)), minpack.enorm(qtb))


def test_curve_fit() -> None:
    def model(t: Array, a: float, b: float, c: float) -> Array:
        return a * np.exp(-b * t) + c

    given = TIMES, DATA, START, 1.0 + TIMES
    got, want = (
        curve_fit(model, *map(convert, given)) for convert in (misaligned, lambda value: value)
    )
    assert_same(got, want)


@asks
@pytest.mark.parametrize("vectorized", [False, True])
def test_leastsq_many(vectorized: bool) -> None:
    def residuals(p: Array, y: Array) -> Array:
        values: Array = p[0] * np.exp(-p[1] * TIMES) + p[2] - y
        return values

    data, weights = DATA * np.linspace(0.9, 1.1, 9)[:, None], 1.0 + TIMES
    options: dict[str, Any] = {"vectorized": vectorized}
    want = leastsq_many(residuals, START, data=data, weights=weights, **options)
    odd = {"data": misaligned(data), "weights": misaligned(weights), **options}
    got = leastsq_many(lambda p, y: misaligned(residuals(p, y)), misaligned(START), **odd)
    assert_same((got.x, got.cov_x, got.ssq), (want.x, want.cov_x, want.ssq))


@asks
def test_ask_and_tell() -> None:
    solves = LevenbergMarquardt(START, 40), LevenbergMarquardt(misaligned(START), 40)
    while (points := solves[0].ask()) is not None:
        values = np.array([decay(point) for point in points])
        solves[0].tell(points, values)
        solves[1].tell(misaligned(points), misaligned(values))
    assert_same(solves[1].result(), solves[0].result())
