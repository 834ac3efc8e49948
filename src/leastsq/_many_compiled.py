"""The third kind of run: a compiled residual, which is called without Python."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from leastsq import _minpack
from leastsq._checks import Vector, require_enough_residuals
from leastsq._compiled import Backend, CompiledResidual
from leastsq._driver import Residual
from leastsq._many_run import (
    MAX_ERRORS,
    WEIGHTS_PER_READ,
    Options,
    Report,
    Results,
    Run,
    StopRun,
)
from leastsq._problems import Tile

__all__ = ["Compiled"]

SLOTS = 64
"""At most: the blocks of small problems then stay in the L2 cache."""


class Compiled(Run):
    """Calls a compiled residual: slots are filled, answered and resumed in one native call."""

    vectorized = False
    needs_python = False

    def __init__(self, options: Options, func: CompiledResidual) -> None:
        super().__init__(options)
        self.compiled = func

    @property
    def backend(self) -> Backend:
        return self.compiled.backend

    @property
    def function(self) -> Residual:
        function: Residual = self.compiled.function
        return function

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        options = self.options
        args = super().arguments(tile, problem)
        return self.backend.writable_args(args, options.dfun, options.transposed, len(tile.data))

    def find_m(self, tile: Tile, part: Results, report: Report) -> int:
        if self.backend.finds_m:
            return super().find_m(tile, part, report)
        require_enough_residuals(self.backend.m, self.options.n)
        self.set_m(self.backend.m)
        return 0

    def set_m(self, m: int) -> None:
        if self.backend.m not in (0, m):
            raise ValueError(f"func returns {m} residuals, not m={self.backend.m}")
        super().set_m(m)

    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        total, options = len(tile.flat), self.options
        bound = self.backend.bind(
            options.n, options.args, options.dfun, options.transposed, self.m, tile.data
        )
        batch = self.batch(min(self.slots_in_memory(SLOTS), total), part)
        length = total if tile.weights is None else max(1, WEIGHTS_PER_READ // self.m)
        try:
            for first in range(0, total, length):
                some = np.arange(first, min(first + length, total))
                weights = None if tile.weights is None else tile.weights.all_of(some)
                begun, active, end = first, 1, first + len(some)
                while begun < end or active > 0:
                    begun, active, refused, failed = _minpack.batch_run(
                        batch, bound, begun, end, first, weights
                    )
                    self.refuse_nan(tile, refused)
                    if failed >= 0:
                        self._keep_failure(tile, failed, *_minpack.failure(bound))
                    report(begun - active)
        except StopRun:
            _minpack.batch_stop(batch)
            raise

    def with_stop_checks(self, check_stop: Callable[[], None]) -> Self:
        return self  # every 20 ms it returns to Python and reports

    def _keep_failure(self, tile: Tile, problem: int, value: int, x: Vector) -> None:
        """Keep the exception that a numba function raised, unless there are too many already."""
        if len(self.errors) >= MAX_ERRORS:
            return
        options = self.options
        args = super().arguments(tile, problem)
        try:
            self.backend.explain(
                value, x, args, self.m, options.dfun, options.transposed, len(tile.data)
            )
        except Exception as error:
            self.keep_error(tile, problem, error)
