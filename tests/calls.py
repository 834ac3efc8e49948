"""Calls of every function in every mode, those that raise too, for allocations.py and soak.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from leastsq import IntermediateResult, curve_fit, leastsq, minpack

Array = npt.NDArray[Any]
Outcome = tuple[Any, ...]
"""What `outcome` of allocations.py returns."""

T = np.linspace(0.0, 3.0, 8)
Y = 2.5 * np.exp(-1.3 * T) + 0.05 * np.sin(17.0 * T)
X0 = np.ones(2)
TRIANGLE = np.array([[3.0, 1.0, -2.0], [0.0, 2.0, 0.5], [0.0, 0.0, 1.5]])


def decay(p: Array, y: Array = Y) -> Array:
    """Residuals of a decay, for one problem or several."""
    return p[0] * np.exp(-p[1] * T) - y


def slopes(p: Array, y: Array = Y) -> Array:
    """Jacobian of `decay`, (..., M, N)."""
    e = np.exp(-p[1] * T)
    return np.stack([e, -p[0] * T * e], axis=-1)


def columns(p: Array, y: Array = Y) -> Array:
    """Transpose of `slopes`."""
    return np.ascontiguousarray(slopes(p).T)


class Attempt(NamedTuple):
    """A call and its arguments."""

    call: Callable[[], object]
    state: Callable[[], object] = lambda: None
    """What a call that fails must not change; after one that succeeds, part of its outcome."""


class Case(NamedTuple):
    """How a call is prepared, and what may become of it where memory runs out.

    Besides a MemoryError and the right result; accepts gets the outcome and the right one.
    """

    prepare: Callable[[], Attempt]
    accepts: Callable[[Outcome, Outcome], bool] = lambda got, want: False


class Replayed:
    """A function that hands out what it returned for the same arguments before.

    So that, after the first time, it is the memory of leastsq that fails and not NumPy's.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.results: dict[bytes, Any] = {}

    def __call__(self, p: Array, *args: Array) -> Any:
        key = p.tobytes()
        for arg in args:
            key += arg.tobytes()
        result = self.results.get(key)
        if result is None:
            result = self.results[key] = self.function(p, *args)
        return result


def called(function: Callable[..., object], *args: Any, **options: Any) -> Case:
    """Return a call with copies of its arrays, so that a reference to one that is lost is memory.

    They must not be changed.
    """

    def prepare() -> Attempt:
        own = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        return Attempt(
            lambda: function(*own, **options),
            lambda: [arg.tobytes() for arg in own if isinstance(arg, np.ndarray)],
        )

    return Case(prepare)


# One solve


def solves() -> dict[str, Case]:
    def solve(func: Callable[..., Any] = decay, x0: Array = X0, **options: Any) -> Case:
        if "Dfun" in options:
            options["Dfun"] = Replayed(options["Dfun"])
        return called(leastsq, Replayed(func), x0, **{"full_output": True} | options)

    def stop(x: Array) -> None:
        raise StopIteration

    def look(intermediate_result: IntermediateResult) -> None:
        assert intermediate_result.nit > 0

    def look_at_x(x: Array) -> None:
        assert x.size == 2

    def raises(p: Array) -> None:
        raise ZeroDivisionError("the user's")

    return {
        "plain": solve(full_output=False),
        "full output": solve(),
        "args and diag": solve(args=(2.0 * Y,), diag=np.array([1.0, 3.0])),
        "Dfun": solve(Dfun=slopes),
        "Dfun, col_deriv": solve(Dfun=columns, col_deriv=True),
        "lists": solve(lambda p: decay(p).tolist(), [1.0, 1.0], Dfun=lambda p: slopes(p).tolist()),
        "float32": solve(lambda p: decay(p).astype("f4"), Dfun=lambda p: slopes(p).astype("f4")),
        "Fortran order": solve(Dfun=lambda p: np.asfortranarray(slopes(p))),
        "maxfev": solve(maxfev=4, full_output=False),
        "callback": solve(callback=look),
        "callback of x": solve(callback=look_at_x),
        "callback that stops": solve(callback=stop, Dfun=slopes),
        "workers": solve(workers=map),
        "vectorized": solve(vectorized=True),
        "vectorized, Dfun": solve(vectorized=True, Dfun=slopes),
        "vectorized lists": solve(lambda p: decay(p).tolist(), vectorized=True),
        "not finite": solve(lambda p: decay(p) * np.nan),
        "singular": solve(lambda p: p[0] - Y),
        "improper": solve(factor=-1, Dfun=slopes),
        "improper, raised": solve(factor=-1, full_output=False),
        "func raises": solve(raises),
        "no floats": solve(lambda p: decay(p) * 1j),
        "None": called(leastsq, lambda p: None, X0),
        "M < N": solve(lambda p: p[:1]),
        "N is 0": solve(lambda p: Y, X0[:0]),
        "other length": solve(lambda p: Y if p[0] == 1.0 and p[1] == 1.0 else T[:3]),
        "shape of Dfun": solve(Dfun=columns),
        "Dfun is no floats": solve(Dfun=lambda p: slopes(p) * 1j),
        "vectorized, shape": solve(lambda p: Y, vectorized=True),
        "too many from workers": solve(workers=lambda f, points: [f(p) for p in points] * 2),
        "length of diag": solve(diag=T),
        "x0 is complex": solve(x0=X0 * 1j),
    }


