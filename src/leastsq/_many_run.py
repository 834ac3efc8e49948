"""One run of leastsq_many: problems go into the slots of a batch, tile by tile, and are answered.

The batch, _batch.c, says which slots want a residual or a Jacobian, and resumes them. Vectorized
functions answer all of them at once; functions of one point finish a slot before the next.
"""

import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Numbers, Request, Residual
from leastsq._many_result import LeastsqManyResult
from leastsq._outcome import IMPROPER_INPUT, UNFINISHED
from leastsq._problems import Index, Problems, Tile

__all__ = ["Enough", "OneByOne", "Options", "Run", "Vectorized"]

Slots = npt.NDArray[np.int32]
Failed = npt.NDArray[np.bool_]
STOPPED_BY_EXCEPTION = -1
MOST_ERRORS = 100
PROPAGATE, OMIT, RAISE = range(3)
ONE_POINT = 64
"""Slots of functions of one point: each is finished before the next."""
FITTING, MOST_SLOTS = 16384, 256
GUARD = 1e4
"""Relative errors by which a row of several may differ from the same alone."""


@dataclass(frozen=True)
class Options:
    """What the user chose, checked."""

    func: Residual
    dfun: Residual | None
    args: tuple[Any, ...]
    transposed: bool
    nan_policy: int
    cov: bool
    numbers: Numbers
    epsfcn: float | None


class _Results:
    """Arrays with a row a problem; what nothing is known of is NaN, not run, or x0."""

    def __init__(self, count: int, n: int, cov: bool) -> None:
        self.x = np.full((count, n), np.nan)
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

    def store(self, places: Index, part: "_Results") -> None:
        """Take a tile's."""
        for whole, some in zip(self.arrays(), part.arrays(), strict=True):
            if whole is not None and some is not None:
                whole[places] = some


class Run(ABC):
    """What both kinds of function have in common."""

    def __init__(
        self, options: Options, problems: Problems, report: Callable[[int], None]
    ) -> None:
        self.options = options
        self.problems = problems
        self.report = report
        self.all = _Results(problems.count, problems.n, options.cov)
        self.all.x[:] = np.broadcast_to(
            problems.starts, (*problems.shape, problems.n)
        ).reshape(-1, problems.n)
        self.errors: dict[int | tuple[int, ...], Exception] = {}
        self.m = 0
        self.epsfcn = options.epsfcn
        self.first: tuple[int, Vector] | None = None
        """The problem by which m was found, until it is begun, and its residual."""

    def to_the_end(self) -> None:
        """Run every problem, or as many as progress allows."""
        done = 0
        if self.problems.count == 0:
            return
        try:
            for tile in self.problems.tiles():
                part = _Results(len(tile.flat), self.problems.n, self.options.cov)
                part.x = tile.starts.all_of(np.arange(len(tile.flat)))
                try:
                    self._run_tile(tile, part, done)
                finally:
                    self.all.store(tile.flat, part)
                done += len(tile.flat)
                self.report(done)
        except Enough:
            pass

    def result(self) -> LeastsqManyResult:
        """Return the arrays in the shape of the batch."""
        shape, n = self.problems.shape, self.problems.n
        every = self.all
        return LeastsqManyResult(
            every.x.reshape(*shape, n),
            None if every.cov is None else every.cov.reshape(*shape, n, n),
            every.ssq.reshape(shape),
            every.dof.reshape(shape),
            every.ier.reshape(shape),
            every.nfev.reshape(shape),
            every.njev.reshape(shape),
            every.success.reshape(shape),
            self.errors,
            _variance=every.variance.reshape(*shape, n),
        )

    @abstractmethod
    def _slots(self) -> int:
        """Return how many problems are in work together."""

    @abstractmethod
    def _answer(self, batch: object, tile: Tile, done: int) -> None:
        """Answer every slot."""

    @abstractmethod
    def _arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        """Return what func gets of a problem alone after p."""

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        """Look at slots that have been filled; return how many are still in use."""
        return active

    def _run_tile(self, tile: Tile, part: _Results, done: int) -> None:
        """Take a tile's problems into the slots, one after the other, until all have ended."""
        begun, total = (self._find_m(tile, part) if self.m == 0 else 0), len(tile.flat)
        if begun == total:
            return
        slots, active = min(self._slots(), total - begun), 0
        batch = self._batch(slots, part)
        try:
            while begun < total or active > 0:
                if begun < total and active < slots:
                    some = np.arange(begun, min(begun + slots - active, total))
                    weights = None if tile.weights is None else tile.weights.all_of(some)
                    active = _minpack.batch_fill(
                        batch, some, tile.starts.all_of(some), weights
                    )
                    begun += len(some)
                    active = self._begin(batch, tile, active)
                self._answer(batch, tile, done + begun - active)
                active = _minpack.batch_advance(batch)
                self.report(done + begun - active)
        except Enough:
            _minpack.batch_stop(batch)
            raise

    def _batch(self, slots: int, part: _Results) -> object:
        ftol, xtol, gtol, limit, factor, scale = self.options.numbers
        policy, weights = self.options.nan_policy, self.problems.weights
        return _minpack.batch(
            slots, self.m, self.problems.n, self.options.dfun is not None,
            weights is not None or policy == OMIT, policy,
            (ftol, xtol, gtol, limit, factor, scale, self.epsfcn or 0.0), part.arrays(),
        )  # fmt: skip

    def _find_m(self, tile: Tile, part: _Results) -> int:
        """Evaluate problems until one has a residual; return how many before it have ended."""
        n, vectorized = self.problems.n, isinstance(self, Vectorized)
        for problem in range(len(tile.flat)):
            if tile.weights is not None and not _are_weights(
                tile.weights.all_of(np.array([problem]))[0], n, part, problem
            ):
                continue
            raised: list[Exception] = []

            def func(
                x: Vector, *args: object, raised: list[Exception] = raised
            ) -> npt.ArrayLike:
                try:
                    return self.options.func(x, *args)
                except Exception as error:
                    raised.append(error)
                    raise

            args = self._arguments(tile, problem)
            try:
                fvec, relative = _minpack.first_residual(func, part.x[problem], args, vectorized)
            except Exception as error:
                if not raised:
                    raise
                self._keep(tile, problem, error)
                part.ier[problem], part.nfev[problem] = STOPPED_BY_EXCEPTION, 1
                continue
            self._know_m(fvec.size)
            self.epsfcn = relative if self.epsfcn is None else self.epsfcn
            self.first = problem, fvec
            return problem
        return len(tile.flat)

    def _know_m(self, m: int) -> None:
        weights = self.problems.weights
        if weights is not None and weights.shape[-1] != m:
            raise ValueError(
                f"weights of shape {weights.shape} are for M={weights.shape[-1]} samples, "
                f"but func returns M={m} residuals"
            )
        self.m = m

    def _keep(self, tile: Tile, problem: int, error: Exception) -> None:
        """Remember an exception, if there are not too many already, without its traceback."""
        if len(self.errors) < MOST_ERRORS:
            self.errors[self._place(tile, problem)] = _portable(error)

    def _place(self, tile: Tile, problem: int) -> int | tuple[int, ...]:
        flat = int(tile.flat[problem])
        if len(self.problems.shape) == 1:
            return flat
        return tuple(int(i) for i in np.unravel_index(flat, self.problems.shape))

    def _refuse_nan(self, tile: Tile, problem: int) -> None:
        if problem >= 0:
            place = self._place(tile, problem)
            raise RefusedNanError(
                f"the residual of problem {place} has a NaN at x0, and nan_policy is 'raise'"
            )


