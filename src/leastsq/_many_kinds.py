"""The two kinds of runs that call Python functions: of one point, and vectorized."""

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
Mask = npt.NDArray[np.bool_]

ONE_BY_ONE_SLOTS = 64
"""Slots for functions of one point."""
MAX_SLOTS = 1024
"""Slots for vectorized functions."""
MIN_MAPPED_ELEMENTS = 16384
"""Doubles of the smallest block that malloc maps anew each time, by default."""
MAX_KEPT_ELEMENTS = 65536
"""Elements of an array in a vectorized call if malloc keeps freed memory; more gain nothing."""
TEMPORARIES = 16
"""Arrays of MAX_KEPT_ELEMENTS doubles that a vectorized function may have at once."""
INDEPENDENCE_TOLERANCE = 1e4
"""Machine epsilons by which a residual among others may differ from the same alone."""


class OneByOne(PythonRun):
    """Calls functions of one point; each problem is fitted to its end before the next."""

    vectorized = False

    def _slots(self) -> int:
        return ONE_BY_ONE_SLOTS

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        if self.known_fvec is None:
            return active
        return self._begin_with_known(batch, tile, self.known_fvec)

    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        for _, slots, problems in _minpack.batch_requests(batch):
            for slot, problem in zip(slots.tolist(), problems.tolist(), strict=True):
                self._finish(batch, tile, slot, problem)
                done += 1
                report(done)


