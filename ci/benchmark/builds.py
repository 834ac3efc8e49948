"""Rows for small solves: this build against another one, and that against itself for the noise."""

import importlib
import shutil
import sys
import tempfile
from pathlib import Path

from benchmark.solves import SOLVERS, Solver, small_rows
from benchmark.timing import Group, Row

__all__ = ["rows"]

MOST = 1.03
"""Of the other build's time, for what is to be no slower."""


def rows(directory: Path) -> list[Row]:
    """Return the rows against the build that stands in a directory, by pip install --target."""
    theirs = _load(directory)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(directory / "leastsq", Path(copy, "leastsq"))
        again = _load(Path(copy))
    pair = {"ours": SOLVERS["ours"], "other": theirs}
    noise = {"other": theirs, "itself": again}
    return [
        *small_rows(Group.BUILDS, pair, lambda _: MOST),
        *small_rows(Group.BUILDS, noise, lambda _: None, " (noise)"),
    ]


def _load(site: Path) -> Solver:
    """Import leastsq from a directory, whether or not it was imported from another."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "leastsq"]:
        del sys.modules[name]
    sys.path.insert(0, str(site))
    try:
        module = importlib.import_module("leastsq")
    finally:
        sys.path.remove(str(site))
    if not Path(module.__file__ or "").is_relative_to(site):
        sys.exit(f"there is no leastsq in {site}")
    solver: Solver = module.leastsq
    return solver
