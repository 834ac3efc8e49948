#!/usr/bin/env python
"""Draws how many fits a second there are: a bar each for SciPy, leastsq, and ways of leastsq_many.

    python ci/benchmark_picture.py FILE.png

The fits are of three parameters to fifty samples, on one core. Needs SciPy, numba and matplotlib.
Bars are medians of rounds in which every contender has its turn.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import benchmark_report as report
import numpy as np
import scipy.optimize
from benchmark_compiled import exponential
from benchmark_fits import FITS, START, TIMES, decay, decays
from benchmark_timing import race
from matplotlib.figure import Figure

import leastsq

ROUNDS = 9
LOOPED = FITS // 50
"""Turns of a loop in Python beside leastsq_many."""


def main() -> None:
    """Measure, print and draw."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rates = measured()
    for name, rate in rates.items():
        print(f"{name.replace(chr(10), ' '):50}{rate:12,.0f} fits a second")
    draw(rates, Path(sys.argv[1]))


def measured() -> dict[str, float]:
    """Return the fits a second of each contender, slowest first."""
    data = decays()
    many = partial(leastsq.leastsq_many, x0=START, data=data)
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "scipy.optimize.leastsq\nin a loop": (loop(scipy.optimize.leastsq), LOOPED),
        "leastsq\nin a loop": (loop(leastsq.leastsq), LOOPED),
        "leastsq_many\nvectorized": (partial(many, decay, vectorized=True), FITS),
        "leastsq_many\nwith numba": (partial(many, exponential(), args=TIMES), FITS),
    }
    seconds = race(ROUNDS, *contenders.values())
    return {name: 1.0 / float(np.median(s)) for name, s in zip(contenders, seconds, strict=True)}


def loop(solver: Callable[..., Any]) -> Callable[[], None]:
    """Return what fits some of the decays one by one."""

    def fit_some() -> None:
        for row in decays()[:LOOPED]:
            solver(decay, START, (row,))

    return fit_some


def draw(rates: dict[str, float], path: Path) -> None:
    """Draw a bar for each."""
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axis = figure.subplots()
    colors = ["gray", "tab:blue", "tab:blue", "tab:blue"]
    bars = axis.barh(list(rates), list(rates.values()), color=colors)
    slowest = min(rates.values())
    times = [f"  ({rate / slowest:.1f}x)" if rate > slowest else "" for rate in rates.values()]
    labels = [f" {rate:,.0f}{part}" for rate, part in zip(rates.values(), times, strict=True)]
    axis.bar_label(bars, labels)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title("fits a second on one core: 3 parameters, 50 samples", loc="left")
    about = report.machine()
    versions = ", ".join(f"{name} {about[name]}" for name in ("Python", "NumPy", "SciPy"))
    figure.supxlabel(f"{about['CPU']}; {versions}", fontsize=7, x=1.0, ha="right")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
