"""How leastsq_many fits the problems of a tile: they go through the slots of a batch to their ends.

The batch, _batch.c, says which slots want a residual or a Jacobian, and resumes them; how they are
answered is the business of the kinds of run: _many_python.py, _many_kinds.py, _many_compiled.py.
A run can be sent elsewhere.
"""

import contextlib
import copy
import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Numbers, Residual
from leastsq._outcome import IMPROPER_INPUT, STOPPED, UNFINISHED
from leastsq._problems import Index, Tile

__all__ = [
    "MOST_ERRORS", "WEIGHTS_AT_ONCE", "Enough", "Options", "RefusedNanError", "Report",
    "Results", "Run",
]  # fmt: skip

Report = Callable[[int], None]
"""Gets the number of fits done; raises Enough where that is wished."""

MOST_ERRORS = 100
MOST_BYTES = 64_000_000
WEIGHTS_AT_ONCE = 1_000_000
"""That are read together, whatever their type."""
OMIT = 1  # of nan_policy


@dataclass(frozen=True)
class Options:
    """What the user chose, checked."""

    func: Any
    """A function, or a CompiledResidual."""
    dfun: Residual | None
    analytic: bool
    """Whether Jacobians are the user's, dfun's or the function's own."""
    args: tuple[Any, ...]
    transposed: bool
    nan_policy: int
    cov: bool
    numbers: Numbers
    epsfcn: float | None
    n: int
    shape: tuple[int, ...]
    """Of the whole batch."""
    weights_shape: tuple[int, ...] | None
    """None without weights."""


class Results:
    """Arrays with a row a problem; what nothing is known of is NaN, not run, or x0."""

    def __init__(self, x: Vector, cov: bool) -> None:
        count, n = x.shape
        self.x = x
        self.cov = np.full((count, n, n), np.nan) if cov else None
        self.variance = np.full((count, n), np.nan)
        self.ssq = np.full(count, np.nan)
        self.dof = np.zeros(count, np.int64)
        self.ier = np.full(count, UNFINISHED, np.int32)
        self.nfev = np.zeros(count, np.int32)
        self.njev = np.zeros(count, np.int32)
        self.success = np.zeros(count, np.bool_)

    def arrays(self) -> tuple[npt.NDArray[Any] | None, ...]:
        """Return them in the order in which the batch takes them."""
        return (
            self.x, self.cov, self.variance, self.ssq, self.dof, self.ier, self.nfev, self.njev,
            self.success,
        )  # fmt: skip

    def part(self, first: int, last: int) -> "Results":
        """Return views of the rows of some problems."""
        some = copy.copy(self)
        for name, array in vars(self).items():
            setattr(some, name, None if array is None else array[first:last])
        return some

    def store(self, places: Index, part: "Results") -> None:
        """Take those of some problems."""
        for whole, some in zip(self.arrays(), part.arrays(), strict=True):
            if whole is not None and some is not None:
                whole[places] = some


