"""Measures how fast the installed leastsq is, each row beside a peer in the same rounds.

    python ci/benchmark.py                          all rows, about four minutes
    python ci/benchmark.py --row "qr 2000x200"      rows whose names contain that
    python ci/benchmark.py --against DIRECTORY      small solves beside another build's, which
                                                    pip install --target DIRECTORY has put there
    python ci/benchmark.py --bars FILE.png          fits a second, SciPy's and ours, as bars
    LEASTSQ_SIMD=avx2 python ci/benchmark.py --row "qr "     with a lesser instruction set

Needs SciPy >= 1.18 and a C compiler; compares with Debian's libminpack1 and libcminpack1 if they
are installed. Ratios are medians over rounds in which every contender has its turn; quartiles show
how far they spread. In rows of one thread, time spent waiting for the processor does not count, yet
another busy process still disturbs through caches and memory. A target that is missed is no error.
"""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmark import (
    asking,
    builds,
    compiled,
    curve_fit,
    footprint,
    many,
    picture,
    report,
    routines,
    solves,
    workers,
)
from benchmark.timing import Effort, Row, verdict

__all__ = ["main"]

THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would give LAPACK slower kernels
FULL, QUICK = Effort(seconds=2.5, rounds=5), Effort(seconds=0.2, rounds=3)


def main() -> None:
    """Measure the rows asked for and show them as they come."""
    options = _options()
    for option in ("plot", "bars"):
        if vars(options)[option] and find_spec("matplotlib") is None:
            sys.exit(f"--{option} needs matplotlib: pip install matplotlib")
    if options.bars:
        _restart_in_clean_environment()
        picture.bars(options.bars)
        return
    rows = [
        row
        for row in (
            builds.rows(options.against.resolve())
            if options.against
            else [
                *routines.rows(),
                *solves.rows(),
                *asking.rows(),
                *many.rows(),
                *workers.rows(),
                *compiled.rows(),
                *curve_fit.rows(),
                *footprint.rows(options.wheel),
            ]
        )
        if not options.row or any(part in row.name for part in options.row)
    ]
    if not rows:
        sys.exit(f"no row has a name with {' or '.join(options.row)} in it; see --list")
    if options.list:
        for row in rows:
            print(f"{row.name:26}{row.question}")
        return
    _restart_in_clean_environment()
    about = report.machine()
    missing = routines.missing_peers()
    if missing:
        about["not installed"] = ", ".join(missing)
    for name, value in about.items():
        print(f"- {name}: {value}" if options.markdown else f"{name + ':':18}{value}")
    results = _measured(rows, QUICK if options.quick else FULL, options.markdown)
    if options.json:
        options.json.write_text(report.as_json(results, about), encoding="utf-8")
    if options.plot:
        picture.ratios(results, about, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", nargs="+", action="extend", metavar="NAME",
                        help="only rows whose names contain one of these")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the rows and their questions")
    parser.add_argument("--quick", action="store_true", help="few rounds: about a minute")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the ratios, too")
    parser.add_argument("--bars", type=Path, metavar="FILE.png",
                        help="only draw how many fits a second there are")  # fmt: skip
    parser.add_argument("--against", type=Path, metavar="DIRECTORY",
                        help="only compare with the build in it")  # fmt: skip
    parser.add_argument("--wheel", type=Path, help="report this wheel's size, not the package's")
    return parser.parse_args()


def _restart_in_clean_environment() -> None:
    """Give LAPACK one thread and its own choice of kernels, which it makes when it is loaded."""
    clean = {k: v for k, v in os.environ.items() if k not in BLAS_OVERRIDES} | THREADS
    if clean != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], clean)  # noqa: S606


def _measured(rows: list[Row], effort: Effort, markdown: bool) -> report.Results:
    results: report.Results = []
    group = None
    for row in rows:
        if row.group is not group:
            group = row.group
            print(report.headings(group, markdown))
        lines = row.run(effort)
        results.append((row, lines))
        for line in lines:
            print(report.table_row(row, line, markdown), flush=True)
    verdicts = [verdict(row.group, line) for row, lines in results for line in lines]
    counts = {word: verdicts.count(word) for word in ("met", "missed")}
    print(f"\nTargets met: {counts['met']} of {sum(counts.values())}")
    return results
