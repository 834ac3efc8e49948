"""How results are printed: a table in text or Markdown, JSON, and what they were measured on."""

import dataclasses
import importlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import scipy

import leastsq
from benchmark.timing import Group, Line, Row, verdict
from leastsq import _minpack

__all__ = ["Results", "as_json", "headings", "machine", "table_row"]

Results = list[tuple[Row, list[Line]]]

COLUMNS = ("row", "against", "ours", "theirs", "ratio", "quartiles", "target", "", "note")
WIDTHS = (24, 9, 9, 9, 7, 15, 8, 6, 0)
SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def machine() -> dict[str, str]:
    """Return names and values that describe the machine and the versions in use."""
    config = _minpack.build_config()
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "OS": platform.platform(),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "leastsq": f"{leastsq.__version__} ({config['fortran_compiler']}, {config['minpack']})",
        "instruction set": _minpack.instruction_set(),
        "LAPACK": _blas(),
    }


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    fields = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    # In a virtual machine the name alone may be generic.
    name, family, model, stepping = (
        fields.get(key, "?") for key in ("model name", "cpu family", "model", "stepping")
    )
    return f"{name} (family {family}, model {model}, stepping {stepping})"


def _blas() -> str:
    # cython_lapack has been imported, so SciPy's library is loaded.
    try:
        found = importlib.import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return "one thread (threadpoolctl, if installed, would tell which kernels)"
    libraries = [blas for blas in found if "scipy.libs" in blas["filepath"]] or found
    return "; ".join(
        f"{blas['internal_api']} {blas['version']}, {blas.get('architecture')} kernels, "
        f"{blas['num_threads']} thread"
        for blas in libraries
    )


def headings(group: Group, markdown: bool) -> str:
    """Return the heading of a group and of its columns."""
    names = list(COLUMNS)
    if group is Group.AMOUNTS:
        names[4] = ""
    if markdown:
        return f"\n**{group.value}**\n\n{_joined(names, markdown)}\n{'|---' * len(names)}|"
    return f"\n{group.value}\n{_joined(names, markdown)}"


def table_row(row: Row, line: Line, markdown: bool) -> str:
    """Return a line as a row of the table."""
    relative = row.group is not Group.AMOUNTS
    cells = [
        row.name,
        line.peer,
        _quantity(line.ours, row.unit),
        "" if line.theirs is None else _quantity(line.theirs, row.unit),
        f"{line.value:.2f}" if relative else "",
        f"{line.low:.2f} to {line.high:.2f}" if relative else _spread(line, row.unit),
        _target(row, line),
        verdict(row.group, line),
        line.note,
    ]
    return _joined(cells, markdown)


def _joined(cells: list[str], markdown: bool) -> str:
    if markdown:
        return f"| {' | '.join(cells)} |"
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _spread(line: Line, unit: str) -> str:
    low, high = _quantity(line.low, ""), _quantity(line.high, "")
    return "" if low == high else f"{low} to {high} {unit}".rstrip()


def _target(row: Row, line: Line) -> str:
    if line.target is None:
        return ""
    if row.group is Group.AMOUNTS:
        return f"≤ {_quantity(line.target, row.unit)}"
    sign = "≥" if row.group.more_is_better else "≤"
    return f"{sign} {line.target:.2f}"


def _quantity(value: float, unit: str) -> str:
    if unit == "s":
        scale, unit = next((s for s in SCALES if abs(value) >= s[0]), SCALES[-1])
        value /= scale
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(value), 1.0)))))
    return f"{value:.{digits}f} {unit}".rstrip()


def as_json(results: Results, about: dict[str, str]) -> str:
    """Return everything measured; times are in seconds, amounts in the row's unit."""
    found: list[dict[str, Any]] = [
        {
            "name": row.name,
            "question": row.question,
            "group": row.group.name.lower(),
            "unit": row.unit,
            **dataclasses.asdict(line),
            "verdict": verdict(row.group, line),
        }
        for row, lines in results
        for line in lines
    ]
    return json.dumps({"machine": about, "rows": found}, indent=1, ensure_ascii=False) + "\n"
