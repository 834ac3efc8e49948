"""All the fits of leastsq_many: tiles are cut into tasks, and what becomes of them is gathered."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq._many_result import LeastsqManyResult
from leastsq._many_run import (
    MOST_ERRORS,
    Enough,
    Report,
    Results,
    Run,
)
from leastsq._outcome import STOPPED
from leastsq._problems import Problems, Tile

__all__ = ["Cut", "Done", "Fits", "Task"]


@dataclass(frozen=True)
class Cut:
    """How the problems of a tile are cut into tasks."""

    size: int
    even: bool
    """Whether tasks may be smaller, so that those of a tile are alike."""

    def step(self, total: int) -> int:
        """Return the number of problems of a task."""
        return math.ceil(total / math.ceil(total / self.size)) if self.even else self.size


@dataclass
class Task:
    """Problems to fit together, here or elsewhere."""

    run: Run
    tile: Tile
    part: Results
    """Where the results go; their x is where to start."""

    def fit(self, report: Report) -> "Done":
        """Fit them, or as many as report allows."""
        stopped = False
        try:
            self.run.fit(self.tile, self.part, report)
        except Enough:
            stopped = True
        return Done(int(self.tile.flat[0]), self.part, self.run.errors, stopped)

    def fit_apart(self, report: Report, look: Callable[[], None] | None = None) -> "Done":
        """Fit private copies, so that neither others nor a second try of this task interfere.

        Look is called before every call of a user's function; it may raise Enough.
        """
        run = copy.copy(self.run)
        run.options = replace(run.options, args=own(run.options.args))
        run = run if look is None else run.watched(look)
        run.errors = {}
        self.tile.protect()
        part = Results(self.part.x.copy(), run.options.cov)
        return Task(run, self.tile, part).fit(report)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.run, self.tile, self.part.x, _layout(self.run.options.args)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.run, self.tile, x, layout = state
        self.part = Results(x, self.run.options.cov)
        self.run.options = replace(self.run.options, args=own(self.run.options.args, layout))


@dataclass
class Done:
    """What has become of a task."""

    first: int
    """Place of its first problem."""
    part: Results
    errors: dict[int | tuple[int, ...], Exception]
    stopped: bool
    """Whether it was stopped before its end."""


class Fits:
    """All problems and their results."""

    def __init__(self, run: Run, problems: Problems, report: Report) -> None:
        self.run = run
        self.problems = problems
        self.report = report
        x = np.empty((*problems.shape, problems.n))
        x[...] = problems.starts
        self.every = Results(x.reshape(-1, problems.n), run.options.cov)
        self.errors: dict[int | tuple[int, ...], Exception] = {}
        self.blank = np.zeros(problems.count, np.bool_)
        """Problems whose weights are all 0."""
        self.done = 0
        """How many have ended."""

    def tasks(self, cut: Cut | None) -> Iterator[Task]:
        """Go through the problems, task by task; without a cut a tile is one."""
        if self.problems.count == 0:
            return
        for tile in self.problems.tiles():
            if tile.weights is not None:
                self.blank[tile.flat] = ~tile.weights.any()
            begun, total = self._find_m(tile), len(tile.flat)
            if begun == total:
                continue
            step = total - begun if cut is None else cut.step(total - begun)
            for first in range(begun, total, step):
                some = tile.part(first, min(first + step, total))
                run = self.run if cut is None else self.run.for_a_task()
                yield Task(run, some, self._results_of(some))

    def take(self, task: Task, done: Done) -> None:
        """Keep what has become of a task."""
        self.done += len(task.tile.flat)
        self._store(task.tile, done.part)
        for place, error in done.errors.items():
            if len(self.errors) < MOST_ERRORS:
                self.errors[place] = error

    def result(self) -> LeastsqManyResult:
        """Return the arrays in the shape of the batch."""
        shape, n = self.problems.shape, self.problems.n
        every = self.every
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

    def _find_m(self, tile: Tile) -> int:
        """Return how many problems of a tile have ended while m was looked for."""
        if self.run.m > 0:
            return 0
        part = self._results_of(tile)
        try:
            begun = self.run.find_m(tile, part, lambda some: self.report(self.done + some))
        finally:
            self.errors |= self.run.errors
            self._store(tile, part)
        self.done += begun
        if self.run.m > 0 and self.problems.weights is None:
            failed = self.every.ier == STOPPED
            self.every.dof[failed] = self.run.m - self.problems.n
        return begun

    def _store(self, tile: Tile, part: Results) -> None:
        """Take results that are not in place already."""
        if not np.may_share_memory(part.ier, self.every.ier):
            self.every.store(tile.flat, part)

    def _results_of(self, tile: Tile) -> Results:
        """Return results of a tile's problems: views, or copies where they are no neighbours."""
        if len(tile.flat) == self.problems.count:
            return self.every
        first, last = int(tile.flat[0]), int(tile.flat[-1]) + 1
        if last - first == len(tile.flat):
            return self.every.part(first, last)
        return Results(self.every.x[tile.flat], self.run.options.cov)


def _layout(arg: Any) -> Any:  # noqa: ANN401  (anything)
    """Return the strides of an array, of a tuple those of what is in it."""
    return tuple(map(_layout, arg)) if isinstance(arg, tuple) else getattr(arg, "strides", None)


def own(arg: Any, strides: Any = None) -> Any:  # noqa: ANN401  (anything)
    """Return a copy of an array if it is writable, laid out alike or with strides given.

    Of a tuple, one of copies. Other strides would be other paths through BLAS, and other bits.
    """
    if type(arg) is tuple or hasattr(arg, "_make"):  # a named one
        copies = map(own, arg, repeat(None) if strides is None else strides)
        return tuple(copies) if type(arg) is tuple else arg._make(copies)
    if not isinstance(arg, np.ndarray) or not arg.flags.writeable:
        return arg
    if type(arg) is not np.ndarray or arg.dtype.hasobject or arg.size == 0:
        return arg.copy(order="K")
    strides = arg.strides if strides is None else strides
    edges = [(n - 1) * stride for n, stride in zip(arg.shape, strides, strict=True)]
    first = -sum(min(edge, 0) for edge in edges)
    last = sum(max(edge, 0) for edge in edges) + arg.itemsize
    twin: npt.NDArray[Any] = np.ndarray(
        arg.shape, arg.dtype, np.empty(first + last, np.uint8), first, strides
    )
    twin[...] = arg
    return twin
