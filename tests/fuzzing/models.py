"""Residuals whose values, errors and exceptions depend on the point alone.

They can be pickled, and so evaluated in any order, by threads and by other processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from reference import FloatArray

__all__ = ["FORMULAS", "NEVER", "BrokenError", "Model", "Rowwise"]

Formula = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]

FORMULAS: list[tuple[Formula, Formula]] = [
    (lambda a, b, t, x: (a * x).sum(axis=1) - b, lambda a, b, t, x: a + 0.0 * x),
    (
        lambda a, b, t, x: (a * x).sum(axis=1) ** 2 - b,
        lambda a, b, t, x: 2.0 * (a * x).sum(axis=1)[:, None] * a,
    ),
    (
        lambda a, b, t, x: (a * np.exp(-t * x)).sum(axis=1) - b,
        lambda a, b, t, x: -a * t * np.exp(-t * x),
    ),
    (
        lambda a, b, t, x: np.tanh(a * x).sum(axis=1) - b,
        lambda a, b, t, x: a / np.cosh(a * x) ** 2,
    ),
]
"""Residuals of parameters x, with coefficients a (m, n), data b and t = 1 to m; Jacobians."""
NEVER = 2**40


class BrokenError(Exception):
    """A residual cannot be evaluated; says at which point."""


@dataclass(frozen=True)
class Model:
    """One of the formulas; one evaluation in `odds` has an element `bad`, one in `breaks` raises.

    As a function it is the residual.
    """

    odds: int = NEVER
    bad: float = np.nan
    breaks: int = NEVER
    dtype: str = "f8"
    transposed: bool = False

    @np.errstate(all="ignore")
    def __call__(self, x: FloatArray, a: FloatArray, b: FloatArray, kind: int) -> FloatArray:
        return self._at(x, FORMULAS[kind][0](a, b, _times(b), x), turn=0).astype(self.dtype)

    @np.errstate(all="ignore")
    def jacobian(self, x: FloatArray, a: FloatArray, b: FloatArray, kind: int) -> FloatArray:
        """Return the Jacobian, or its transpose."""
        values = self._at(x, FORMULAS[kind][1](a, b, _times(b), x), turn=1)
        return values.T.copy() if self.transposed else values

    def _at(self, x: FloatArray, values: FloatArray, turn: int) -> FloatArray:
        lot = crc32(x.tobytes())
        if lot // 5 % self.breaks == turn:
            raise BrokenError(x.tolist())
        if lot % self.odds == turn:
            values[lot // 64 % len(values)] = self.bad
        return values


def _times(b: FloatArray) -> FloatArray:
    return np.arange(1, b.size + 1)[:, None]


@dataclass(frozen=True)
class Rowwise:
    """A vectorized function: a function of one point, called for each of several."""

    function: Callable[..., FloatArray]
    axis: int = 0
    """Of the several points, in what is returned."""

    def __call__(self, p: FloatArray, *rows: Any) -> FloatArray:
        values = [
            self.function(p[:, s, 0].copy(), *[_row(array, s) for array in rows])
            for s in range(p.shape[1])
        ]
        return np.stack(values, axis=self.axis)


def _row(array: Any, s: int) -> Any:
    """Return a problem's row; one number a problem comes in an axis of its own."""
    row = array[s if len(array) > 1 else 0]
    return row[0] if array.shape[1:] == (1,) and array.dtype.kind == "i" else row
