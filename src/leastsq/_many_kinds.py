"""The two kinds of Python functions: those of one point, and vectorized ones."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Request
from leastsq._many_python import PythonRun
from leastsq._many_run import RefusedNanError, Report
from leastsq._problems import Index, Tile

__all__ = ["OneByOne", "Vectorized"]

GLIBC = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}) and bool(
    os.confstr("CS_GNU_LIBC_VERSION")
)

Slots = npt.NDArray[np.int32]
Failed = npt.NDArray[np.bool_]

ONE_POINT = 64
"""Slots for functions of one point."""
MOST_SLOTS = 1024
MAPPED_BY_MALLOC = 16384
"""Numbers that take a block for which malloc asks the system every time, unless told better."""
KEPT_BY_MALLOC = 65536
"""Numbers of a vectorized call where malloc keeps what is freed; more do not pay."""
TEMPORARIES = 16
"""Arrays of KEPT_BY_MALLOC numbers that a vectorized function may have at once."""
GUARD = 1e4
"""Relative errors by which a row of several may differ from the same alone."""


class OneByOne(PythonRun):
    """Functions of one point, which finish a slot before the next."""

    vectorized = False

    def _slots(self) -> int:
        return ONE_POINT

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        return active if self.first is None else self._begin_with_known(batch, tile, self.first)

    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        for _, slots, problems in _minpack.batch_requests(batch):
            for slot, problem in zip(slots.tolist(), problems.tolist(), strict=True):
                self._finish(batch, tile, slot, problem)
                done += 1
                report(done)


class Vectorized(PythonRun):
    """Functions of several points, which are those of several problems."""

    vectorized = True
    needs_python = False
    numbers = MAPPED_BY_MALLOC
    """That the arrays of a call may have."""

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        return (*_rows_of(tile, np.array([problem])), *self.options.args)

    def _slots(self) -> int:
        self.numbers = _keep_freed_memory()
        return self._fitting(self.m)

    def _fitting(self, numbers: int) -> int:
        """Return how many rows of so many numbers a call takes."""
        return min(max(self.numbers // numbers, 8), MOST_SLOTS)

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        if self.first is None or len(tile.flat) > 1:
            return active
        return self._begin_with_known(batch, tile, self.first)

    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        wanting = _minpack.batch_requests(batch)
        if not wanting:
            return
        # What most of them want, and no more: calls are then full, as slots fall into step.
        request, slots, problems = max(wanting, key=lambda wanted: len(wanted[1]))
        if len(wanting) == len(slots) == 1:
            self._finish(batch, tile, int(slots[0]), int(problems[0]))
            return
        most = self._fitting(self.m * (self.options.n if request == Request.JACOBIAN else 1))
        for first in range(0, len(slots), most):
            part = slice(first, first + most)
            self._answer_some(_Asked(batch, tile, slots[part], problems[part]), request)

    def _answer_some(self, asked: "_Asked", request: int) -> None:
        """Answer slots that want the same."""
        columns = range(self.options.n) if request == Request.DIFFERENCES else (-1,)
        for column in columns:
            if self._answer_at_once(asked, request, column):
                continue
            failed = self._answer_singly(asked, request, column)
            if failed.all():
                return
            if failed.any():
                asked = asked.some(~failed)

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
        except Exception:
            if unproved and not self.later and not self._takes_two(asked, request, column):
                raise
            return False
        if unproved and request == Request.RESIDUAL:
            self._prove(asked, np.asarray(result), first)
        return True

    def _takes_two(self, asked: "_Asked", request: int, column: int) -> bool:
        """Return whether a result of a wrong shape is a problem's own affair, not the call's."""
        try:
            return self._attempt(asked.some(slice(2)), request, column) is None
        except RefusedNanError:
            return True

    def _prove(
        self, asked: "_Asked", rows: npt.NDArray[Any], first: Vector | None
    ) -> None:
        """Refuse a function that mixes problems: evaluate one alone that is finite among others."""
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if len(finite) == 0:
            return
        i = int(finite[0])
        alone = asked.some(slice(i, i + 1))
        try:
            if first is not None and alone.problems[0] == 0:
                row = first
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
            alone = asked.some(slice(i, i + 1))
            error = self._attempt(alone, request, column)
            if error is not None:
                self.keep(asked.tile, int(alone.problems[0]), error)
                _minpack.batch_fail(asked.batch, int(alone.slots[0]))
                failed[i] = True
        return failed

    def _attempt(self, asked: "_Asked", request: int, column: int) -> Exception | None:
        """Answer some slots again; return what stands in the way."""
        try:
            result = self._call(asked, request, column)
        except Exception as error:  # a RefusedNanError here is another run's, inside func
            return error
        try:
            self._put(asked, result, request, column)
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

    def some(self, part: slice | Failed) -> "_Asked":
        """Return some of the slots."""
        return _Asked(self.batch, self.tile, self.slots[part], self.problems[part])

    def points(self, column: int) -> Vector:
        """Return p, shape (N, S, 1), fresh; for a column of the difference Jacobian, or -1."""
        p = self._points.copy()
        if column >= 0:
            p[column, :, 0] = self._stepped[column]
        return p


def _rows_of(tile: Tile, problems: Index) -> tuple[npt.NDArray[Any], ...]:
    return tuple(rows.many(problems) for rows in tile.data)


def _keep_freed_memory() -> int:
    """Have malloc keep the memory of temporaries; return how many numbers they may have.

    glibc asks the system for every block above a threshold, and gives it back: each operation of
    NumPy then waits for new pages. The threshold rises to the largest block that has been freed.
    """
    if not GLIBC:
        return MAPPED_BY_MALLOC
    np.empty(TEMPORARIES * KEPT_BY_MALLOC)
    return KEPT_BY_MALLOC
