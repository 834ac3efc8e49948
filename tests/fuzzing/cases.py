"""What a case reports, and how many of them are run and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["HEAD", "MODEL", "Check", "Findings", "Verdict", "report", "run"]

HEAD = "import numpy as np\nfrom leastsq import leastsq, minpack\n"
MODEL = "from functools import partial\nfrom fuzzing.models import Model  # in tests/\n"


class Verdict(NamedTuple):
    """How a case compares with a peer; reason says why a difference would be excluded."""

    peer: str
    same: bool
    reason: str | None
    text: str
    count: int = 1
    """Solves that were compared."""


Check = Callable[[np.random.Generator], Iterator[Verdict]]
Findings = tuple[Counter[str], list[str]]


MOST_SHOWN = 10


def run(check: Check, seed: int, cases: Iterable[int]) -> Findings:
    """Return counts of the findings, and the texts of the cases that differ, up to some."""
    tally: Counter[str] = Counter()
    different: list[str] = []
    with np.errstate(all="ignore"):
        for case in cases:
            if len(different) >= MOST_SHOWN:
                break
            for verdict in check(np.random.default_rng([seed, case])):
                found = "the same bits" if verdict.same else verdict.reason or "DIFFERENT"
                tally[f"{verdict.peer}: {found}"] += verdict.count
                if found == "DIFFERENT":
                    title = f"# {verdict.peer}, seed {seed}, case {case}\n"
                    different.append(title + HEAD + verdict.text)
    return tally, different


def report(tally: Counter[str]) -> str:
    """Return a line for each kind of finding."""
    return "".join(f"{count:8} {found}\n" for found, count in sorted(tally.items()))
