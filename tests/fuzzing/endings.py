"""What leastsq_many must return for a problem, from leastsq alone."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from reference import FloatArray

from fuzzing.batch import Batch, Functions, Problem
from fuzzing.models import BrokenError
from leastsq import LeastsqManyResult, LevenbergMarquardt, leastsq, minpack

__all__ = ["Ending", "ending", "found", "problems_with_nan"]

NOT_EVALUATED, BROKEN = 0, -1


class Ending(NamedTuple):
    """What is compared of a fit; error is the point at which the residual raised."""

    x: FloatArray
    ier: int
    nfev: int
    njev: int
    ssq: float
    dof: int
    success: bool
    cov_x: FloatArray | None
    standard_errors: FloatArray
    error: Any = None


class _Weighted:
    """The functions of one problem times its weights."""

    def __init__(self, func: Any, dfun: Any, one: Problem, transposed: bool) -> None:
        self.func, self.jacobian, self.transposed = func, dfun, transposed
        self.rows, self.weights = one.rows, one.weights

    def __call__(self, x: FloatArray) -> FloatArray:
        return self._apply(self.func(x.copy(), *self.rows))

    def dfun(self, x: FloatArray) -> FloatArray:
        values = self.jacobian(x.copy(), *self.rows)
        return self._apply(values.T if self.transposed else values)

    def _apply(self, values: FloatArray) -> FloatArray:
        if self.weights is None:
            return values
        w = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        return np.where(w == 0.0, 0.0, w * values.astype(float))


def ending(batch: Batch, index: tuple[int, ...], functions: Functions) -> Ending:
    """Return how a problem ends: by leastsq on the weighted residual."""
    func, dfun = functions.func, functions.dfun
    one, m, n = batch.problem(index), batch.m, batch.x0.shape[-1]
    weights = one.weights if one.weights is not None else np.ones(m)
    samples, proper = np.count_nonzero(weights), _is_proper(weights, n)
    weighted = _Weighted(func, dfun, one, batch.model.transposed)
    try:
        if proper and batch.nan_policy == "omit":
            first = np.asarray(func(one.x0.copy(), *one.rows)).astype(float)
            left_out = np.isnan(first)
            weighted.weights = weights = np.where(left_out, 0.0, weights)
            samples = np.count_nonzero(weights)
            proper = samples >= n
        if not proper:
            return _unevaluated(one.x0, NOT_EVALUATED, 0, samples - n)
        return _solved(batch, weighted, one.x0, samples - n, dfun is not None)
    except BrokenError as error:
        return _broken(batch, weighted, one.x0, samples - n, error)


def _is_proper(weights: FloatArray, n: int) -> bool:
    """Whether a problem with these weights is evaluated."""
    valid = np.isfinite(weights).all() and (weights >= 0.0).all()
    return bool(valid) and np.count_nonzero(weights) >= n


def _unevaluated(x0: FloatArray, ier: int, nfev: int, dof: int, error: Any = None) -> Ending:
    nans = np.full((x0.size, x0.size), np.nan)
    return Ending(x0, ier, nfev, 0, np.nan, dof, False, nans, nans[0], error)


def _options(batch: Batch) -> dict[str, Any]:
    """Return the options; the step follows the type of the residual before its weights."""
    step = {"epsfcn": float(np.finfo(batch.model.dtype).eps)} if batch.model.dtype == "f4" else {}
    return step | batch.options


def _solved(batch: Batch, weighted: _Weighted, x0: FloatArray, dof: int, analytic: bool) -> Ending:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, cov_x, info, _, ier = leastsq(
            weighted, x0, Dfun=weighted.dfun if analytic else None, full_output=True,
            **_options(batch),
        )  # fmt: skip
    norm, r = minpack.enorm(info["fvec"]), np.triu(info["fjac"].T[: x.size])
    finite = np.isfinite(norm) and np.isfinite(x).all() and np.isfinite(r).all()
    success = bool(finite and ier in range(1, 5))
    cov_x = np.full((x.size, x.size), np.nan) if cov_x is None else cov_x
    scale = norm * norm / dof if dof > 0 else np.nan
    return Ending(
        x, ier, info["nfev"], info.get("njev", 0), norm * norm, dof, success, cov_x,
        np.sqrt(np.diag(cov_x) * scale),
    )  # fmt: skip


def _broken(
    batch: Batch, weighted: _Weighted, x0: FloatArray, dof: int, error: BrokenError
) -> Ending:
    """Return the ending of a fit whose residual raises: the last point that was accepted."""
    analytic = weighted.jacobian is not None
    solve = LevenbergMarquardt(x0, batch.m, analytic=analytic, **_options(batch))
    points, request = solve.ask(), solve.request
    try:
        while points is not None:
            told = weighted.dfun(points[0]) if request == "jacobian" else [*map(weighted, points)]
            solve.tell(points, np.asarray(told, float))
            points, request = solve.ask(), solve.request
    except BrokenError:
        pass
    refused = (0, 1) if request == "jacobian" else (len(points), 0)
    nothing = _unevaluated(x0, BROKEN, 1, dof, error.args)
    if solve.nfev == 0:
        return nothing
    norm = minpack.enorm(solve.fvec)
    return nothing._replace(
        x=solve.x, nfev=solve.nfev + refused[0], njev=solve.njev + refused[1],
        ssq=norm * norm,
    )  # fmt: skip


def found(result: LeastsqManyResult, standard_errors: FloatArray, index: tuple[int, ...]) -> Ending:
    """Return how a problem of a result ended."""
    error = result.errors.get(index if len(index) > 1 else index[0])
    cov_x = None if result.cov_x is None else result.cov_x[index]
    return Ending(
        result.x[index], int(result.ier[index]), int(result.nfev[index]), int(result.njev[index]),
        float(result.ssq[index]), int(result.dof[index]), bool(result.success[index]), cov_x,
        standard_errors[index], None if error is None else error.args,
    )  # fmt: skip


def problems_with_nan(batch: Batch, functions: Functions) -> Iterator[tuple[int, ...]]:
    """Yield the problems whose residual at x0 is NaN where its weight is not 0."""
    for index in np.ndindex(batch.shape):
        one = batch.problem(index)
        weights = one.weights if one.weights is not None else np.ones(batch.m)
        with contextlib.suppress(BrokenError):
            if _is_proper(weights, one.x0.size):
                first = np.asarray(functions.func(one.x0.copy(), *one.rows))
                if np.isnan(first[weights != 0.0]).any():
                    yield index