# curve_fit


def model(t: Array, a: Array, b: Array) -> Array:
    return a * np.exp(-b * t)


def model_slopes(t: Array, a: Array, b: Array) -> Array:
    e = np.exp(-b * t)
    return np.stack([e, -a * t * e], axis=-1)


class ReplayedModel(Replayed):
    """The same for a model, whose parameters are numbers."""

    def __call__(self, t: Array, a: Array, b: Array) -> Any:
        key = a.tobytes() + b.tobytes()
        result = self.results.get(key)
        if result is None:
            result = self.results[key] = self.function(t, a, b)
        return result


def curves() -> dict[str, Case]:
    replayed_model = ReplayedModel(model)

    def plain(t: Array, a: Array, b: Array) -> Any:
        return replayed_model(t, a, b)

    def fit(f: Callable[..., Any] = model, **options: Any) -> Case:
        if "jac" in options:
            options["jac"] = ReplayedModel(options["jac"])
        options = {"full_output": True, "p0": X0} | options
        return called(curve_fit, ReplayedModel(f), T, Y, **options)

    sigma, missing = 0.1 + T, np.where(T > 2.0, np.nan, Y)
    square = np.diag(sigma) + 0.01
    return {
        "plain": fit(full_output=False),
        "signature of a function": called(curve_fit, plain, T, Y),
        "p0": fit(p0=[2.0, 1.0]),
        "lists": called(curve_fit, ReplayedModel(model), T.tolist(), Y.tolist(), X0),
        "sigma": fit(sigma=sigma, absolute_sigma=True),
        "sigma, jac": fit(sigma=sigma, jac=model_slopes),
        "jac": fit(jac=model_slopes),
        "covariance": fit(sigma=square),
        "covariance, jac": fit(sigma=square, jac=model_slopes),
        "float32": fit(lambda *args: model(*args).astype("f4")),
        "vectorized": fit(vectorized=True, jac=model_slopes, sigma=sigma),
        "omit": called(curve_fit, plain, T, missing, nan_policy="omit"),
        "no covariance": fit(lambda t, a, b: a + 0.0 * t),
        "not found": fit(maxfev=3),
        "NaN": called(curve_fit, plain, T, missing),
        "bounds": fit(bounds=(0.0, 1.0)),
        "model that raises": fit(lambda t, a, b: t / (1 // 0)),
    }


# Building blocks


def building_blocks() -> dict[str, Case]:
    a = np.stack([np.exp(-T), -T, 1.0 + T * T], axis=1)
    order, diag, qtb = np.array([2, 0, 1]), np.array([1.0, 2.0, 0.5]), np.array([1.0, -2.0, 4.0])
    x = np.array([1.0, 2.0])
    return {
        "enorm": called(minpack.enorm, T),
        "enorm of a list": called(minpack.enorm, [3, 4]),
        "qrfac": called(minpack.qrfac, a),
        "qrfac without pivoting": called(minpack.qrfac, a, pivot=False),
        "qrsolv": called(minpack.qrsolv, TRIANGLE, order, diag, qtb),
        "lmpar": called(minpack.lmpar, TRIANGLE, order, diag, qtb, 0.5),
        "covar": called(minpack.covar, TRIANGLE, order),
        "chkder": called(minpack.chkder, x),
        "chkder of a Jacobian": called(minpack.chkder, x, decay(x), slopes(x), decay(x * 1.01)),
        "qrfac of complex": called(minpack.qrfac, a * 1j),
        "qrfac of a vector": called(minpack.qrfac, T),
        "qrsolv, no permutation": called(minpack.qrsolv, TRIANGLE, [0, 0, 0], diag, qtb),
        "lmpar, negative": called(minpack.lmpar, TRIANGLE, order, diag, qtb, -0.5),
        "covar, shape": called(minpack.covar, a, order),
    }
