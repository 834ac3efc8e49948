"""Properties of leastsq_many whatever it is given, as test_properties.py has those of leastsq."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
from asking import asks
from programs import need_modules
from reference import bits
from support import Array, CustomError

from leastsq import LeastsqManyResult, leastsq_many

need_modules("hypothesis")
from hypothesis import given  # noqa: E402
from odd_batches import NAN, RAISES, BatchCall, Model, batch_calls  # noqa: E402
from odd_calls import properties  # noqa: E402

pytestmark = asks

ROUNDING = 1e-12
"""Of sums of at most ten squares."""


@properties
@given(batch_calls())
def test_leastsq_many(call: BatchCall) -> None:
    inputs = [call.arguments["x0"], call.arguments["data"], call.arguments["weights"]]
    before = frozen(inputs)
    result = error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = leastsq_many(**call.arguments)
        except (TypeError, ValueError, OverflowError, CustomError) as raised:
            error = raised
    assert frozen(inputs) == before
    if call.refused is not None or error is not None:
        check_error(call, error)
        assert not caught
        return
    assert result is not None
    check_arrays(call, result)
    check_endings(call, result)
    check_numbers(call, result)
    check_warnings(call, result, caught)


def frozen(inputs: list[Any]) -> list[Any]:
    """Return what arrays and lists of the user's have in them."""
    arrays = [one for item in inputs for one in (item if isinstance(item, tuple) else [item])]
    return [bits(np.ma.getdata(one)) if isinstance(one, np.ndarray) else str(one)
            for one in arrays]  # fmt: skip


def evaluated(call: BatchCall) -> Array:
    """Return which problems have valid weights, and enough samples."""
    weights = call.weights
    proper = (np.isfinite(weights) & (weights >= 0.0)).all(axis=1)
    return proper & (np.count_nonzero(weights, axis=1) >= call.n)


def check_error(call: BatchCall, error: Exception | None) -> None:
    """Check that the exception is the one that the first fault leads to."""
    if call.refused is not None:
        assert type(error) is call.refused.kind, repr(error)
        assert call.refused.text in str(error)
        assert call.model.points == 0
    elif call.model.bad is not None:
        assert type(error) in (TypeError, ValueError)
        assert call.model.points == 1
    else:
        assert call.arguments["nan_policy"] == "raise"
        first = np.flatnonzero(evaluated(call) & (call.kinds == NAN))[0]
        assert type(error) is not ValueError or f"problem {first} has a NaN at x0" in str(error)
        assert isinstance(error, ValueError)


def check_arrays(call: BatchCall, result: LeastsqManyResult) -> None:
    """Check shapes, types and memory; and that the result survives pickling."""
    k, n = call.count, call.n
    shapes = {"x": (k, n), "ssq": (k,), "dof": (k,), "ier": (k,), "nfev": (k,), "njev": (k,)}
    shapes |= {"success": (k,), "cov_x": (k, n, n)}
    types = {"dof": "int64", "ier": "int32", "nfev": "int32", "njev": "int32", "success": "bool"}
    copied = pickle.loads(pickle.dumps(result))  # noqa: S301  (our own)
    assert (result.cov_x is None) == (not call.arguments["cov"])
    arrays = {name: getattr(result, name) for name in shapes}
    for name, array in arrays.items():
        assert bits(getattr(copied, name)) == bits(array)
        if array is None:
            continue
        assert (array.shape, array.dtype) == (shapes[name], types.get(name, "float64"))
        assert array.flags.writeable
        assert type(array) is np.ndarray
        assert not np.may_share_memory(array, np.asarray(call.arguments["x0"]))
    assert result.standard_errors().shape == (k, n)
    assert sum(int(word) for word in repr(result).split() if word.isdigit()) == 2 * k


def check_endings(call: BatchCall, result: LeastsqManyResult) -> None:
    """Check ier, and what goes with it, by the kind of each problem; and the calls."""
    proper, policy = evaluated(call), call.arguments["nan_policy"]
    raises, nan = proper & (call.kinds == RAISES), proper & (call.kinds == NAN)
    sound = proper & ~raises & ~nan
    assert not (nan.any() and policy == "raise")
    assert not (proper.any() and call.model.bad is not None)
    assert (result.ier[raises] == -1).all()
    assert (result.ier[nan] == (0 if policy == "omit" else 4)).all()
    assert (result.ier[~proper] == 0).all()
    assert ((result.ier[sound] >= 1) & (result.ier[sound] <= 8)).all()
    assert (result.success == (sound & (result.ier <= 4))).all()
    assert sorted(result.errors) == np.flatnonzero(raises).tolist()
    assert all(type(one) is ZeroDivisionError for one in result.errors.values())
    assert (result.nfev[raises] == 1).all()
    nothing = (result.ier <= 0) | (result.nfev == 0)
    assert (result.nfev[result.ier == 0] == 0).all()
    assert np.isnan(result.ssq[nothing]).all()
    assert bits(result.x[nothing | nan]) == bits(call.start[nothing | nan])
    samples = np.count_nonzero(call.weights, axis=1) * ~(nan & (policy == "omit"))
    known = proper if sound.any() or call.arguments["weights"] is not None else sound
    assert (result.dof[known] == samples[known] - call.n).all()
    unseen = np.count_nonzero(nan & (policy == "omit"))
    points = int(result.nfev.sum()) + unseen
    vectorized = bool(call.arguments["vectorized"])
    assert points <= call.model.points
    assert vectorized or call.model.points == points


def check_numbers(call: BatchCall, result: LeastsqManyResult) -> None:
    """Check that sums of squares have not grown, and covariances and standard errors."""
    a, b, _ = call.arguments["data"]
    errors, model = result.standard_errors(), Model()
    for k in np.flatnonzero((call.kinds == 0) & (result.nfev > 0)):
        rows = (np.array(a[k], float), np.array(b[k], float), np.array(0))
        for row in rows:
            row.flags.writeable = False
        weights = call.weights[k]
        first = np.where(weights == 0.0, 0.0, weights * model(call.start[k].copy(), *rows))
        assert result.ssq[k] <= np.sum(first * first) * (1.0 + ROUNDING)
    if result.cov_x is not None:
        assert bits(result.cov_x) == bits(result.cov_x.swapaxes(1, 2))
        assert np.isnan(result.cov_x[~result.success]).all()
        variances = np.diagonal(result.cov_x, axis1=1, axis2=2)
        with np.errstate(all="ignore"):
            scale = np.where(result.dof > 0, result.ssq / result.dof, np.nan)
            np.testing.assert_allclose(errors**2, variances * scale[:, None], rtol=ROUNDING)
    assert np.isnan(errors[(result.dof <= 0) | ~result.success]).all()


def check_warnings(call: BatchCall, result: LeastsqManyResult, caught: list[Any]) -> None:
    """Check that there is one warning, of ours, if there is a fit without success."""
    masked = (result.ier == 0) & ~call.weights.any(axis=1)
    wanted = 0 if (result.success | masked).all() else 1
    assert [one.category for one in caught] == [RuntimeWarning] * wanted
    assert all(one.filename == __file__ for one in caught)
    assert all(str(one.message) == repr(result) for one in caught)
