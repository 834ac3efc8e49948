"""All the fits of leastsq_many: tiles are cut into tasks, and their results are collected."""

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
    MAX_ERRORS,
    Report,
    Results,
    Run,
    StopRun,
    dump_error,
    load_error,
)
from leastsq._outcome import STOPPED
from leastsq._problems import Problems, Tile

__all__ = ["Chunking", "Fits", "Task", "TaskResult"]


@dataclass(frozen=True)
class Chunking:
    """How the problems of a tile are divided into tasks."""

    size: int
    even: bool
    """Whether tasks may be smaller, so that those of a tile have nearly equal sizes."""

    def step(self, total: int) -> int:
        """Return the number of problems of a task."""
        return math.ceil(total / math.ceil(total / self.size)) if self.even else self.size


@dataclass
class Task:
    """Problems to fit together, here or elsewhere."""

    run: Run
    tile: Tile
    part: Results
    """For the results; its x is x0 before the fit."""

    def fit(self, report: Report) -> "TaskResult":
        """Fit them, until report raises StopRun."""
        stopped = False
        try:
            self.run.fit(self.tile, self.part, report)
        except StopRun:
            stopped = True
        return TaskResult(int(self.tile.flat[0]), self.part, self.run.errors, stopped)

    def fit_copy(
        self, report: Report, check_stop: Callable[[], None] | None = None
    ) -> "TaskResult":
        """Fit copies, so that other tasks, or a second run of this one, are not affected.

        check_stop may be called before every call of a user's function; it may raise StopRun.
        """
        run = copy.copy(self.run)
        run.options = replace(run.options, args=private_copy(run.options.args))
        run = run if check_stop is None else run.with_stop_checks(check_stop)
        run.errors = {}
        self.tile.set_read_only()
        part = Results(self.part.x.copy(), run.options.cov)
        return Task(run, self.tile, part).fit(report)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.run, self.tile, self.part.x, _strides(self.run.options.args)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.run, self.tile, x, layout = state
        self.part = Results(x, self.run.options.cov)
        args = private_copy(self.run.options.args, layout)
        self.run.options = replace(self.run.options, args=args)


@dataclass
class TaskResult:
    """The results of a task."""

    first: int
    """Index of its first problem in the batch."""
    part: Results
    errors: dict[int | tuple[int, ...], Exception]
    stopped: bool
    """Whether it was stopped before its end."""

    def __getstate__(self) -> tuple[Any, ...]:
        errors = {place: dump_error(error) for place, error in self.errors.items()}
        return self.first, self.part, errors, self.stopped

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.first, self.part, errors, self.stopped = state
        self.errors = {place: load_error(*dumped) for place, dumped in errors.items()}


class Fits:
    """All problems and their results."""

    def __init__(self, run: Run, problems: Problems, report: Report) -> None:
        self.run = run
        self.problems = problems
        self.report = report
        x = np.empty((*problems.shape, problems.n))
        x[...] = problems.starts
        self.results = Results(x.reshape(-1, problems.n), run.options.cov)
        self.errors: dict[int | tuple[int, ...], Exception] = {}
        self.zero_weighted = np.zeros(problems.count, np.bool_)
        """Problems whose weights are all 0."""
        self.done = 0
        """How many have ended."""

    def tasks(self, chunking: Chunking | None) -> Iterator[Task]:
        """Go through the problems, task by task; without chunking each tile is one."""
        if self.problems.count == 0:
            return
        for tile in self.problems.tiles():
            if tile.weights is not None:
                self.zero_weighted[tile.flat] = ~tile.weights.any_nonzero()
            begun, total = self._find_m(tile), len(tile.flat)
            if begun == total:
                continue
            step = total - begun if chunking is None else chunking.step(total - begun)
            for first in range(begun, total, step):
                some = tile.part(first, min(first + step, total))
                run = self.run if chunking is None else self.run.for_task()
                yield Task(run, some, self._results_of(some))

    def take(self, task: Task, done: TaskResult) -> None:
        """Store the results of a task."""
        self.done += len(task.tile.flat)
        self._store(task.tile, done.part)
        for place, error in done.errors.items():
            if len(self.errors) < MAX_ERRORS:
                self.errors[place] = error

    def result(self) -> LeastsqManyResult:
        """Return the arrays in the shape of the batch."""
        shape, n = self.problems.shape, self.problems.n
        results = self.results
        return LeastsqManyResult(
            results.x.reshape(*shape, n),
            None if results.cov is None else results.cov.reshape(*shape, n, n),
            results.ssq.reshape(shape),
            results.dof.reshape(shape),
            results.ier.reshape(shape),
            results.nfev.reshape(shape),
            results.njev.reshape(shape),
            results.success.reshape(shape),
            self.errors,
            _variance=results.variance.reshape(*shape, n),
        )

    def _find_m(self, tile: Tile) -> int:
        """Determine m from a tile; return how many of its problems have ended meanwhile."""
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
            failed = self.results.ier == STOPPED
            self.results.dof[failed] = self.run.m - self.problems.n
        return begun

    def _store(self, tile: Tile, part: Results) -> None:
        """Store results, unless they are views of the results of all problems."""
        if not np.may_share_memory(part.ier, self.results.ier):
            self.results.store(tile.flat, part)

    def _results_of(self, tile: Tile) -> Results:
        """Return results of a tile's problems: views, or copies if they are not contiguous."""
        if len(tile.flat) == self.problems.count:
            return self.results
        first, last = int(tile.flat[0]), int(tile.flat[-1]) + 1
        if last - first == len(tile.flat):
            return self.results.part(first, last)
        return Results(self.results.x[tile.flat], self.run.options.cov)


def _strides(arg: Any) -> Any:  # noqa: ANN401  (anything)
    """Return the strides of an array; for a tuple, those of its items; None for others."""
    if isinstance(arg, tuple):
        return tuple(map(_strides, arg))
    return arg.strides if isinstance(arg, np.ndarray) else None


def private_copy(arg: Any, strides: Any = None) -> Any:  # noqa: ANN401  (anything)
    """Return a copy of a writable array, with its strides or those given; other objects unchanged.

    The items of a tuple are copied likewise. With other strides BLAS could take another path, to
    other bits.
    """
    if isinstance(arg, tuple):
        make = tuple if type(arg) is tuple else getattr(arg, "_make", None)  # of a named tuple
        if make is not None:
            return make(map(private_copy, arg, repeat(None) if strides is None else strides))
    if not isinstance(arg, np.ndarray) or not arg.flags.writeable:
        return arg
    if type(arg) is not np.ndarray or arg.dtype.hasobject or arg.size == 0:
        return arg.copy(order="K")
    strides = arg.strides if strides is None else strides
    edges = [(n - 1) * stride for n, stride in zip(arg.shape, strides, strict=True)]
    first = -sum(min(edge, 0) for edge in edges)
    last = sum(max(edge, 0) for edge in edges) + arg.itemsize
    copied: npt.NDArray[Any] = np.ndarray(
        arg.shape, arg.dtype, np.empty(first + last, np.uint8), first, strides
    )
    copied[...] = arg
    return copied
