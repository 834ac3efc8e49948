"""Properties of leastsq whatever it is given: the exception of the contract, or a sound result.

By hand, with other examples and more of them:

    LEASTSQ_EXAMPLES=20000 pytest tests/test_properties.py --hypothesis-seed=7
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from programs import need_modules
from reference import bits
from support import MACHINE_EPS, Array

from leastsq import leastsq, minpack

need_modules("hypothesis")
from hypothesis import given  # noqa: E402
from odd_calls import Call, calls, properties  # noqa: E402
from odd_functions import Function, as_floats  # noqa: E402

EPS = np.finfo(float).eps


@dataclass
class Outcome:
    """What a call did."""

    func: Any
    dfun: Any
    result: Any
    error: BaseException | None
    warnings: list[warnings.WarningMessage]


def run(call: Call, full_output: object) -> Outcome:
    func, dfun = call.functions()
    result = error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = leastsq(func, Dfun=dfun, full_output=full_output, **call.arguments)
        except BaseException as raised:
            error = raised
    return Outcome(func, dfun, result, error, caught)


@properties
@given(calls())
def test_leastsq(call: Call) -> None:
    before = bits([as_floats(call.arguments["x0"])]) if call.refused is None else None
    full, short = run(call, True), run(call, False)
    if full.error is not None:
        check_error(call, full)
        check_error(call, short)
        return
    assert bits([as_floats(call.arguments["x0"])]) == before
    check_result(call, full)
    if full.result[-1] == 0:
        check_improper(call, full, short)
        return
    check_short(full, short)
    for one in (full.func, full.dfun):
        assert one is None or not one.odd.ends or one.calls < one.odd.at
        assert one is None or all(args == call.args for args in one.args)


def check_error(call: Call, outcome: Outcome) -> None:
    """Check that the exception is the one that the first fault leads to."""
    error, func, dfun = outcome.error, outcome.func, outcome.dfun
    assert not outcome.warnings
    if call.refused is not None:
        assert_refused(error, call.refused)
        assert not isinstance(func, Function) or func.calls == 0
        return
    if not isinstance(func, Function):
        assert_refused(error, (TypeError, "'int' object is not callable"))
        return
    last = func.odd if func.calls == func.odd.at and func.odd.ends else None
    if last is None and isinstance(dfun, Function):
        last = dfun.odd if dfun.calls == dfun.odd.at and dfun.odd.ends else None
    if last is None:
        assert not callable(dfun)
        assert_refused(error, (TypeError, "'int' object is not callable"))
        assert func.calls == 1
    elif last.raised is not None:
        assert error is last.raised
    else:
        assert_refused(error, last.refused)


def assert_refused(error: BaseException | None, wanted: tuple[type, str]) -> None:
    assert type(error) is wanted[0], repr(error)
    assert wanted[1] in str(error)


def check_improper(call: Call, full: Outcome, short: Outcome) -> None:
    """Ier is 0: nothing was iterated, and without full_output it is an exception."""
    assert call.improper
    assert not full.warnings
    x, cov_x, info, message, _ = full.result
    assert bits(x) == bits(call.start)
    assert cov_x is None
    assert (info["nfev"], info.get("njev", 0), full.func.calls) == (0, 0, 1)
    assert full.dfun is None or full.dfun.calls == 1 or call.n == 0
    assert not any(info[name].any() for name in ("fjac", "ipvt", "qtf"))
    assert message.startswith("Improper input parameters. ")
    assert_refused(short.error, (TypeError, message))
    assert not short.warnings


def check_short(full: Outcome, short: Outcome) -> None:
    """Without full_output: the same x and ier, and a warning of a poor ending."""
    x, _, _, message, ier = full.result
    assert short.error is None
    assert type(short.result) is tuple
    assert bits(short.result) == bits((x, ier))
    check_warnings(full, None)
    check_warnings(short, message if ier > 4 else None, is_finite(full))


def is_finite(outcome: Outcome) -> bool:
    x, _, info, _, _ = outcome.result
    r = np.triu(info["fjac"].T[: x.size])
    return bool(np.isfinite([minpack.enorm(info["fvec"]), *x, *r.flat]).all())


def check_warnings(outcome: Outcome, message: str | None, finite: bool | None = None) -> None:
    """At the caller's line: one if anything is not finite, and one with the message."""
    finite = is_finite(outcome) if finite is None else finite
    texts = [str(one.message) for one in outcome.warnings]
    assert all(one.category is RuntimeWarning for one in outcome.warnings)
    assert all(one.filename == __file__ for one in outcome.warnings)
    assert len(texts) == (not finite) + (message is not None), texts
    assert finite or "not finite: " in texts[0]
    assert message is None or texts[-1] == message


@np.errstate(all="ignore")
def check_result(call: Call, outcome: Outcome) -> None:
    """Check types, counts, and the numbers against each other and the recorded calls."""
    x, cov_x, info, message, ier = outcome.result
    m, n, func, dfun = call.m, call.n, outcome.func, outcome.dfun
    counts = ["nfev", *["njev"] * (dfun is not None)]
    assert list(info) == ["fvec", *counts, "fjac", "ipvt", "qtf"]
    assert [type(one) for one in (outcome.result, info, message, ier)] == [tuple, dict, str, int]
    arrays = [x, info["fvec"], info["fjac"], info["qtf"], info["ipvt"]]
    shapes = [(n,), (m,), (n, m), (n,), (n,)]
    assert [array.shape for array in arrays] == shapes
    assert [array.dtype.char for array in arrays] == ["d"] * 4 + [np.dtype(np.int32).char]
    check_memory(call, outcome, [*arrays, *([] if cov_x is None else [cov_x])])
    assert ier in range(9)
    if ier == 0:
        return
    assert not call.improper
    assert (func.calls, dfun.calls if dfun else 0) == (info["nfev"], info.get("njev", 0))
    check_last_point(call, outcome)
    defined = is_finite(outcome) and ier in range(1, 5) and np.diag(info["fjac"]).all()
    assert (cov_x is not None) == bool(defined)
    jacobian, residual = last_jacobian(call, outcome)
    if np.isfinite(jacobian).all() and np.isfinite(residual).all():
        check_factors(info, jacobian, residual)
        check_covariance(cov_x, jacobian)
    else:
        assert (ier, cov_x) == (4, None)


