"""Calls of solves that ask, of many fits and of compiled residuals; and those of calls.py."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from calls import (
    X0,
    Array,
    Attempt,
    Case,
    Outcome,
    Replayed,
    T,
    Y,
    building_blocks,
    called,
    curves,
    decay,
    slopes,
    solves,
)

from leastsq import CompiledResidual, LevenbergMarquardt, leastsq, leastsq_many

MANY = np.array([1.0, 0.9, 1.1, 1.2, 0.8])[:, None] * Y
EXPLAINED = "has raised in a compiled solve"


# Ask and tell


def solve_at(requests: int, analytic: bool = False) -> LevenbergMarquardt:
    """Return a solve of which so many requests have been answered."""
    solve = LevenbergMarquardt(X0, T.size, analytic=analytic)
    for _ in range(requests):
        points = solve.ask()
        if points is None:
            break
        jacobian = solve.request == "jacobian"
        solve.tell(points, slopes(points[0]) if jacobian else [decay(p) for p in points])
    return solve


def asks() -> dict[str, Case]:
    def at(
        requests: int, call: Callable[[LevenbergMarquardt], object], analytic: bool = False
    ) -> Case:
        def prepare() -> Attempt:
            solve = solve_at(requests, analytic)
            return Attempt(lambda: call(solve), lambda: _state(solve))

        return Case(prepare)

    def tell(requests: int, values: Callable[[Array], Any], part: slice, **options: Any) -> Case:
        def prepare() -> Attempt:
            solve = solve_at(requests, **options)
            points = solve.ask()[part]
            told = values(points)
            return Attempt(lambda: solve.tell(points, told), lambda: _state(solve))

        return Case(prepare)

    def rows(points: Array) -> Array:
        return np.array([decay(point) for point in points])

    saved = solve_at(3).__getstate__()
    broken = saved | {"checksum": 0}
    partly = solve_at(1)
    partly.tell(partly.ask()[:1], [decay(partly.ask()[0])])
    between = partly.__getstate__()
    all_points, one, last = slice(None), slice(1), slice(1, 2)
    return {
        "init": called(LevenbergMarquardt, X0, T.size),
        "init, diag": called(LevenbergMarquardt, X0, T.size, diag=np.array([1.0, 3.0])),
        "init, improper": called(LevenbergMarquardt, X0, T.size, factor=0.0),
        "ask": at(1, LevenbergMarquardt.ask),
        "ask at the end": at(100, LevenbergMarquardt.ask),
        "tell the first": tell(0, rows, all_points),
        "tell all columns": tell(1, rows, all_points),
        "tell one column": tell(1, rows, one),
        "tell the last column": tell(1, rows, last),
        "tell lists": tell(2, lambda points: rows(points).tolist(), all_points),
        "tell float32": tell(0, lambda points: rows(points).astype("f4"), all_points),
        "tell a Jacobian": tell(1, lambda points: slopes(points[0]), all_points, analytic=True),
        "tell another point": at(1, lambda solve: solve.tell(X0[None], Y[None])),
        "tell a wrong shape": at(1, lambda solve: solve.tell(X0[None], Y)),
        "tell complex": tell(0, lambda points: 1j * rows(points), all_points),
        "tell at the end": at(100, lambda solve: solve.tell(X0[None], Y[None])),
        "attributes": at(3, lambda s: (s.x, s.fvec, s.nfev, s.njev, s.nit, s.ier, s.request)),
        "repr": at(3, repr),
        "result": at(100, LevenbergMarquardt.result),
        "result before the end": at(3, LevenbergMarquardt.result),
        "result before the start": at(0, LevenbergMarquardt.result),
        # NumPy's __reduce__ of an array returns a result with an error set, or crashes.
        "state for pickle": at(3, LevenbergMarquardt.__getstate__),
        "restore": at(0, lambda solve: solve.__setstate__(saved)),
        "restore between columns": at(0, lambda solve: solve.__setstate__(between)),
        "restore what is damaged": at(0, lambda solve: solve.__setstate__(broken)),
    }


def _state(solve: LevenbergMarquardt) -> tuple[object, ...]:
    state = solve.__getstate__()
    return state["checksum"], solve.x.tobytes(), solve.nfev, solve.njev, solve.request


# Many


def is_kept(got: Outcome, want: Outcome) -> bool:
    """Whether some fits ended with -1 and a MemoryError, and all others as they should."""
    if (got[0], want[0]) != ("returns", "returns"):
        return False
    (fits, errors), (wanted, others) = got[1], want[1]
    failed = [k for k, (fit, right) in enumerate(zip(fits, wanted, strict=True)) if fit != right]
    return errors.keys() == {*failed, *others} and all(
        issubclass(errors[k][0], MemoryError) or EXPLAINED in errors[k][1] for k in failed
    )


def is_refused_or_kept(got: Outcome, want: Outcome) -> bool:
    """Whether another NaN is refused, where the first one's fit ended with a MemoryError."""
    return got[:2] == want[:2] or (got[0] == "returns" and len(got[1][1]) > 0)


def is_kept_or_explained(got: Outcome, want: Outcome) -> bool:
    """Whether it is kept; or numba's own memory failed, but not in the call from Python."""
    return is_kept(got, want) or (got[:2] == ("raises", RuntimeError) and EXPLAINED in got[2])