class Run(ABC):
    """What all kinds of run have in common."""

    vectorized: bool
    """Whether functions take several points at once."""
    needs_python = True
    """Whether an evaluation needs Python all the time; a vectorized or compiled one does not."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.m = 0
        self.epsfcn = options.epsfcn
        self.errors: dict[int | tuple[int, ...], Exception] = {}
        self.first: Vector | None = None
        """Residual of the first problem of the next tile, if m was found by it."""
        self.proved = False
        """Whether func has been seen to keep problems apart."""
        self.later = False
        """Whether other tasks' problems come before: a wrong shape is then a fit's own affair."""
        self.errstate: Mapping[str, Any] = {}
        """NumPy's of the caller, for where it does not hold by itself."""

    @abstractmethod
    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        """Fit a tile's problems, m being known. Enough leaves what there is."""

    @abstractmethod
    def watched(self, look: Callable[[], None]) -> Self:
        """Return a run that looks for a stop often enough: where it reports, or more often."""

    @property
    def function(self) -> Residual:
        """What Python calls."""
        function: Residual = self.options.func
        return function

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        """Return what func gets of a problem alone after p."""
        return (*[rows.one(problem) for rows in tile.data], *self.options.args)

    def for_a_task(self) -> Self:
        """Return a run for some of the problems; those that follow are later."""
        run = copy.copy(self)
        run.errors = {}
        run.errstate = {  # a callback stays here
            kind: "warn" if how in ("call", "log") else how for kind, how in np.geterr().items()
        }
        self.first, self.later = None, True
        return run

    def affordable(self, slots: int) -> int:
        """Return so many slots, or as many as have room in 64 MB."""
        m, n = self.m, self.options.n
        return max(1, min(slots, MOST_BYTES // (8 * (m * n + 3 * m + 7 * n + 19))))

    def batch(self, slots: int, part: Results) -> object:
        ftol, xtol, gtol, limit, factor, scale = self.options.numbers
        policy, weighted = self.options.nan_policy, self.options.weights_shape is not None
        return _minpack.batch(
            slots, self.m, self.options.n, self.options.analytic,
            weighted or policy == OMIT, policy,
            (ftol, xtol, gtol, limit, factor, scale, self.epsfcn or 0.0), part.arrays(),
        )  # fmt: skip

    def find_m(self, tile: Tile, part: Results, report: Report) -> int:
        """Evaluate problems until one has a residual; return how many before it have ended.

        That one becomes the first problem to fit.
        """
        for problem in self._weighted(tile, part):
            raised: list[Exception] = []

            def func(
                x: Vector, *args: object, raised: list[Exception] = raised
            ) -> npt.ArrayLike:
                try:
                    return self.function(x, *args)
                except Exception as error:
                    raised.append(error)
                    raise

            args = self.arguments(tile, problem)
            try:
                fvec, relative = _minpack.first_residual(
                    func, part.x[problem], args, self.vectorized
                )
            except Exception as error:
                if not raised:
                    raise
                self.keep(tile, problem, error)
                part.ier[problem], part.nfev[problem] = STOPPED, 1
                report(problem + 1)
                continue
            self.know_m(fvec.size)
            self.epsfcn = relative if self.epsfcn is None else self.epsfcn
            self.first = fvec
            return problem
        return len(tile.flat)

    def _weighted(self, tile: Tile, part: Results) -> Iterator[int]:
        """Go through the problems that can be evaluated with their weights; the others end."""
        total = len(tile.flat)
        if tile.weights is None:
            yield from range(total)
            return
        length = max(1, WEIGHTS_AT_ONCE // max(1, tile.weights.array.shape[-1]))
        for first in range(0, total, length):
            some = np.arange(first, min(first + length, total))
            weights = tile.weights.all_of(some)
            samples = np.count_nonzero(weights, axis=1)
            proper = (np.isfinite(weights) & (weights >= 0.0)).all(axis=1)
            proper &= samples >= self.options.n
            part.dof[some] = samples - self.options.n
            part.ier[some[~proper]] = IMPROPER_INPUT
            yield from some[proper].tolist()

    def know_m(self, m: int) -> None:
        shape = self.options.weights_shape
        if shape is not None and shape[-1] != m:
            raise ValueError(
                f"weights of shape {shape} are for M={shape[-1]} samples, "
                f"but func returns M={m} residuals"
            )
        self.m = m

    def keep(self, tile: Tile, problem: int, error: Exception) -> None:
        """Remember a copy of an exception, if there are not too many already."""
        if len(self.errors) < MOST_ERRORS:
            self.errors[self.place(tile, problem)] = _portable(error)

    def place(self, tile: Tile, problem: int) -> int | tuple[int, ...]:
        flat = int(tile.flat[problem])
        if len(self.options.shape) == 1:
            return flat
        return tuple(int(i) for i in np.unravel_index(flat, self.options.shape))

    def refuse_nan(self, tile: Tile, problem: int) -> None:
        if problem >= 0:
            place = self.place(tile, problem)
            raise RefusedNanError(
                f"the residual of problem {place} has a NaN at x0, and nan_policy is 'raise'"
            )


class Enough(BaseException):
    """Progress, or an interrupt, has asked to stop; no exception of a function."""


class RefusedNanError(ValueError):
    """A residual at x0 is NaN where nan_policy is raise."""


def _portable(error: Exception) -> Exception:
    """Return a copy of an exception whose traceback is a note; or RuntimeError, if it has none."""
    text = f"{type(error).__name__}, whose text cannot be had"  # whatever its class does to it
    with contextlib.suppress(Exception):
        text = "".join(traceback.format_exception(error))
    with contextlib.suppress(Exception):
        twin = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
        if type(twin) is type(error):
            twin.add_note(text)
            return twin
    lines = traceback.format_exception_only(type(error), None)
    with contextlib.suppress(Exception):
        lines = traceback.format_exception_only(error)
    plain = RuntimeError("".join(lines).strip())
    plain.add_note(text)
    return plain
