"""Rows for whole solves from Python: ours against `scipy.optimize.leastsq`."""

import functools
import time
from collections.abc import Callable, Generator, Mapping
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

import leastsq
from benchmark.routines import SIZES
from benchmark.timing import (
    Effort,
    Group,
    Line,
    Row,
    Seconds,
    Timer,
    amount,
    compared,
    interleaved,
    repeated,
)

__all__ = ["SOLVERS", "Solver", "rows", "small_rows"]

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Solver = Callable[..., Any]
Compared = tuple[Seconds, Seconds, str]
"""Times of ours and of the peer in the same rounds, and a note."""

SOLVERS: dict[str, Solver] = {"ours": leastsq.leastsq, "SciPy": scipy.optimize.leastsq}
"""Ours first, then the peer."""

SOLVE, SOLVE_MANY_VARIABLES, MANY_VARIABLES = 0.4, 0.3, 200
"""Targets: our time over SciPy's; the same from this many variables on."""
TARGETS = {
    "tiny": 0.45,
    "tiny full_output": 0.35,
    "exponential": 0.5,
    "evaluation 100x100": 0.65,
    "evaluation 2x2": 0.65,
}
"""Our time over SciPy's."""
ROW_WISE = ((2000, 200), (100_000, 20))
GROWTH_M = tuple((m, 50) for m in (1000, 2000, 4000, 8000, 16_000))
GROWTH_N = tuple((2000, n) for n in (25, 50, 100, 200, 400))


class Dense:
    """A linear model, slightly bent, whose callbacks cost next to nothing.

    They keep their result for every x. Both solvers ask for the same x, to the last bit, so that a
    second solve computes nothing. At x0 they return copies, for SciPy overwrites the arrays that it
    gets there.
    """

    def __init__(self, m: int, n: int, col_deriv: bool) -> None:
        rng = np.random.default_rng(m * n)
        matrix = rng.standard_normal((n, m) if col_deriv else (m, n))
        # The large diagonal keeps even a square matrix well conditioned.
        np.einsum("ii->i", matrix[:n, :n])[:] += 2.0 * np.sqrt(m)
        self.x0 = np.full(n, 0.5)
        self.col_deriv = col_deriv
        self._linear = matrix
        self._bend = 0.05 * np.sqrt(m)
        self._data = np.zeros(m)
        self._data = self._residual(rng.uniform(0.5, 1.5, n)) + 0.1 * rng.standard_normal(m)
        self._start = self.x0.tobytes()
        self._residuals: dict[bytes, Vector] = {}
        self._jacobians: dict[bytes, Matrix] = {}

    def _residual(self, x: Vector) -> Vector:
        values = (x @ self._linear if self.col_deriv else self._linear @ x) - self._data
        values[: x.size] += self._bend * x * x
        return values

    def _jacobian(self, x: Vector) -> Matrix:
        values = self._linear.copy()
        np.einsum("ii->i", values[: x.size, : x.size])[:] += 2.0 * self._bend * x
        return values

    def residual(self, x: Vector) -> Vector:
        """Return the residuals at x."""
        key = x.tobytes()
        if key not in self._residuals:
            self._residuals[key] = self._residual(x)
        values = self._residuals[key]
        return values.copy() if key == self._start else values

    def jacobian(self, x: Vector) -> Matrix:
        """Return the Jacobian at x."""
        key = x.tobytes()
        if key not in self._jacobians:
            self._jacobians[key] = self._jacobian(x)
        values = self._jacobians[key]
        return values.copy() if key == self._start else values

    @property
    def evaluations(self) -> str:
        """How often a solve evaluates the residual and the Jacobian."""
        return f"{len(self._residuals)} and {len(self._jacobians)}"

    def call(self, solver: Solver) -> Callable[[], Any]:
        """Return the solve as a function without arguments."""
        return functools.partial(
            solver, self.residual, self.x0, Dfun=self.jacobian, col_deriv=self.col_deriv
        )

    def share_of_callbacks(self, solver: Solver) -> float:
        """Return the part of a solve's time that is spent in the two callbacks."""
        spent = 0

        def timed(function: Callable[[Vector], Any]) -> Callable[[Vector], Any]:
            def callback(x: Vector) -> Any:  # noqa: ANN401  (whatever the function returns)
                nonlocal spent
                start = time.perf_counter_ns()
                result = function(x)
                spent += time.perf_counter_ns() - start
                return result

            return callback

        start = time.perf_counter_ns()
        solver(timed(self.residual), self.x0, Dfun=timed(self.jacobian), col_deriv=self.col_deriv)
        return spent / (time.perf_counter_ns() - start)


