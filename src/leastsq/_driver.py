"""The driver of leastsq() with a callback, workers or vectorized functions.

Without them the driver is compiled, _solve.c.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Matrix, Permutation, Vector, require_bundled, require_callable
from leastsq._outcome import IMPROPER_INPUT, STOPPED, UNFINISHED
from leastsq._workers import Workers, checked_map

if sys.version_info >= (3, 14):
    import annotationlib

__all__ = ["Callback", "IntermediateResult", "Request", "Residual", "solve"]

Residual = Callable[..., npt.ArrayLike]
Callback = Callable[..., object]
Outcome = tuple[int, bool, int, int, Vector, Matrix, Permutation, Vector]

Functions = tuple[Any, tuple[Any, ...], Residual | None, bool, bool]
"""func (if compiled, the capsule of bind), its extra arguments, Dfun, whether Dfun returns (N, M),
and whether they are vectorized."""
SolveSettings = tuple[float, float, float, int, float, Vector | None]
"""ftol, xtol, gtol, limit on nfev, factor, diag."""


class Request(IntEnum):
    """The requests of a solve, with their numbers in leastsq.h."""

    NOTHING = 0
    RESIDUAL = 1
    JACOBIAN = 2
    DIFFERENCES = 3


@dataclass(frozen=True, eq=False)
class IntermediateResult:
    """The state of a solve after an accepted step.

    A callback of `leastsq` whose only parameter is ``intermediate_result`` gets it.

    Attributes
    ----------
    x : ndarray, shape (N,)
        The point reached.
    fun : ndarray, shape (M,)
        The residual there.
    cost : float
        Half the sum of its squares.
    nit : int
        Accepted steps so far.
    nfev : int
        Points at which func was evaluated so far.

    See Also
    --------
    leastsq : Calls the callback.

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq import leastsq
    >>> def report(intermediate_result):
    ...     print(intermediate_result.nit, f"{intermediate_result.cost:.1e}")
    >>> x, ier = leastsq(lambda p: [p[0] - 3.0, 2.0 * (p[0] - 3.0)], [1.0], callback=report)
    1 0.0e+00
    """

    x: Vector
    fun: Vector
    cost: float
    nit: int
    nfev: int


class _RaisedStopIteration:
    """A StopIteration that func raised, as a value: raised, it would end the map itself."""

    def __init__(self, error: StopIteration) -> None:
        self.error = error


class _Evaluation:
    """Func with its extra arguments, for a worker; it can be pickled if they can."""

    def __init__(self, func: Residual, args: tuple[Any, ...]) -> None:
        self.func = func
        self.args = args

    def __call__(self, x: Vector) -> Any:  # noqa: ANN401  (whatever func returns)
        try:
            return self.func(x, *self.args)
        except StopIteration as error:
            return _RaisedStopIteration(error)


def solve(
    functions: Functions,
    analytic: bool,
    x: Vector,
    settings: SolveSettings,
    epsfcn: float | None,
    callback: Callback | None,
    workers: Workers | None,
) -> Outcome:
    """Do as `_minpack.solve` does; x is overwritten. If callback stops the solve info is -2."""
    func, args, _, _, vectorized = functions
    _check(callback, workers, vectorized)
    fvec, relative_error = _minpack.first_residual(func, x, args, vectorized)
    if relative_error is None:
        return _ended(STOPPED, 1, fvec, x.size)
    state = None
    if x.size > 0:
        step_from = relative_error if epsfcn is None else epsfcn
        state = _minpack.begin(x, fvec.size, analytic, *settings, step_from)
    if state is None or _minpack.status(state)[0] == Request.NOTHING:
        return _improper(functions, x, fvec)
    return _run(state, _minpack.put(state, 0, fvec), functions, x, callback, workers)


def _run(
    state: object,
    request: int,
    functions: Functions,
    x: Vector,
    callback: Callback | None,
    workers: Workers | None,
) -> Outcome:
    """Answer requests until the solve ends or is stopped."""
    func, args = functions[:2]
    progress = None if callback is None else _CallbackRunner(callback)
    to_the_end, stopped = callback is None and workers is None, False
    while request != Request.NOTHING and not stopped:
        if request == Request.DIFFERENCES and workers is not None:
            request = _evaluate_differences(state, _Evaluation(func, args), workers)
        else:
            request = _minpack.answer(state, *functions, to_the_end)
        if progress is not None:
            stopped = progress.report_step(state)
    info, finite, nfev, njev, x[:], fvec, fjac, ipvt, qtf = _minpack.results(state)
    return UNFINISHED if stopped else info, finite, nfev, njev, fvec, fjac, ipvt, qtf


def _check(callback: object, workers: object, vectorized: bool) -> None:
    """Check the keyword-only arguments before anything is computed."""
    if callback is not None:
        require_bundled("callback")
        require_callable("callback", callback)
    if workers is not None:
        require_bundled("workers")
        require_callable("workers", workers, "a callable like map")
        if vectorized:
            raise ValueError(f"workers={workers!r} cannot go with vectorized=True: choose one")
    if vectorized:
        require_bundled("vectorized")


def _evaluate_differences(state: object, evaluation: _Evaluation, workers: Workers) -> int:
    """Have workers evaluate the points of a difference Jacobian; return the next request."""
    points = _minpack.points(state)
    request = int(Request.DIFFERENCES)
    for column, result in enumerate(
        checked_map(workers, evaluation, [point.copy() for point in points], "points")
    ):
        if isinstance(result, _RaisedStopIteration):
            raise result.error
        request = _minpack.put(state, column, result)
    return request


class _CallbackRunner:
    """Calls the callback after each step, with the arguments that its parameters ask for."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.steps = 0
        sole = _sole_parameter(callback)
        self.wants_result = (
            sole is not None
            and sole.name == "intermediate_result"
            and sole.kind not in (sole.VAR_POSITIONAL, sole.VAR_KEYWORD)
        )
        self.by_position = sole is not None and sole.kind is sole.POSITIONAL_ONLY

    def report_step(self, state: object) -> bool:
        """Call the callback if a step has been taken; return whether it stops the solve."""
        x, fun, nit, nfev = _minpack.current_point(state)
        if nit == self.steps:
            return False
        self.steps = nit
        try:
            self._report(x, fun, nit, nfev)
        except StopIteration:
            return True
        return False

    def _report(self, x: Vector, fun: Vector, nit: int, nfev: int) -> None:
        if not self.wants_result:
            self.callback(x)
            return
        norm = _minpack.enorm(fun)
        result = IntermediateResult(x, fun, 0.5 * norm * norm, nit, nfev)
        if self.by_position:
            self.callback(result)
        else:
            self.callback(intermediate_result=result)


