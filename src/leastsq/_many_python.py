"""Runs that call Python functions for the slots of a batch."""

import contextlib
import copy
import functools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector
from leastsq._driver import Residual
from leastsq._many_run import Report, Results, Run, StopRun
from leastsq._problems import Tile

__all__ = ["PythonRun"]


class PythonRun(Run):
    """What both kinds of such runs have in common."""

    @abstractmethod
    def _slots(self) -> int:
        """Return how many problems are fitted together."""

    @abstractmethod
    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        """Answer the requests of some slots, at least of one."""

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        """Do what is needed after slots have been filled; return how many are in use then."""
        return active

    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        """Start a tile's problems as slots become free, until all have ended; m is known.

        After a StopRun part has the results so far.
        """
        begun, active, total = 0, 0, len(tile.flat)
        slots = min(self.slots_in_memory(self._slots()), total)
        batch = self.batch(slots, part)
        try:
            while begun < total or active > 0:
                while begun < total and active < slots:
                    some = np.arange(begun, min(begun + slots - active, total))
                    weights = None if tile.weights is None else tile.weights.all_of(some)
                    active = _minpack.batch_fill(batch, some, part.x[some], weights)
                    begun += len(some)
                    active = self._begin(batch, tile, active)
                self._answer(batch, tile, begun - active, report)
                active = _minpack.batch_advance(batch)
                report(begun - active)
        except StopRun:
            _minpack.batch_stop(batch)
            raise
        self.known_fvec = None

    def with_stop_checks(self, check_stop: Callable[[], None]) -> Self:
        """Return a run that calls check_stop before every call of a user's function."""

        def watch(function: Residual) -> Residual:
            def called(*args: Any) -> npt.ArrayLike:
                check_stop()
                return function(*args)

            with contextlib.suppress(Exception):  # a callable may have a __name__ that is no text
                functools.update_wrapper(called, function)
            return called

        run, options = copy.copy(self), self.options
        dfun = None if options.dfun is None else watch(options.dfun)
        run.options = replace(options, func=watch(options.func), dfun=dfun)
        return run

    def _begin_with_known(self, batch: object, tile: Tile, fvec: Vector) -> int:
        """Use the residual from which m was determined, so that it is evaluated once."""
        self.known_fvec = None
        requests = _minpack.batch_requests(batch)
        if requests and requests[0][2][0] == 0:  # not if that call has made its weights invalid
            slots = requests[0][1]
            self.refuse_nan(tile, _minpack.batch_put(batch, slots[:1], -1, fvec[None]))
        return _minpack.batch_advance(batch)

    def _finish(self, batch: object, tile: Tile, slot: int, problem: int) -> None:
        """Answer and resume one slot until its solve ends."""
        options = self.options
        args = self.arguments(tile, problem)
        try:
            refused = _minpack.batch_finish(
                batch, slot, options.func, args, options.dfun, options.transposed, self.vectorized
            )
        except Exception as error:
            self.keep_error(tile, problem, error)
            _minpack.batch_fail(batch, slot)
        else:
            self.refuse_nan(tile, refused)