def rows() -> list[Row]:
    """Return the rows of this module."""
    return [
        *(_dense_row(m, n, True) for m, n in SIZES),
        *(_dense_row(m, n, False) for m, n in ROW_WISE),
        *small_rows(Group.SOLVES, SOLVERS, TARGETS.get),
        _growth_row("m", GROWTH_M),
        _growth_row("n", GROWTH_N),
    ]


def small_rows(
    group: Group,
    solvers: Mapping[str, Solver],
    target: Callable[[str], float | None],
    suffix: str = "",
) -> list[Row]:
    """Return the rows of small solves, in which calls count for more than algebra."""
    asked: dict[str, tuple[str, Callable[..., Compared]]] = {
        "tiny": (
            "How long does a solve of two variables take?",
            functools.partial(_tiny, False),
        ),
        "tiny full_output": ("And with full_output?", functools.partial(_tiny, True)),
        "exponential": (
            "What does a solve of y = a exp(-b t) + c at 50 points cost beside its residuals?",
            _exponential,
        ),
        "rosenbrock": ("How long does Rosenbrock's valley take?", _rosenbrock),
        "evaluation 100x100": (
            "What does one more evaluation cost, the residual returning its 100 variables?",
            _evaluation_of_many,
        ),
        "evaluation 2x2": (
            "And in a long solve of two variables, with its share of an iteration?",
            _evaluation_of_two,
        ),
    }

    def run(name: str, effort: Effort) -> list[Line]:
        ours, theirs, note = asked[name][1](solvers, effort)
        return [compared(group, list(solvers)[1], ours, theirs, target(name), note)]

    return [
        Row(name + suffix, question, group, functools.partial(run, name))
        for name, (question, _) in asked.items()
    ]


def _dense_row(m: int, n: int, col_deriv: bool) -> Row:
    name = f"solve {m}x{n}" + ("" if col_deriv else " row-wise")
    layout = "" if col_deriv else ", Dfun returning rows (col_deriv=0)"
    question = f"How long does a solve with Dfun take, {m} residuals of {n} variables{layout}?"
    run = functools.partial(_dense, m, n, col_deriv)
    return Row(name, question, Group.SOLVES, run)


def _growth_row(name: str, sizes: tuple[tuple[int, int], ...]) -> Row:
    (m, n), (last_m, last_n) = sizes[0], sizes[-1]
    question = f"How does time grow with {name}, {m}x{n} to {last_m}x{last_n}? (power)"
    run = functools.partial(_growth, name, sizes)
    return Row(f"growth with {name}", question, Group.AMOUNTS, run, unit="")


def _race(calls: Mapping[str, Callable[[], Any]], effort: Effort) -> Compared:
    times = interleaved({name: repeated(call) for name, call in calls.items()}, effort)
    ours, theirs = times.values()
    return ours, theirs, ""


def _dense(m: int, n: int, col_deriv: bool, effort: Effort) -> list[Line]:
    problem = Dense(m, n, col_deriv)
    calls = {name: problem.call(solver) for name, solver in SOLVERS.items()}
    target = SOLVE_MANY_VARIABLES if n >= MANY_VARIABLES else SOLVE
    ours, theirs, _ = _race(calls, effort)
    shares = [problem.share_of_callbacks(solver) for solver in SOLVERS.values()]
    note = "{} evaluations; {:.0%} and {:.0%} in callbacks".format(problem.evaluations, *shares)
    return [compared(Group.SOLVES, "SciPy", ours, theirs, target, note)]


def _tiny(full_output: bool, solvers: Mapping[str, Solver], effort: Effort) -> Compared:
    def itself(x: Vector) -> Vector:
        return x

    x0 = np.array([1.0, 2.0])
    calls = {
        name: functools.partial(solver, itself, x0, full_output=full_output)
        for name, solver in solvers.items()
    }
    return _race(calls, effort)


def _rosenbrock(solvers: Mapping[str, Solver], effort: Effort) -> Compared:
    def valley(x: Vector) -> Vector:
        return np.array([10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]])

    x0 = np.array([-1.2, 1.0])
    calls = {name: functools.partial(solver, valley, x0) for name, solver in solvers.items()}
    return _race(calls, effort)