def many() -> dict[str, Case]:
    def fits(func: Callable[..., Any] = decay, **options: Any) -> Case:
        if "Dfun" in options:
            options["Dfun"] = Replayed(options["Dfun"])
        case = called(leastsq_many, Replayed(func), X0, **{"data": MANY} | options)
        return case._replace(accepts=is_kept)

    def fails_at_third(p: Array, y: Array) -> Array:
        if y[0] == MANY[2, 0]:
            raise ZeroDivisionError("the user's")
        return decay(p, y)

    weights, missing = np.linspace(0.0, 1.0, T.size), MANY.copy()
    missing[1, 3] = missing[2, 4] = np.nan
    result = leastsq_many(decay, X0, data=MANY)
    return {
        "plain": fits(),
        "Dfun, no cov": fits(Dfun=slopes, cov=False),
        "weights, diag": fits(weights=weights, diag=np.array([1.0, 3.0])),
        "weights for each": fits(weights=MANY * MANY),
        "omit": fits(data=missing, nan_policy="omit"),
        "raise": fits(data=missing, nan_policy="raise")._replace(accepts=is_refused_or_kept),
        "maps": fits(data=MANY[:4].reshape(2, 2, -1)),
        "one raises": fits(fails_at_third),
        "workers": fits(workers=map, chunksize=2),
        "vectorized": fits(vectorized=True),
        "vectorized, Dfun": fits(vectorized=True, Dfun=slopes),
        "vectorized, weights": fits(vectorized=True, weights=weights),
        "vectorized, omit": fits(vectorized=True, data=missing, nan_policy="omit"),
        "vectorized, one raises": fits(fails_in_company, vectorized=True),
        "shape": fits(lambda p, y: decay(p, y)[:-1] if y[0] == MANY[2, 0] else decay(p, y)),
        "improper": fits(factor=0.0),
        "standard errors": called(result.standard_errors),
    }


def fails_in_company(p: Array, y: Array) -> Array:
    """Raise for several problems of which one is the third."""
    if (y[:, 0] == MANY[2, 0]).any():
        raise ZeroDivisionError("the user's")
    return decay(p, y)


# Compiled residuals


def is_argument_error(got: Outcome, want: Outcome) -> bool:
    """Whether ctypes.cast has wrapped a MemoryError."""
    return got[:2] == ("raises", ctypes.ArgumentError) and "MemoryError" in got[2]


def pointers(c: ctypes.CDLL) -> dict[str, Case]:
    m, t = T.size, np.linspace(0.0, 4.0, T.size)

    def fit(name: str, *args: Any, **options: Any) -> Case:
        function = CompiledResidual(getattr(c, name), m, **options)
        return called(leastsq, function, np.ones(3), args, full_output=True)

    def fits(name: str, data: Any, jacobian: bool = False, **options: Any) -> Case:
        function = CompiledResidual(getattr(c, name), m, jacobian=jacobian)
        case = called(leastsq_many, function, np.ones(3), data=data, **options)
        return case._replace(accepts=is_kept)

    wrong = ctypes.CFUNCTYPE(ctypes.c_int)(("decay", c))
    return {
        "new": called(lambda data: CompiledResidual(c.decay, m, data=data) and None, Y)._replace(
            accepts=is_argument_error
        ),
        "wrong type": called(CompiledResidual, wrong, m)._replace(accepts=is_argument_error),
        "data": fit("decay", data=Y),
        "args": fit("decay_of_args", Y),
        "Jacobian": fit("decay_and_slopes", Y, t, jacobian=True),
        "callback": called(
            leastsq, CompiledResidual(c.decay, m, data=Y), np.ones(3), callback=lambda x: None
        ),
        "fails": fit("counted", np.array([9.0, -3.0])),
        "many": fits("decay", MANY),
        "many, Jacobian": fits("decay_and_slopes", (MANY, t[None]), jacobian=True),
        "many, args": fits("decay_at", MANY, args=(t,), weights=MANY * MANY),
    }


def numba_functions() -> dict[str, Case]:
    if find_spec("numba") is None:
        return {}
    import decays_numba

    t = np.linspace(0.0, 4.0, T.size)
    residual, slopes = decays_numba.decay_at, decays_numba.slopes

    def fit(function: Any, *args: Any, **options: Any) -> Case:
        case = called(function, *args, **options)
        return case._replace(accepts=is_kept_or_explained)

    def one(dfun: Any = None) -> Case:
        return fit(
            leastsq, CompiledResidual(residual), np.ones(3), args=(Y, t), Dfun=dfun,
            full_output=True,
        )  # fmt: skip

    return {
        "one": one(),
        "one, Dfun": one(slopes),
        "many": fit(leastsq_many, residual, np.ones(3), data=MANY, args=(t,)),
        "many, Dfun": fit(leastsq_many, residual, np.ones(3), data=MANY, args=(t,), Dfun=slopes),
    }


Group = Callable[[], dict[str, Case]]


def groups(c: ctypes.CDLL) -> dict[str, Group]:
    """Return functions that return calls by name; c has the functions of decay.c."""
    return {
        "leastsq": solves, "curve_fit": curves, "minpack": building_blocks, "asktell": asks,
        "many": many, "pointer": functools.partial(pointers, c), "numba": numba_functions,
    }  # fmt: skip