def _sole_parameter(function: Callable[..., object]) -> inspect.Parameter | None:
    """Return the only parameter of a function, if it has one and that can be known."""
    annotated: dict[str, Any] = {}
    if sys.version_info >= (3, 14):  # annotations may have names that only type checkers know
        annotated["annotation_format"] = annotationlib.Format.FORWARDREF
    try:
        parameters = list(inspect.signature(function, **annotated).parameters.values())
    except MemoryError:
        raise
    except Exception:  # such as no signature, or a __signature__ that raises
        return None
    return parameters[0] if len(parameters) == 1 else None


def _improper(functions: Functions, x: Vector, fvec: Vector) -> Outcome:
    """Return the outcome where an argument is out of range.

    What Dfun returns is checked all the same (unless N = 0), by a solve with proper arguments.
    """
    m, n = fvec.size, x.size
    if n > 0 and functions[2] is not None:
        state = _minpack.begin(x, m, True, 0.0, 0.0, 0.0, 1, 1.0, None, 0.0)
        _minpack.put(state, 0, fvec)
        _minpack.answer(state, *functions, False)
    return _ended(IMPROPER_INPUT, 0, fvec, n)


def _ended(info: int, nfev: int, fvec: Vector, n: int) -> Outcome:
    """Return the outcome of a solve that has not started."""
    zeros = np.zeros((n, fvec.size)), np.zeros(n, np.int32), np.zeros(n)
    return info, True, nfev, 0, fvec, *zeros


IntermediateResult.__module__ = "leastsq"