class OneByOne(Run):
    """Functions of one point."""

    def _slots(self) -> int:
        return ONE_POINT

    def _arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        return (*[rows.one(problem) for rows in tile.data], *self.options.args)

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        """Hand over the residual that is known already: it is evaluated once."""
        if self.first is None:
            return active
        _, fvec = self.first
        self.first = None
        slots, _ = _minpack.batch_wanting(batch, Request.RESIDUAL)
        self._refuse_nan(tile, _minpack.batch_put(batch, slots[:1], -1, fvec[None]))
        return _minpack.batch_advance(batch)

    def _answer(self, batch: object, tile: Tile, done: int) -> None:
        choice = self.options
        for request in (Request.RESIDUAL, Request.JACOBIAN, Request.DIFFERENCES):
            slots, problems = _minpack.batch_wanting(batch, request)
            for slot, problem in zip(slots.tolist(), problems.tolist(), strict=True):
                args = self._arguments(tile, problem)
                try:
                    refused = _minpack.batch_call(
                        batch, slot, choice.func, args, choice.dfun, choice.transposed
                    )
                except Exception as error:
                    self._keep(tile, problem, error)
                    _minpack.batch_fail(batch, slot)
                else:
                    self._refuse_nan(tile, refused)
                done += 1
                self.report(done)


