"""Rows for curve_fit beside SciPy's: a decay of 50 samples and three parameters."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

import leastsq
from benchmark.fits import START, TIMES, decays
from benchmark.timing import Effort, Group, Line, Row, compared, interleaved, repeated

__all__ = ["rows"]

Vector = npt.NDArray[np.float64]

OUTSIDE = 0.35
"""Target: our time over SciPy's, less what f takes."""
WHOLE, VECTORIZED = 1.5, 2.2
"""Targets: SciPy's time over ours."""


def rows() -> list[Row]:
    """Return the rows of this module."""
    return [
        Row("curve_fit outside", "How long does curve_fit take outside f, beside SciPy's?",
            Group.SOLVES, _outside),
        Row("curve_fit", "How much faster is a whole call?",
            Group.ROUTINES, partial(_whole, False, WHOLE)),
        Row("curve_fit vectorized", "And with vectorized=True?",
            Group.ROUTINES, partial(_whole, True, VECTORIZED)),
    ]  # fmt: skip


def decay(t: Vector, a: float, k: float, c: float) -> Vector:
    """Return a decay's values."""
    values: Vector = a * np.exp(-k * t) + c
    return values


def _outside(effort: Effort) -> list[Line]:
    y = decays()[0].copy()
    ours = partial(leastsq.curve_fit, decay, TIMES, y, START)
    theirs = partial(scipy.optimize.curve_fit, decay, TIMES, y, START)
    found: Any = ours(full_output=True)
    nfev = found[2]["nfev"]
    point = [np.float64(1.1)] * len(START)
    contenders = {"": ours, "SciPy": theirs, "f": partial(decay, TIMES, *point)}
    times = interleaved({k: repeated(v) for k, v in contenders.items()}, effort)
    in_f = nfev * np.median(times["f"])
    note = f"{nfev} calls of f take {in_f * 1e6:.3g} us more"
    return [compared(Group.SOLVES, "SciPy", times[""] - in_f, times["SciPy"] - in_f, OUTSIDE, note)]


def _whole(vectorized: bool, target: float, effort: Effort) -> list[Line]:
    y = decays()[0].copy()
    ours = partial(leastsq.curve_fit, decay, TIMES, y, START, vectorized=vectorized)
    theirs = partial(scipy.optimize.curve_fit, decay, TIMES, y, START)
    times = interleaved({"": repeated(ours), "SciPy": repeated(theirs)}, effort)
    return [compared(Group.ROUTINES, "SciPy", times[""], times["SciPy"], target)]
