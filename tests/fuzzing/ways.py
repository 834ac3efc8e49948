"""One problem solved in every way that there is, compared with leastsq."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from reference import FloatArray, bits

from fuzzing.cases import Verdict
from fuzzing.models import NEVER, BrokenError, Rowwise
from fuzzing.numbers import wild
from fuzzing.solves import case_of, solve_text
from leastsq import LevenbergMarquardt, curve_fit, leastsq

__all__ = ["WAYS", "check_ways", "outcome", "pickling_map"]

Case = dict[str, Any]
"""Has a, b, x0, func, dfun and options, as `solve_text` makes them."""
Calls = tuple[Callable[[], Any], Callable[[], Any]]
"""What is compared: some way, and leastsq."""
Way = Callable[[Case, np.random.Generator], Calls]

SHOW = """\
from fuzzing import ways
rng = np.random.default_rng({seed})
got, want = ways.WAYS[{name!r}](globals(), rng)
print(ways.outcome(got), ways.outcome(want), sep="\\n")
"""


def check_ways(rng: np.random.Generator) -> Iterator[Verdict]:
    """Solve a problem by leastsq and in every other way; all must agree in all that they return."""
    text = solve_text(rng, breaks=rng.choice([NEVER, NEVER, NEVER, 40]))
    case = case_of(text)
    for name, way in WAYS.items():
        seed = int(rng.integers(2**32))
        got, want = way(case, np.random.default_rng(seed))
        shown = text + SHOW.format(name=name, seed=seed)
        yield Verdict(name, bits(outcome(got)) == bits(outcome(want)), None, shown)


def outcome(call: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what a call returns, or the type of its exception, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except BrokenError as error:  # which point was the first is up to the way
            result = type(error).__name__
        except RuntimeError as error:
            result = str(error)
    return result, [str(warning.message) for warning in caught]


def pickling_map(function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
    """Apply a function to each item, all of them pickled on the way, as if to processes."""
    for item in items:
        called, given = pickle.loads(pickle.dumps((function, item)))  # noqa: S301  (our own)
        yield pickle.loads(pickle.dumps(called(given)))  # noqa: S301


def _plain(case: Case, **options: Any) -> Callable[[], Any]:
    return lambda: leastsq(
        case["func"], case["x0"], full_output=True, **(case["options"] | options)
    )


def _ask(case: Case, rng: np.random.Generator) -> Calls:
    return lambda: _tell_in_pieces(case, rng), _plain(case)


def _tell_in_pieces(case: Case, rng: np.random.Generator) -> Any:
    """Tell points in any order and in pieces; pickle the solve in between."""
    options = dict(case["options"])
    dfun, transposed = options.pop("Dfun", None), options.pop("col_deriv", False)
    analytic = dfun is not None
    solve = LevenbergMarquardt(case["x0"], case["b"].size, analytic=analytic, **options)
    while (points := solve.ask()) is not None:
        if rng.random() < 0.1:
            solve = pickle.loads(pickle.dumps(solve))  # noqa: S301  (our own)
        if solve.request == "jacobian":
            jacobian = dfun(points[0])
            solve.tell(points, jacobian.T if transposed else jacobian)
            continue
        some = rng.permutation(len(points))[: rng.integers(1, len(points) + 1)]
        solve.tell(points[some], [case["func"](point) for point in points[some]])
    return solve.result()


def _callback(case: Case, rng: np.random.Generator) -> Calls:
    reports: list[FloatArray] = []

    def report(x: FloatArray) -> None:
        reports.append(x.copy())
        x[:] = np.nan

    return _plain(case, callback=report), _plain(case)


def _workers(case: Case, rng: np.random.Generator) -> Calls:
    return _plain(case, workers=pickling_map), _plain(case)


def _vectorized(case: Case, rng: np.random.Generator) -> Calls:
    options = dict(case["options"], vectorized=True)
    if "Dfun" in options:
        options["Dfun"] = Rowwise(case["dfun"], axis=1 if "col_deriv" in options else 0)
    if rng.random() < 0.5:
        options["callback"] = lambda x: None
    return _plain(case | {"func": Rowwise(case["func"]), "options": options}), _plain(case)


def _curve_fit(case: Case, rng: np.random.Generator) -> Calls:
    """Fit a model to data: the residual is the model less the data, over the uncertainties."""
    func, options = case["func"], dict(case["options"])
    y = wild(rng, case["b"].size) if rng.random() < 0.3 else 0.0 * case["b"]
    sigma = np.abs(wild(rng, y.size)) + 1e-300 if rng.random() < 0.3 else np.ones(y.size)
    y, factors = np.nan_to_num(y), 1.0 / sigma

    def residual(x: FloatArray) -> FloatArray:
        return factors * (func(x) - y)

    def want() -> Any:
        x, cov_x, info, message, ier = leastsq(residual, case["x0"], full_output=True, **options)
        if ier not in range(1, 5):
            raise RuntimeError(f"Optimal parameters not found: {message}")
        if cov_x is None or np.isnan(cov_x).any():
            cov_x = np.full((x.size, x.size), np.inf)
            warnings.warn("Covariance of the parameters could not be estimated", stacklevel=2)
        return x, cov_x, info, message, ier

    def got() -> Any:
        return curve_fit(
            lambda t, *p: func(np.array(p)), None, y, case["x0"], sigma, absolute_sigma=True,
            jac=jac, full_output=True, **rest,
        )  # fmt: skip

    rest, jac, dfun = dict(options), None, case["dfun"]
    if rest.pop("Dfun", None) is not None:
        jac = lambda t, *p: dfun(np.array(p))  # noqa: E731
        scale = factors if "col_deriv" in options else factors[:, None]
        options["Dfun"] = lambda x: scale * dfun(x)
    return got, want


WAYS: dict[str, Way] = {
    "ask and tell": _ask,
    "callback": _callback,
    "workers": _workers,
    "vectorized": _vectorized,
    "curve_fit": _curve_fit,
}
