"""Runs that call Python functions for the slots of a batch."""

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
from leastsq._many_run import Enough, Report, Results, Run
from leastsq._problems import Tile

__all__ = ["PythonRun"]


class PythonRun(Run):
    """What both kinds of them have in common."""

    @abstractmethod
    def _slots(self) -> int:
        """Return how many problems are in work together."""

    @abstractmethod
    def _answer(self, batch: object, tile: Tile, done: int, report: Report) -> None:
        """Answer slots, some at least."""

    def _begin(self, batch: object, tile: Tile, active: int) -> int:
        """Look at slots that have been filled; return how many are still in use."""
        return active

    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        """Take a tile's problems into the slots, one after the other, until all have ended.

        m is known. Enough leaves what there is.
        """
        begun, active, total = 0, 0, len(tile.flat)
        slots = min(self.affordable(self._slots()), total)
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
        except Enough:
            _minpack.batch_stop(batch)
            raise
        self.first = None

    def watched(self, look: Callable[[], None]) -> Self:
        """Return a run that looks for a stop before every call of a user's function."""

        def watch(function: Residual) -> Residual:
            @functools.wraps(function)
            def called(*args: Any) -> npt.ArrayLike:
                look()
                return function(*args)

            return called

        run, choice = copy.copy(self), self.options
        dfun = None if choice.dfun is None else watch(choice.dfun)
        run.options = replace(choice, func=watch(choice.func), dfun=dfun)
        return run

    def _begin_with_known(self, batch: object, tile: Tile, fvec: Vector) -> int:
        """Hand over the residual that m was found by, so that it is evaluated once."""
        self.first = None
        ((_, slots, _),) = _minpack.batch_requests(batch)
        self.refuse_nan(tile, _minpack.batch_put(batch, slots[:1], -1, fvec[None]))
        return _minpack.batch_advance(batch)

    def _finish(self, batch: object, tile: Tile, slot: int, problem: int) -> None:
        """Answer a slot alone until its solve has ended."""
        choice = self.options
        args = self.arguments(tile, problem)
        try:
            refused = _minpack.batch_finish(
                batch, slot, choice.func, args, choice.dfun, choice.transposed, self.vectorized
            )
        except Exception as error:
            self.keep(tile, problem, error)
            _minpack.batch_fail(batch, slot)
        else:
            self.refuse_nan(tile, refused)
