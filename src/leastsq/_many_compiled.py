"""The third kind of run: compiled residuals, which are answered without Python."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from leastsq import _minpack
from leastsq._checks import Vector, require_as_many
from leastsq._compiled import CompiledResidual, Kind
from leastsq._driver import Residual
from leastsq._many_run import (
    MOST_ERRORS,
    WEIGHTS_AT_ONCE,
    Enough,
    Options,
    Report,
    Results,
    Run,
)
from leastsq._problems import Tile

__all__ = ["Compiled"]

SLOTS = 64
"""At most; blocks of small problems then stay in the L2 cache."""


class Compiled(Run):
    """Compiled residuals: slots are filled, answered and resumed in one native call."""

    vectorized = False
    needs_python = False

    def __init__(self, options: Options, func: CompiledResidual) -> None:
        super().__init__(options)
        self.compiled = func

    @property
    def kind(self) -> Kind:
        return self.compiled.kind

    @property
    def function(self) -> Residual:
        function: Residual = self.compiled.function
        return function

    def arguments(self, tile: Tile, problem: int) -> tuple[Any, ...]:
        choice = self.options
        args = super().arguments(tile, problem)
        return self.kind.writable(args, choice.dfun, choice.transposed, len(tile.data))

    def find_m(self, tile: Tile, part: Results, report: Report) -> int:
        if self.kind.finds_m:
            return super().find_m(tile, part, report)
        require_as_many(self.kind.m, self.options.n)
        self.know_m(self.kind.m)
        return 0

    def know_m(self, m: int) -> None:
        if self.kind.m not in (0, m):
            raise ValueError(f"func returns {m} residuals, not m={self.kind.m}")
        super().know_m(m)

    def fit(self, tile: Tile, part: Results, report: Report) -> None:
        total, choice = len(tile.flat), self.options
        bound = self.kind.bind(
            choice.n, choice.args, choice.dfun, choice.transposed, self.m, tile.data
        )
        batch = self.batch(min(self.affordable(SLOTS), total), part)
        length = total if tile.weights is None else max(1, WEIGHTS_AT_ONCE // self.m)
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
        except Enough:
            _minpack.batch_stop(batch)
            raise

    def watched(self, look: Callable[[], None]) -> Self:
        return self  # it reports often enough

    def _keep_failure(self, tile: Tile, problem: int, value: int, x: Vector) -> None:
        """Find out what a numba function raised, unless enough is known."""
        if len(self.errors) >= MOST_ERRORS:
            return
        choice = self.options
        args = super().arguments(tile, problem)
        try:
            self.kind.explain(
                value, x, args, self.m, choice.dfun, choice.transposed, len(tile.data)
            )
        except Exception as error:
            self.keep(tile, problem, error)
