"""How leastsq_many fits the problems of a tile: each occupies a slot of a batch until it ends.

The batch, _batch.c, lists the slots' requests and resumes the slots. Requests are answered by the
kinds of run: _many_python.py, _many_kinds.py, _many_compiled.py. A run can be pickled, for workers.
"""

import contextlib
import copy
import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Residual, SolveSettings
from leastsq._outcome import IMPROPER_INPUT, STOPPED, UNFINISHED
from leastsq._problems import Index, Tile

__all__ = [
    "MAX_ERRORS", "WEIGHTS_PER_READ", "Options", "RefusedNanError", "Report", "Results", "Run",
    "StopRun", "dump_error", "load_error",
]  # fmt: skip

Report = Callable[[int], None]
"""Gets the number of fits done; raises StopRun to stop the run."""

MAX_ERRORS = 100
MAX_BYTES = 64_000_000
WEIGHTS_PER_READ = 1_000_000
"""Weights that are converted to doubles together."""
OMIT = 1  # nan_policy, as in _batch.h


@dataclass(frozen=True)
class Options:
    """What the user chose, checked."""

    func: Any
    """A function, or a CompiledResidual."""
    dfun: Residual | None
    analytic: bool
    """Whether dfun, or a compiled func, computes Jacobians."""
    args: tuple[Any, ...]
    transposed: bool
    nan_policy: int
    cov: bool
    settings: SolveSettings
    epsfcn: float | None
    n: int
    shape: tuple[int, ...]
    """Of the whole batch."""
    weights_shape: tuple[int, ...] | None
    """None without weights."""


class Results:
    """Arrays with a row for each problem; before a fit they have x0, NaN, zeros and ier -2."""

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
        """Store the results of some problems."""
        for whole, some in zip(self.arrays(), part.arrays(), strict=True):
            if whole is not None and some is not None:
                whole[places] = some


