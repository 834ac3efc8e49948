"""Rows for small solves: this build against another, and that against its own copy, as noise."""

import importlib
import shutil
import sys
import tempfile
from pathlib import Path

from benchmark.solves import SOLVERS, Solver, small_rows
from benchmark.timing import Group, Row

__all__ = ["rows"]

MAX_RATIO = 1.03
"""Target: our time over the other build's; what is above 1 is left to noise."""


def rows(directory: Path) -> list[Row]:
    """Return the rows against the build that pip install --target has put into a directory."""
    other = _load(directory)
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(directory / "leastsq", Path(scratch, "leastsq"))
        copied = _load(Path(scratch))
    pair = {"ours": SOLVERS["ours"], "other": other}
    noise = {"other": other, "itself": copied}
    return [
        *small_rows(Group.BUILDS, pair, lambda _: MAX_RATIO),
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