class Vectorized(PythonRun):
    """Calls vectorized functions, each time for several problems."""

    vectorized = True
    needs_python = False
    max_elements = MIN_MAPPED_ELEMENTS
    """Of an array in a call."""

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        return (*_rows_of(tile, np.array([problem])), *self.options.args)

    def _slots(self) -> int:
        self.max_elements = _keep_freed_memory()
        return self._rows_per_call(self.m)

    def _rows_per_call(self, length: int) -> int:
        """Return how many rows of that length a call takes."""
        return min(max(self.max_elements // length, 8), MAX_SLOTS)

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        if self.known_fvec is None or len(tile.flat) > 1:
            return active
        return self._begin_with_known(batch, tile, self.known_fvec)

    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        requests = _minpack.batch_requests(batch)
        if not requests:
            return
        # Only the most frequent request: slots then come to make the same one, and calls are full.
        request, slots, problems = max(requests, key=lambda one: len(one[1]))
        if len(requests) == len(slots) == 1:
            self._finish(batch, tile, int(slots[0]), int(problems[0]))
            return
        most = self._rows_per_call(self.m * (self.options.n if request == Request.JACOBIAN else 1))
        for first in range(0, len(slots), most):
            part = slice(first, first + most)
            self._answer_some(_SlotGroup(batch, tile, slots[part], problems[part]), request)

    def _answer_some(self, group: "_SlotGroup", request: int) -> None:
        """Answer slots that have made the same request."""
        columns = range(self.options.n) if request == Request.DIFFERENCES else (-1,)
        for column in columns:
            if self._answer_at_once(group, request, column):
                continue
            failed = self._answer_singly(group, request, column)
            if failed.all():
                return
            if failed.any():
                group = group.subset(~failed)

    def _answer_at_once(self, group: "_SlotGroup", request: int, column: int) -> bool:
        """Answer slots by one call; return whether it succeeded."""
        unchecked = not self.independence_checked and len(group.slots) > 1
        # It serves the first call only, which has problem 0 at x0.
        known_fvec, self.known_fvec = self.known_fvec, None
        try:
            result = self._call(group, request, column)
        except Exception:  # single calls will tell which slot it belongs to
            return False
        try:
            self._put(group, result, request, column)
        except RefusedNanError:
            raise
        except Exception:
            is_first = unchecked and not self.follows_others
            if is_first and not self._accepts_two(group, request, column):
                raise
            return False
        if unchecked and request == Request.RESIDUAL:
            self._check_independence(group, np.asarray(result), known_fvec)
        return True

    def _accepts_two(self, group: "_SlotGroup", request: int, column: int) -> bool:
        """Return whether a result of wrong shape is the fault of some problem, not of func."""
        try:
            return self._try_again(group.subset(slice(2)), request, column) is None
        except RefusedNanError:
            return True

    def _check_independence(
        self, group: "_SlotGroup", rows: npt.NDArray[Any], known_fvec: Vector | None
    ) -> None:
        """Refuse a function that mixes problems: compare one that is finite with the same alone."""
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if len(finite) == 0:
            return
        i = int(finite[0])
        alone = group.subset(slice(i, i + 1))
        try:
            if known_fvec is not None and alone.problems[0] == 0:
                row = known_fvec[None]
            else:
                row = np.asarray(self._call(alone, Request.RESIDUAL, -1))
        except Exception:  # the next call is checked instead
            return
        if row.shape != (1, self.m) or not np.can_cast(row.dtype, np.float64):
            return  # an error of that problem, which its own call will tell
        arrays = [row, alone.points(-1), *(part for part in alone.rows if part.dtype.kind == "f")]
        scale = max(float(np.abs(part[np.isfinite(part)]).max(initial=0.0)) for part in arrays)
        eps = np.finfo(rows.dtype if rows.dtype.kind == "f" else np.float64).eps
        tolerance = INDEPENDENCE_TOLERANCE * float(eps) * scale
        with np.errstate(all="ignore"):  # in float64, where the tolerance is finite
            near = np.abs(rows[i].astype(np.float64) - row) <= tolerance
        if not near.all():
            index = self.index_of(group.tile, int(alone.problems[0]))
            raise ValueError(
                f"func gives problem {index} other residuals among others than alone: one of "
                "several problems must not depend on the rest (reductions over samples are along "
                "axis=-1)"
            )
        self.independence_checked = True

    def _answer_singly(self, group: "_SlotGroup", request: int, column: int) -> Mask:
        """Answer slots one by one; return which of them raise, and have failed."""
        failed = np.zeros(len(group.slots), np.bool_)
        for i in np.argsort(group.problems).tolist():  # the first with a NaN to be raised is named
            alone = group.subset(slice(i, i + 1))
            error = self._try_again(alone, request, column)
            if error is not None:
                self.keep_error(group.tile, int(alone.problems[0]), error)
                _minpack.batch_fail(group.batch, int(alone.slots[0]))
                failed[i] = True
        return failed

    def _try_again(self, group: "_SlotGroup", request: int, column: int) -> Exception | None:
        """Answer some slots again; return the exception, if there is one."""
        try:
            result = self._call(group, request, column)
        except Exception as error:  # a RefusedNanError here is another run's, inside func
            return error
        try:
            self._put(group, result, request, column)
        except RefusedNanError:
            raise
        except Exception as error:
            return error
        return None

    def _call(self, group: "_SlotGroup", request: int, column: int) -> Any:  # noqa: ANN401
        function = self.options.dfun if request == Request.JACOBIAN else self.options.func
        return function(group.points(column), *group.rows, *self.options.args)  # type: ignore[misc]

    def _put(self, group: "_SlotGroup", result: object, request: int, column: int) -> None:
        if request == Request.JACOBIAN:
            _minpack.batch_put_jacobian(
                group.batch, group.slots, result, self.options.transposed
            )
        else:
            refused = _minpack.batch_put(group.batch, group.slots, column, result)
            self.refuse_nan(group.tile, refused)


class _SlotGroup:
    """Slots that have made the same request, with their points and their rows of the data."""

    def __init__(self, batch: object, tile: Tile, slots: Slots, problems: Index) -> None:
        self.batch, self.tile, self.slots, self.problems = batch, tile, slots, problems
        self.rows = _rows_of(tile, problems)
        self._points, self._stepped = _minpack.batch_points(batch, slots)

    def subset(self, part: slice | Mask) -> "_SlotGroup":
        """Return some of the slots."""
        return _SlotGroup(self.batch, self.tile, self.slots[part], self.problems[part])

    def points(self, column: int) -> Vector:
        """Return a new p, shape (N, S, 1), with a step for a column of a difference Jacobian."""
        p = self._points.copy()
        if column >= 0:
            p[column, :, 0] = self._stepped[column]
        return p


def _rows_of(tile: Tile, problems: Index) -> tuple[npt.NDArray[Any], ...]:
    return tuple(rows.many(problems) for rows in tile.data)


def _keep_freed_memory() -> int:
    """Make malloc keep the memory of temporaries; return how many elements they may have.

    glibc maps every block above a threshold, and unmaps it when it is freed: each operation of
    NumPy then waits for new pages. The threshold rises to the largest block that has been freed.
    """
    if not GLIBC:
        return MIN_MAPPED_ELEMENTS
    np.empty(TEMPORARIES * MAX_KEPT_ELEMENTS)
    return MAX_KEPT_ELEMENTS