class Run(ABC):
    """What all kinds of run have in common."""

    vectorized: bool
    """Whether functions take several points at once."""
    needs_python = True
    """Whether the GIL is held during most of a fit: not if func is vectorized or compiled."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.m = 0
        self.epsfcn = options.epsfcn
        self.errors: dict[int | tuple[int, ...], Exception] = {}
        self.known_fvec: Vector | None = None
        """Residual at x0 of the next tile's first problem, if m was determined by it."""
        self.independence_checked = False
        """Whether a vectorized func has been found not to mix problems."""
        self.follows_others = False
        """Whether other tasks have problems before: a wrong shape is then the error of a fit."""
        self.errstate: Mapping[str, Any] = {}
        """The caller's numpy.geterr(), for processes and threads."""

    @abstractmethod
    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        """Fit a tile's problems; m is known. After a StopRun part has the results so far."""

    @abstractmethod
    def with_stop_checks(self, check_stop: Callable[[], None]) -> Self:
        """Return a run that calls check_stop often enough, unless its reports are often enough."""

    @property
    def function(self) -> Residual:
        """The function that is called from Python."""
        function: Residual = self.options.func
        return function

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        """Return the arguments of func after p, for one problem."""
        return (*[rows.one(problem) for rows in tile.data], *self.options.args)

    def for_task(self) -> Self:
        """Return a run for one task; the tasks after it have others before them."""
        run = copy.copy(self)
        run.errors = {}
        run.errstate = {  # the functions of errcall stay in this process
            kind: "warn" if how in ("call", "log") else how for kind, how in np.geterr().items()
        }
        self.known_fvec, self.follows_others = None, True
        return run

    def slots_in_memory(self, slots: int) -> int:
        """Return the number of slots, or how many of them fit in MAX_BYTES."""
        m, n = self.m, self.options.n
        return max(1, min(slots, MAX_BYTES // (8 * (m * n + 3 * m + 7 * n + 19))))

    def batch(self, slots: int, part: Results) -> object:
        ftol, xtol, gtol, limit, factor, scale = self.options.settings
        policy, weighted = self.options.nan_policy, self.options.weights_shape is not None
        return _minpack.batch(
            slots, self.m, self.options.n, self.options.analytic,
            weighted or policy == OMIT, policy,
            (ftol, xtol, gtol, limit, factor, scale, self.epsfcn or 0.0), part.arrays(),
        )  # fmt: skip

    def find_m(self, tile: Tile, part: Results, report: Report) -> int:
        """Evaluate problems until one has a residual; return how many have ended before it."""
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
                self.keep_error(tile, problem, error)
                part.ier[problem], part.nfev[problem] = STOPPED, 1
                report(problem + 1)
                continue
            self.set_m(fvec.size)
            self.epsfcn = relative if self.epsfcn is None else self.epsfcn
            self.known_fvec = fvec
            return problem
        return len(tile.flat)

    def _weighted(self, tile: Tile, part: Results) -> Iterator[int]:
        """Yield the problems with valid weights and enough samples; the others end."""
        total = len(tile.flat)
        if tile.weights is None:
            yield from range(total)
            return
        length = max(1, WEIGHTS_PER_READ // max(1, tile.weights.array.shape[-1]))
        for first in range(0, total, length):
            some = np.arange(first, min(first + length, total))
            weights = tile.weights.all_of(some)
            samples = np.count_nonzero(weights, axis=1)
            proper = (np.isfinite(weights) & (weights >= 0.0)).all(axis=1)
            proper &= samples >= self.options.n
            part.dof[some] = samples - self.options.n
            part.ier[some[~proper]] = IMPROPER_INPUT
            yield from some[proper].tolist()

    def set_m(self, m: int) -> None:
        shape = self.options.weights_shape
        if shape is not None and shape[-1] != m:
            raise ValueError(
                f"weights of shape {shape} are for M={shape[-1]} samples, "
                f"but func returns M={m} residuals"
            )
        self.m = m

    def keep_error(self, tile: Tile, problem: int, error: Exception) -> None:
        """Keep a copy of an exception, if there are less than MAX_ERRORS."""
        if len(self.errors) < MAX_ERRORS:
            self.errors[self.index_of(tile, problem)] = _picklable_copy(error)

    def index_of(self, tile: Tile, problem: int) -> int | tuple[int, ...]:
        flat = int(tile.flat[problem])
        if len(self.options.shape) == 1:
            return flat
        return tuple(int(i) for i in np.unravel_index(flat, self.options.shape))

    def refuse_nan(self, tile: Tile, problem: int) -> None:
        if problem >= 0:
            index = self.index_of(tile, problem)
            raise RefusedNanError(
                f"the residual of problem {index} has a NaN at x0, and nan_policy is 'raise'"
            )


class StopRun(BaseException):
    """Stops a run: raised for progress or by a pool, never by a user's function."""


class RefusedNanError(ValueError):
    """A residual at x0 has a NaN, and nan_policy is "raise"."""


def dump_error(error: Exception) -> tuple[bytes | None, RuntimeError]:
    """Return an error that was kept in a form that other processes can read, whatever it is."""
    pickled = None
    with contextlib.suppress(Exception):
        pickled = pickle.dumps(error)
    *_, text = error.__notes__
    summary = traceback.TracebackException(type(error), error, None)
    summary.__notes__ = error.__notes__[:-1]
    return pickled, _plain(summary.format_exception_only(), text)


def load_error(pickled: bytes | None, plain: RuntimeError) -> Exception:
    """Return the error, or a RuntimeError with its text where it cannot be loaded."""
    with contextlib.suppress(Exception):
        error = pickle.loads(pickled or b"")  # noqa: S301  (pickled by dump_error)
        if isinstance(error, Exception):
            if not hasattr(error, "__notes__"):  # a __reduce__ of its own
                error.add_note(plain.__notes__[0])
            return error
    return plain


def _picklable_copy(error: Exception) -> Exception:
    """Return a copy of an exception, its traceback a note; if it cannot be pickled RuntimeError."""
    text = f"{type(error).__name__}, whose text cannot be had"  # its __str__ may raise
    with contextlib.suppress(Exception):
        text = "".join(traceback.format_exception(error))
    with contextlib.suppress(Exception):
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301  (pickled here)
        if type(copied) is type(error):
            copied.add_note(text)
            return copied
    lines: Iterable[str] = traceback.format_exception_only(type(error), None)
    with contextlib.suppress(Exception):
        lines = traceback.format_exception_only(error)
    return _plain(lines, text)


def _plain(lines: Iterable[str], text: str) -> RuntimeError:
    """Return a RuntimeError with a message in lines, and a note."""
    plain = RuntimeError("".join(lines).strip())
    plain.add_note(text)
    return plain
