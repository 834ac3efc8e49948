"""The two kinds of run: functions of one point, and vectorized functions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Request
from leastsq._many_run import RefusedNanError, Run
from leastsq._problems import Index, Tile

__all__ = ["OneByOne", "Vectorized"]

Slots = npt.NDArray[np.int32]
Failed = npt.NDArray[np.bool_]

ONE_POINT = 64
"""Slots for functions of one point."""
FITTING, MOST_SLOTS = 16384, 256
GUARD = 1e4
"""Relative errors by which a row of several may differ from the same alone."""


class OneByOne(Run):
    """Functions of one point, which finish a slot before the next."""

    vectorized = False

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
        ((_, slots, _),) = _minpack.batch_wanting(batch)
        self.refuse_nan(tile, _minpack.batch_put(batch, slots[:1], -1, fvec[None]))
        return _minpack.batch_advance(batch)

    def _answer(self, batch: object, tile: Tile, done: int) -> None:
        choice = self.options
        for _, slots, problems in _minpack.batch_wanting(batch):
            for slot, problem in zip(slots.tolist(), problems.tolist(), strict=True):
                args = self._arguments(tile, problem)
                try:
                    refused = _minpack.batch_call(
                        batch, slot, choice.func, args, choice.dfun, choice.transposed
                    )
                except Exception as error:
                    self.keep(tile, problem, error)
                    _minpack.batch_fail(batch, slot)
                else:
                    self.refuse_nan(tile, refused)
                done += 1
                self.report(done)


class Vectorized(Run):
    """Functions of several points, which are those of several problems."""

    vectorized = True
    proved = False
    """Whether func has been seen to keep problems apart."""

    def _arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        return (*_rows_of(tile, np.array([problem])), *self.options.args)

    def _slots(self) -> int:
        return _fitting(self.m)

    def _answer(self, batch: object, tile: Tile, done: int) -> None:
        for request, slots, problems in _minpack.batch_wanting(batch):
            most = _fitting(self.m * (self.problems.n if request == Request.JACOBIAN else 1))
            for first in range(0, len(slots), most):
                some = slice(first, first + most)
                self._answer_some(_Asked(batch, tile, slots[some], problems[some]), request)

    def _answer_some(self, asked: "_Asked", request: int) -> None:
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

    def _answer_at_once(self, asked: "_Asked", request: int, column: int) -> bool:
        """Answer slots by one call; return whether that went well."""
        unproved = not self.proved and len(asked.slots) > 1
        first, self.first = self.first, None  # of the first block: known at this point alone
        try:
            result = self._call(asked, request, column)
        except Exception:  # of which slot, is to be found out
            return False
        try:
            self._put(asked, result, request, column)
        except RefusedNanError:
            raise
        except Exception as error:
            if unproved and isinstance(error, (TypeError, ValueError)):
                raise
            return False
        if unproved and request == Request.RESIDUAL:
            self._prove(asked, np.asarray(result), first)
        return True

    def _prove(
        self, asked: "_Asked", rows: npt.NDArray[Any], first: tuple[int, Vector] | None
    ) -> None:
        """Refuse a function that mixes problems: evaluate one alone that is finite among others."""
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if len(finite) == 0:
            return
        i = int(finite[0])
        alone = asked.only(i)
        try:
            if first is not None and first[0] == alone.problems[0]:
                row = first[1]
            else:
                row = np.asarray(self._call(alone, Request.RESIDUAL, -1))
        except Exception:  # it will be asked again
            return
        numbers = [row, alone.points(-1), *(part for part in alone.rows if part.dtype.kind == "f")]
        scale = max(float(np.abs(part[np.isfinite(part)]).max(initial=0.0)) for part in numbers)
        eps = np.finfo(rows.dtype if rows.dtype.kind == "f" else np.float64).eps
        if not np.allclose(rows[i], row, rtol=0.0, atol=GUARD * float(eps) * scale):
            place = self.place(asked.tile, int(alone.problems[0]))
            raise ValueError(
                f"func gives problem {place} other residuals among others than alone: one of "
                "several problems must not depend on the rest (reductions over samples are along "
                "axis=-1)"
            )
        self.proved = True

    def _answer_singly(self, asked: "_Asked", request: int, column: int) -> Failed:
        """Answer slots one by one; those that raise alone fail. Return which."""
        failed = np.zeros(len(asked.slots), np.bool_)
        for i in range(len(asked.slots)):
            alone = asked.only(i)
            error = self._answer_alone(alone, request, column)
            if error is not None:
                self.keep(asked.tile, int(alone.problems[0]), error)
                _minpack.batch_fail(asked.batch, int(alone.slots[0]))
                failed[i] = True
        return failed

    def _answer_alone(self, alone: "_Asked", request: int, column: int) -> Exception | None:
        """Answer a slot; return what stands in the way."""
        try:
            result = self._call(alone, request, column)
        except Exception as error:  # a RefusedNanError here is another run's, inside func
            return error
        try:
            self._put(alone, result, request, column)
        except RefusedNanError:
            raise
        except Exception as error:
            return error
        return None

    def _call(self, asked: "_Asked", request: int, column: int) -> Any:  # noqa: ANN401
        function = self.options.dfun if request == Request.JACOBIAN else self.options.func
        return function(asked.points(column), *asked.rows, *self.options.args)  # type: ignore[misc]

    def _put(self, asked: "_Asked", result: object, request: int, column: int) -> None:
        if request == Request.JACOBIAN:
            _minpack.batch_put_jacobian(
                asked.batch, asked.slots, result, self.options.transposed
            )
        else:
            refused = _minpack.batch_put(asked.batch, asked.slots, column, result)
            self.refuse_nan(asked.tile, refused)


class _Asked:
    """Slots that want the same, with their points and their rows of the data."""

    def __init__(self, batch: object, tile: Tile, slots: Slots, problems: Index) -> None:
        self.batch, self.tile, self.slots, self.problems = batch, tile, slots, problems
        self.rows = _rows_of(tile, problems)
        self._points, self._stepped = _minpack.batch_points(batch, slots)

    def only(self, i: int) -> "_Asked":
        """Return one of the slots alone."""
        return _Asked(self.batch, self.tile, self.slots[i : i + 1], self.problems[i : i + 1])

    def points(self, column: int) -> Vector:
        """Return p, shape (N, S, 1), fresh; for a column of the difference Jacobian, or -1."""
        p = self._points.copy()
        if column >= 0:
            p[column, :, 0] = self._stepped[column]
        return p


def _rows_of(tile: Tile, problems: Index) -> tuple[npt.NDArray[Any], ...]:
    return tuple(rows.many(problems) for rows in tile.data)


def _fitting(numbers: int) -> int:
    """Return how many rows of so many numbers malloc has room for without asking the system."""
    return min(max(FITTING // numbers, 8), MOST_SLOTS)
