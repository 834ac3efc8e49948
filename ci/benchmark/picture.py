"""Pictures of what was measured: the ratios of rows, and how many fits a second there are."""

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize

import leastsq
from benchmark import report
from benchmark.compiled import exponential
from benchmark.fits import FITS, START, TIMES, decay, decays
from benchmark.timing import Group, Line, race

__all__ = ["bars", "ratios"]

ROUNDS = 9
LOOP_FITS = FITS // 50
"""Fits of a Python loop beside leastsq_many."""


def ratios(results: report.Results, about: dict[str, str], path: Path) -> None:
    """Draw the ratios of times with their quartiles and targets; needs matplotlib."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    groups = [group for group in (Group.ROUTINES, Group.SOLVES) if _compared(results, group)]
    counts = [len(_compared(results, group)) for group in groups]
    figure, axes = pyplot.subplots(
        len(groups), figsize=(9, 1.5 + 0.22 * sum(counts)), height_ratios=counts, squeeze=False
    )
    for group, axis in zip(groups, axes[:, 0], strict=True):
        _draw(axis, group, _compared(results, group))
    figure.suptitle(f"leastsq {leastsq.__version__}, {about['CPU']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _compared(results: report.Results, group: Group) -> list[tuple[str, Line]]:
    return [
        (f"{row.name} / {line.peer}" if group is Group.ROUTINES else row.name, line)
        for row, lines in results
        for line in lines
        if row.group is group
    ]


def _draw(axis: Any, group: Group, compared: list[tuple[str, Line]]) -> None:  # noqa: ANN401
    names, lines = zip(*compared, strict=True)
    places = np.arange(len(lines))
    values = np.array([line.value for line in lines])
    spread = [values - [line.low for line in lines], [line.high for line in lines] - values]
    axis.barh(places, values, xerr=spread, color="tab:blue", ecolor="black", height=0.7)
    for place, line in enumerate(lines):
        if line.target is not None:
            axis.plot([line.target] * 2, [place - 0.45, place + 0.45], color="tab:red")
    axis.axvline(1.0, color="gray", linewidth=0.8)
    axis.set_yticks(places, names, fontsize=7)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.set_title(f"{group.value} (red: target)", fontsize=9)


def bars(path: Path) -> None:
    """Measure fits a second and draw a bar each for SciPy, leastsq, and ways of leastsq_many.

    The fits are of three parameters to fifty samples, on one core. Bars are medians of rounds in
    which every contender has its turn. Needs numba and matplotlib.
    """
    rates = _rates()
    for name, rate in rates.items():
        print(f"{name.replace(chr(10), ' '):50}{rate:12,.0f} fits a second")
    _draw_rates(rates, path)


def _rates() -> dict[str, float]:
    """Return how many fits a second each contender makes."""
    data = decays()
    many = partial(leastsq.leastsq_many, x0=START, data=data)
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "scipy.optimize.leastsq\nin a loop": (_loop(scipy.optimize.leastsq), LOOP_FITS),
        "leastsq\nin a loop": (_loop(leastsq.leastsq), LOOP_FITS),
        "leastsq_many\nvectorized": (partial(many, decay, vectorized=True), FITS),
        "leastsq_many\nwith numba": (partial(many, exponential(), args=TIMES), FITS),
    }
    seconds = race(ROUNDS, *contenders.values())
    return {name: 1.0 / float(np.median(s)) for name, s in zip(contenders, seconds, strict=True)}


def _loop(solver: Callable[..., Any]) -> Callable[[], None]:
    """Return a function that fits the first LOOP_FITS decays one by one."""

    def fit_some() -> None:
        for row in decays()[:LOOP_FITS]:
            solver(decay, START, (row,))

    return fit_some


def _draw_rates(rates: dict[str, float], path: Path) -> None:
    """Draw a bar for each contender, and how many times as fast as the slowest it is."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure = pyplot.figure(figsize=(8, 2.6), layout="constrained")
    axis = figure.subplots()
    colors = ["gray", "tab:blue", "tab:blue", "tab:blue"]
    drawn = axis.barh(list(rates), list(rates.values()), color=colors)
    slowest = min(rates.values())
    times = [f"  ({rate / slowest:.1f}x)" if rate > slowest else "" for rate in rates.values()]
    labels = [f" {rate:,.0f}{part}" for rate, part in zip(rates.values(), times, strict=True)]
    axis.bar_label(drawn, labels)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title("fits a second on one core: 3 parameters, 50 samples", loc="left")
    about = report.machine()
    versions = ", ".join(f"{name} {about[name]}" for name in ("Python", "NumPy", "SciPy"))
    figure.supxlabel(f"{about['CPU']}; {versions}", fontsize=7, x=1.0, ha="right")
    figure.savefig(path, dpi=150)