def _exponential(solvers: Mapping[str, Solver], effort: Effort) -> Compared:
    t = np.linspace(0.0, 4.0, 50)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.02 * np.random.default_rng(0).standard_normal(t.size)

    def residual(p: Vector) -> Vector:
        a, b, c = p
        values: Vector = a * np.exp(-b * t) + c - y
        return values

    def replay(points: list[Vector]) -> None:
        for p in points:
            residual(p)

    x0 = np.array([1.0, 1.0, 0.0])
    timers: dict[str, Timer] = {}
    points: dict[str, list[Vector]] = {name: [] for name in solvers}
    for name, solver in solvers.items():
        seen = points[name]
        solver(lambda p, seen=seen: seen.append(p.copy()) or residual(p), x0)
        timers[name] = repeated(functools.partial(solver, residual, x0))
        timers[name + " residuals"] = repeated(functools.partial(replay, seen))
    times = interleaved(timers, effort)
    ours, theirs = (times[name] - times[name + " residuals"] for name in solvers)
    note = "{} and {} calls; whole solves {:.1f} and {:.1f} µs".format(
        *(len(seen) for seen in points.values()),
        *(1e6 * float(np.median(times[name])) for name in solvers),
    )
    return ours, theirs, note


def _evaluation_of_many(solvers: Mapping[str, Solver], effort: Effort) -> Compared:
    # Both lengths end within the first difference Jacobian, before any linear algebra.
    x0, lengths = np.linspace(1.0, 2.0, 100), (10, 100)
    timers = {
        f"{name} {length}": _stopped_solves(solver, x0, length)
        for name, solver in solvers.items()
        for length in lengths
    }
    return _cost_per_call(list(solvers), interleaved(timers, effort), lengths)


def _evaluation_of_two(solvers: Mapping[str, Solver], effort: Effort) -> Compared:
    def square(x: Vector) -> Vector:  # each iteration halves x, and no tolerance ends that
        return x * x

    x0, lengths = np.array([1.0, 2.0]), (30, 300)
    settings = {"ftol": 0.0, "xtol": 0.0, "full_output": True}  # full_output: no warning
    timers = {
        f"{name} {length}": repeated(
            functools.partial(solver, square, x0, maxfev=length, **settings)
        )
        for name, solver in solvers.items()
        for length in lengths
    }
    timers["residual"] = repeated(functools.partial(square, x0))
    return _cost_per_call(list(solvers), interleaved(timers, effort), lengths)


def _cost_per_call(
    names: list[str], times: dict[str, Seconds], lengths: tuple[int, int]
) -> Compared:
    short, long = lengths
    residual = times.get("residual", 0.0)
    ours, theirs = (
        (times[f"{name} {long}"] - times[f"{name} {short}"]) / (long - short) - residual
        for name in names
    )
    note = f"difference of solves of {short} and {long} calls"
    if "residual" in times:
        note += ", less the residual's time"
    return ours, theirs, note


def _stopped_solves(solver: Solver, x0: Vector, length: int) -> Timer:
    """Return the timer of solves whose residual ends them by an exception."""

    def timer(calls: int) -> float:
        echoes = [_echo(length) for _ in repeat(None, calls)]
        residuals = [echo.send for echo in echoes if next(echo) is None]
        start = time.perf_counter_ns()
        for residual in residuals:
            try:
                solver(residual, x0)
            except StopIteration:  # its cost cancels in the difference
                pass
        return (time.perf_counter_ns() - start) * 1e-9

    return timer


def _echo(calls: int) -> Generator[Vector | None, Vector, None]:
    """Yield what is sent, that many times; its send is a C function, so a call costs little."""
    x = yield None
    for _ in repeat(None, calls):
        x = yield x


def _growth(name: str, sizes: tuple[tuple[int, int], ...], effort: Effort) -> list[Line]:
    problems = {size: Dense(*size, col_deriv=True) for size in sizes}
    timers = {
        (who, size): repeated(problem.call(solver))
        for who, solver in SOLVERS.items()
        for size, problem in problems.items()
    }
    times = interleaved({f"{who} {size}": timer for (who, size), timer in timers.items()}, effort)
    axis = np.log([size["mn".index(name)] for size in sizes])
    ours, theirs = (
        np.polyfit(axis, np.log([times[f"{who} {size}"] for size in sizes]), 1)[0]
        for who in SOLVERS
    )
    return [amount("SciPy", ours, theirs)]
