"""Random cases on extreme numbers, compared with the solvers and the ways that must agree.

    python tests/fuzz.py --seed 7 --count 100000
    python tests/fuzz.py --seed 7 --count 100000 --jobs 2 ways batches

Every bit is compared. A case is made from two numbers, the seed and its own, and one that differs
is printed as a piece of Python that runs alone in tests/; every difference that is excluded is
counted under its reason.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from fuzzing.batches import check_batches, check_processes
from fuzzing.blocks import check_blocks
from fuzzing.cases import Check, Findings, report, run
from fuzzing.compiled import check_numba, check_pointers
from fuzzing.solves import check_solve
from fuzzing.ways import WAYS, check_ways
from reference import bundled

CHECKS: dict[str, tuple[Check, int]] = {
    "solves": (check_solve, 1),
    "blocks": (check_blocks, 1),
    "ways": (check_ways, len(WAYS)),
    "batches": (check_batches, 50),
    "pointers": (check_pointers, 35),
    "numba": (check_numba, 35),
    "processes": (check_processes, 1000),
}
"""What is checked, and how many solves, about, a case of it has."""
OWN = {"ways", "batches", "pointers", "numba", "processes"}
"""Those that need what the system build has not."""


def run_share(name: str, seed: int, count: int, job: int, jobs: int) -> Findings:
    """Run one job's share of the cases of a check."""
    check, each = CHECKS[name]
    return run(check, seed, range(job, max(1, count // each), jobs))


def run_jobs(name: str, seed: int, count: int, jobs: int) -> Findings:
    """Run the cases of a check in so many processes."""
    if jobs == 1:
        return run_share(name, seed, count, 0, 1)
    tally: Counter[str] = Counter()
    different = []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for future in [pool.submit(run_share, name, seed, count, j, jobs) for j in range(jobs)]:
            some, texts = future.result()
            tally += some
            different += texts
    return tally, different


def main() -> int:
    """Print what differs and how much was excluded; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="0 is the one that the suite takes")
    parser.add_argument("--count", type=int, default=10_000, help="solves of each check, about")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    known = ", ".join(CHECKS)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"by default all: {known}")
    options = parser.parse_args()
    names = options.checks or [name for name in CHECKS if bundled() or name not in OWN]
    if unknown := set(names) - set(CHECKS):
        parser.error(f"no check is called {', '.join(unknown)}; there are {known}")
    status = 0
    for name in names:
        tally, different = run_jobs(name, options.seed, options.count, options.jobs)
        found = report(tally) or "nothing was compared\n"
        print(f"{name}:", *different, found, sep="\n", flush=True)
        status |= bool(different)
    return status


if __name__ == "__main__":
    sys.exit(main())