class Vectorized(Run):
    """Functions of several points, which are those of several problems."""

    def _arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        return (*_rows_of(tile, np.array([problem])), *self.options.args)

    def _slots(self) -> int:
        return _fitting(self.m)

    def _answer(self, batch: object, tile: Tile, done: int) -> None:
        for request in (Request.RESIDUAL, Request.JACOBIAN, Request.DIFFERENCES):
            slots, problems = _minpack.batch_wanting(batch, request)
            each = self.m * (self.problems.n if request == Request.JACOBIAN else 1)
            most = _fitting(each)
            for first in range(0, len(slots), most):
                some = slice(first, first + most)
                self._answer_some(_Asked(batch, tile, slots[some], problems[some]), request)

    def _answer_some(self, asked: "_Asked", request: Request) -> None:
        """Answer slots that want the same."""
        columns = range(self.problems.n) if request == Request.DIFFERENCES else (-1,)
        for column in columns:
            if self._answer_at_once(asked, request, column):
                continue
            failed = self._answer_singly(asked, request, column)
            if failed.all():
                return
            if failed.any():
                asked = _Asked(
                    asked.batch, asked.tile, asked.slots[~failed], asked.problems[~failed]
                )

    def _answer_at_once(self, asked: "_Asked", request: Request, column: int) -> bool:
        """Answer slots by one call; return whether that went well."""
        first, self.first = self.first, None
        try:
            result = self._call(asked, request, column)
        except Exception:  # of which slot, is to be found out
            return False
        guard = first is not None and len(asked.slots) > 1
        try:
            self._put(asked, result, request, column)
        except RefusedNanError:
            raise
        except (TypeError, ValueError):
            if guard:
                raise
            return False
        if first is not None and guard:
            _compare(np.asarray(result)[0], first[1], self._place(asked.tile, first[0]))
        return True

    def _answer_singly(self, asked: "_Asked", request: Request, column: int) -> Failed:
        """Answer slots one by one; those that raise alone fail. Return which."""
        failed = np.zeros(len(asked.slots), np.bool_)
        for i in range(len(asked.slots)):
            alone = _Asked(
                asked.batch, asked.tile, asked.slots[i : i + 1], asked.problems[i : i + 1]
            )
            try:
                self._put(alone, self._call(alone, request, column), request, column)
            except RefusedNanError:
                raise
            except Exception as error:
                self._keep(asked.tile, int(alone.problems[0]), error)
                _minpack.batch_fail(asked.batch, int(alone.slots[0]))
                failed[i] = True
        return failed

    def _call(self, asked: "_Asked", request: Request, column: int) -> Any:  # noqa: ANN401
        function = self.options.dfun if request == Request.JACOBIAN else self.options.func
        return function(asked.points(column), *asked.rows, *self.options.args)  # type: ignore[misc]

    def _put(self, asked: "_Asked", result: object, request: Request, column: int) -> None:
        if request == Request.JACOBIAN:
            _minpack.batch_put_jacobian(
                asked.batch, asked.slots, result, self.options.transposed
            )
        else:
            refused = _minpack.batch_put(asked.batch, asked.slots, column, result)
            self._refuse_nan(asked.tile, refused)


class _Asked:
    """Slots that want the same, with their points and their rows of the data."""

    def __init__(self, batch: object, tile: Tile, slots: Slots, problems: Index) -> None:
        self.batch, self.tile, self.slots, self.problems = batch, tile, slots, problems
        self.rows = _rows_of(tile, problems)
        self._points, self._stepped = _minpack.batch_points(batch, slots)

    def points(self, column: int) -> Vector:
        """Return p, shape (N, S, 1), fresh; for a column of the difference Jacobian, or -1."""
        p = self._points.copy()
        if column >= 0:
            p[column, :, 0] = self._stepped[column]
        return p


class Enough(Exception):  # noqa: N818  (it is no error)
    """Progress has asked to stop."""


class RefusedNanError(ValueError):
    """A residual at x0 is NaN where nan_policy is raise."""


def _fitting(numbers: int) -> int:
    """Return how many rows of so many numbers malloc has room for without asking the system."""
    return min(max(FITTING // numbers, 8), MOST_SLOTS)


def _rows_of(tile: Tile, problems: Index) -> tuple[npt.NDArray[Any], ...]:
    return tuple(rows.many(problems) for rows in tile.data)


def _are_weights(weights: Vector, n: int, part: _Results, problem: int) -> bool:
    """Return whether a problem can be evaluated with its weights; leave its ending if not."""
    samples = np.count_nonzero(weights)
    part.dof[problem] = samples - n
    proper = bool(np.isfinite(weights).all() and (weights >= 0.0).all() and samples >= n)
    if not proper:
        part.ier[problem] = IMPROPER_INPUT
    return proper


def _compare(row: npt.NDArray[Any], alone: Vector, place: object) -> None:
    """Refuse a vectorized function that mixes problems."""
    eps = np.finfo(row.dtype).eps if row.dtype.kind == "f" else np.finfo(np.float64).eps
    finite = np.abs(alone[np.isfinite(alone)])
    tolerance = GUARD * float(eps) * float(finite.max(initial=0.0))
    if not np.allclose(row, alone, rtol=0.0, atol=tolerance, equal_nan=True):
        raise ValueError(
            f"func gives problem {place} other residuals among others than alone: one of several "
            "problems must not depend on the rest (reductions over samples are along axis=-1)"
        )


def _portable(error: Exception) -> Exception:
    """Return an exception without its traceback, whose text becomes a note, fit for pickling."""
    text = "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    except Exception:
        copy = None
    if type(copy) is not type(error):
        error = RuntimeError("".join(traceback.format_exception_only(error)).strip())
    error.__traceback__ = error.__cause__ = error.__context__ = None
    error.add_note(text)
    return error