def check_memory(call: Call, outcome: Outcome, arrays: list[Array]) -> None:
    """Every array is fresh: plain, writable, and no other's memory."""
    others = [call.arguments["x0"], call.arguments.get("diag"), *outcome.func.returned]
    others += [] if outcome.dfun is None else outcome.dfun.returned
    for i, array in enumerate(arrays):
        assert type(array) is np.ndarray
        assert array.flags.writeable
        others_too = [*arrays[:i], *[one for one in others if isinstance(one, np.ndarray)]]
        assert not any(np.may_share_memory(array, other) for other in others_too)
    assert outcome.result[2]["fjac"].flags.c_contiguous


def check_last_point(call: Call, outcome: Outcome) -> None:
    """X is where fvec was evaluated, no worse than the start, within the number of evaluations."""
    x, _, info, _, ier = outcome.result
    func = outcome.func
    assert bits(func.xs[0]) == bits(call.start)
    found = [value for point, value in zip(func.xs, func.values, strict=True)
             if point.tobytes() == x.tobytes()]  # fmt: skip
    assert any(bits(info["fvec"]) == bits(np.atleast_1d(value)) for value in found)
    first = minpack.enorm(np.atleast_1d(func.values[0]))
    if np.isfinite(first):
        assert minpack.enorm(info["fvec"]) <= first
    else:
        assert ier == 4
        assert bits(x) == bits(call.start)
    given = int(np.asarray(call.arguments.get("maxfev", 0).__index__()))
    limit = given if given > 0 else (200 if outcome.dfun is None else 100) * (call.n + 1)
    assert info["nfev"] <= limit + call.n + 1
    assert ier != 5 or info["nfev"] >= limit


def last_jacobian(call: Call, outcome: Outcome) -> tuple[Array, Array]:
    """Return the last Jacobian, and the residual at its point, from the calls recorded.

    Of several residuals at one point, the first of them spoilt, the last is that of the Jacobian.
    """
    func, dfun, n = outcome.func, outcome.dfun, call.n
    residuals = [np.atleast_1d(value) for value in func.values]
    if dfun is not None:
        matrix = dfun.values[-1].T if call.arguments["col_deriv"] else dfun.values[-1]
        at = _last(func.xs[: dfun.func_calls[-1]], dfun.xs[-1])
        return matrix.reshape(-1, n), residuals[at]
    relative = call.arguments.get("epsfcn")
    if relative is None:
        kind = np.asarray(func.returned[0]).dtype
        relative = np.finfo(kind).eps if kind.kind == "f" else EPS
    relative = float(relative)
    step = np.sqrt(relative if relative > MACHINE_EPS else MACHINE_EPS)
    for first in reversed(range(1, len(func.xs) - n + 1)):
        stepped = np.array(func.xs[first : first + n])
        for at in reversed(range(first)):
            if np.isfinite(call.start).all() and not np.isfinite(func.xs[at]).all():
                continue  # a step that was not taken
            h = step * np.abs(func.xs[at])
            h[h == 0.0] = step  # at zero, and where the product underflows
            points = np.where(np.eye(n, dtype=bool), func.xs[at] + h, func.xs[at])
            if bits(points) == bits(stepped):
                rows = np.array(residuals[first : first + n])
                return ((rows - residuals[at]) / h[:, None]).T, residuals[at]
    raise AssertionError("no difference Jacobian")


def _last(points: list[Array], x: Array) -> int:
    return max(i for i, point in enumerate(points) if point.tobytes() == x.tobytes())


def check_factors(info: dict[str, Any], jacobian: Array, residual: Array) -> None:
    """R^T R = P^T J^T J P and R^T Q^T f = P^T J^T f, to rounding."""
    m, n = jacobian.shape
    order = info["ipvt"]
    assert sorted(order) == list(range(n))
    permuted, r = jacobian[:, order], np.triu(info["fjac"].T[:n])
    norms, length = np.linalg.norm(permuted, axis=0), np.linalg.norm(residual)
    if not np.isfinite([*norms, length]).all() or max(length, *norms) > 1e100:
        return
    # Householder's backward error, relative to the norms of the columns; denormals aside.
    tolerance = 20 * (m + n) * EPS
    error = np.abs(r.T @ r - permuted.T @ permuted)
    assert (error <= tolerance * np.outer(norms, norms) + 1e-290).all()
    error = np.abs(r.T @ info["qtf"] - permuted.T @ residual)
    assert (error <= tolerance * norms * length + 1e-290).all()


def check_covariance(cov_x: Array | None, jacobian: Array) -> None:
    """Check that it is the inverse of J^T J, and symmetric to the bit."""
    if cov_x is None:
        return
    assert bits(cov_x) == bits(cov_x.T)
    norms = np.linalg.norm(jacobian, axis=0)
    if not 1e-100 < norms.min() <= norms.max() < 1e100:
        return
    scaled = jacobian / norms
    condition = np.linalg.cond(scaled)
    if condition < 1e6:
        want = np.linalg.inv(scaled.T @ scaled)
        error = np.abs(cov_x * np.outer(norms, norms) - want).max()
        assert error <= 100 * jacobian.size * EPS * condition**2 * np.abs(want).max()
