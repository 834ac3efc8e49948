"""Rows for what the package costs besides time in solves: memory, import, size.

Run as a program (LAYOUT PACKAGE), it prints the bytes by which the peak memory of a solve exceeds
that of its callbacks.
"""

import functools
import importlib
import importlib.metadata
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.children import numbers_from
from benchmark.timing import Effort, Group, Line, Row, Seconds, amount

__all__ = ["rows"]

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

SHAPE = (200_000, 50)
JACOBIAN = SHAPE[0] * SHAPE[1] * 8e-6  # MB
MEMORY, IMPORT, WHEEL = 1.1 * JACOBIAN + 5.0, 8.0, 400.0  # targets in MB, ms, KB

PACKAGES = ("leastsq", "scipy.optimize")
LAYOUTS = {"col_deriv": "col_deriv=1", "F": "Fortran-ordered", "C": "C-ordered"}
IMPORT_TIME = """
import sys, time, numpy
start = time.perf_counter_ns()
__import__(sys.argv[1])
print((time.perf_counter_ns() - start) * 1e-6)
"""


def rows(wheel: Path | None) -> list[Row]:
    """Return the rows of this module; of a wheel's size, if one is given."""
    found = [
        Row(
            f"memory {layout}",
            f"How far does a {SHAPE[0]} x {SHAPE[1]} solve's peak memory exceed its callbacks' "
            f"({text} Dfun; a Jacobian: {JACOBIAN:.0f} MB)?",
            Group.AMOUNTS,
            functools.partial(_memory, layout),
            "MB",
        )
        for layout, text in LAYOUTS.items()
    ]
    question = "How long does `import leastsq` take after NumPy? (SciPy: scipy.optimize)"
    found.append(Row("import", question, Group.AMOUNTS, _import_time, "ms"))
    what = "the wheel" if wheel else "the installed package, compressed"
    question = f"How large is {what}?"
    found.append(Row("size", question, Group.AMOUNTS, functools.partial(_size, wheel), "KB"))
    return found


def _memory(layout: str, effort: Effort) -> list[Line]:
    ours, theirs = _numbers(min(effort.rounds, 3), ("-m", "benchmark.footprint", layout))
    return [amount("SciPy", 1e-6 * ours, 1e-6 * theirs, MEMORY)]


def _import_time(effort: Effort) -> list[Line]:
    ours, theirs = _numbers(4 * effort.rounds, ("-c", IMPORT_TIME))
    return [amount("SciPy", ours, theirs, IMPORT)]


def _size(wheel: Path | None, _: Effort) -> list[Line]:
    size = wheel.stat().st_size if wheel else _compressed_size("leastsq")
    return [amount("", np.array([size * 1e-3]), None, WHEEL)]


def _compressed_size(package: str) -> int:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in importlib.metadata.files(package) or ():
            if file.suffix != ".pyc":
                target.writestr(str(file), file.read_binary())
    return archive.tell()


def _numbers(rounds: int, program: tuple[str, ...]) -> Seconds:
    """Return what a program prints for each package, in a new process each time."""
    numbers = [
        [numbers_from(*program, package)[0] for package in PACKAGES] for _ in range(rounds)
    ]
    return np.array(numbers).T


def _peak() -> int:
    # Not getrusage's, which starts from the peak of the parent process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _excess(solver: Callable[..., Any], layout: str) -> int:
    """Return the bytes by which a solve's peak exceeds that of its callbacks alone."""
    m, n = SHAPE
    rng = np.random.default_rng(0)
    by_rows = layout == "C"
    matrix = rng.random((m, n)) if by_rows else rng.random((n, m))
    columns = matrix if by_rows else matrix.T  # (m, n) in either case
    data = rng.random(m)

    def residual(x: Vector) -> Vector:
        values: Vector = columns @ x
        values -= data
        return values

    def jacobian(_: Vector) -> Matrix:
        return matrix.copy() if layout == "col_deriv" else columns.copy(order="K")

    x0 = np.zeros(n)
    residual(x0)
    jacobian(x0)
    before = _peak()
    solver(residual, x0, Dfun=jacobian, col_deriv=layout == "col_deriv", full_output=True)
    return _peak() - before


if __name__ == "__main__":
    layout, package = sys.argv[1:]
    print(_excess(importlib.import_module(package).leastsq, layout))
