"""Answers a solve that asks: for a callback between the steps, workers, vectorized functions.

The driver of all other solves is compiled, _solve.c.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Matrix, Permutation, Vector, require_bundled
from leastsq._outcome import IMPROPER_INPUT, NOT_FINISHED

__all__ = ["Callback", "IntermediateResult", "Residual", "Workers", "solve"]

Residual = Callable[..., npt.ArrayLike]
Callback = Callable[..., object]
Workers = Callable[[Callable[[Vector], Any], list[Vector]], Iterable[Any]]
Outcome = tuple[int, bool, int, int, Vector, Matrix, Permutation, Vector]

NOTHING, DIFFERENCES = 0, 3  # what is wanted, as leastsq.h numbers it


@dataclass(frozen=True, eq=False)
class IntermediateResult:
    """What a callback is told after a step, if that is what it asks for."""

    x: Vector
    """The point reached, shape (N,)."""
    fun: Vector
    """The residual there, shape (M,)."""
    cost: float
    """Half the sum of its squares."""
    nit: int
    """Steps so far."""
    nfev: int
    """Calls of func so far."""


class _Stopped:
    """A StopIteration of func, as a value: raised, a map would take it for its own end."""

    def __init__(self, error: StopIteration) -> None:
        self.error = error


class _Evaluation:
    """Func with its extra arguments, for a worker; it is pickled if they are."""

    def __init__(self, func: Residual, args: tuple[Any, ...]) -> None:
        self.func = func
        self.args = args

    def __call__(self, x: Vector) -> Any:  # noqa: ANN401  (whatever func returns)
        try:
            return self.func(x, *self.args)
        except StopIteration as error:
            return _Stopped(error)


def solve(
    func: Residual,
    x: Vector,
    args: tuple[Any, ...],
    dfun: Residual | None,
    transposed: bool,
    ftol: float,
    xtol: float,
    gtol: float,
    limit: int,
    factor: float,
    scale: Vector | None,
    epsfcn: float | None,
    callback: Callback | None,
    workers: Workers | None,
    vectorized: bool,
) -> Outcome:
    """Do as `_minpack.solve` does, x becoming the solution; info is -2 where callback stopped."""
    _check(callback, workers, vectorized)
    fvec, relative_error = _minpack.first_residual(func, x, args, vectorized)
    asking = None
    if x.size > 0:
        asking = _minpack.begin(
            x, fvec.size, dfun is not None, ftol, xtol, gtol, limit, factor, scale,
            relative_error if epsfcn is None else epsfcn,
        )  # fmt: skip
    functions = func, args, dfun, transposed, vectorized
    if asking is None or _minpack.status(asking)[0] == NOTHING:
        return _improper(x, fvec, functions)
    reports = None if callback is None else _Reports(callback)
    at_once, stopped = callback is None and workers is None, False
    request = _minpack.put(asking, 0, fvec)
    while request != NOTHING and not stopped:
        if request == DIFFERENCES and workers is not None:
            request = _put_differences(asking, _Evaluation(func, args), workers)
        else:
            request = _minpack.answer(asking, *functions, at_once)
        if reports is not None:
            stopped = reports.are_stopped(asking)
    info, finite, nfev, njev, x[:], fvec, fjac, ipvt, qtf = _minpack.results(asking)
    return NOT_FINISHED if stopped else info, finite, nfev, njev, fvec, fjac, ipvt, qtf


def _check(callback: object, workers: object, vectorized: bool) -> None:
    """Refuse what cannot be done, before anything is computed."""
    if callback is not None:
        require_bundled("callback")
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {callback!r}")
    if workers is not None:
        require_bundled("workers")
        if not callable(workers):
            raise TypeError(f"workers must be a callable like map, not {workers!r}")
        if vectorized:
            raise ValueError(f"workers={workers!r} cannot go with vectorized=True: choose one")
    if vectorized:
        require_bundled("vectorized")


def _put_differences(asking: object, evaluation: _Evaluation, workers: Workers) -> int:
    """Let workers evaluate the points of a difference Jacobian; return what is wanted next."""
    points = _minpack.points(asking)
    request, count = DIFFERENCES, 0
    for result in workers(evaluation, [point.copy() for point in points]):
        if isinstance(result, _Stopped):
            raise result.error
        if count < len(points):
            request = _minpack.put(asking, count, result)
        count += 1
    if count != len(points):
        raise ValueError(f"workers returned {count} results for {len(points)} points")
    return request


class _Reports:
    """Calls the callback after each step, by SciPy's convention: its parameters' names decide."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.steps = 0
        try:
            parameters = list(inspect.signature(callback).parameters.values())
        except (TypeError, ValueError):  # nobody knows them of some builtins
            parameters = []
        sole = parameters[0] if len(parameters) == 1 else None
        self.wants_all = (
            sole is not None
            and sole.name == "intermediate_result"
            and sole.kind not in (sole.VAR_POSITIONAL, sole.VAR_KEYWORD)
        )
        self.by_position = sole is not None and sole.kind is sole.POSITIONAL_ONLY

    def are_stopped(self, asking: object) -> bool:
        """Report if a step has been taken since the last time; return whether that is enough."""
        x, fun, nit, nfev = _minpack.iterate(asking)
        if nit == self.steps:
            return False
        self.steps = nit
        try:
            self._report(x, fun, nit, nfev)
        except StopIteration:
            return True
        return False

    def _report(self, x: Vector, fun: Vector, nit: int, nfev: int) -> None:
        if not self.wants_all:
            self.callback(x)
            return
        norm = _minpack.enorm(fun)
        result = IntermediateResult(x, fun, 0.5 * norm * norm, nit, nfev)
        if self.by_position:
            self.callback(result)
        else:
            self.callback(intermediate_result=result)


def _improper(
    x: Vector,
    fvec: Vector,
    functions: tuple[Residual, tuple[Any, ...], Residual | None, bool, bool],
) -> Outcome:
    """Return the outcome where an argument is out of range; Dfun is called all the same."""
    m, n = fvec.size, x.size
    if n > 0 and functions[2] is not None:
        asking = _minpack.begin(x, m, True, 0.0, 0.0, 0.0, 1, 1.0, None, 0.0)
        _minpack.put(asking, 0, fvec)
        _minpack.answer(asking, *functions, False)
    zeros = np.zeros((n, m)), np.zeros(n, np.int32), np.zeros(n)
    return IMPROPER_INPUT, True, 0, 0, fvec, *zeros
