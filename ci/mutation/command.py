"""Answers which small changes to the core the unit tests of the changed routine would miss.

    python ci/mutate.py                    all changes, about half an hour
    python ci/mutate.py --only "lmpar: "   those whose names contain that
    python ci/mutate.py --only test_soak   those that this test file must notice
    python ci/mutate.py --check            only whether each change still has its place

Each change replaces one token in a copy of the checkout, which is rebuilt, and the test file of the
routine runs alone. Needs the reference libraries of the tests, a Fortran compiler, and the packages
of pyproject's group test, meson and ninja in the Python that runs it; --check and --list need
nothing. The exit status is 1 if a change survives, or if the text that it replaces is not found
exactly once.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mutation.checkout import SURVIVED, Copy, Outcome
from mutation.places import Mutation, find_all

__all__ = ["main"]


def main() -> None:
    """Make the changes asked for, one at a time, and show what noticed each."""
    options = _options()
    mutations = [
        mutation
        for mutation in find_all()
        if options.only in mutation.name or options.only == f"test_{mutation.test}"
    ]
    if not mutations:
        sys.exit(f"no change has {options.only!r} in its name; see --list")
    if options.list:
        print(*(mutation.name for mutation in mutations), sep="\n")
        return
    if options.check:
        print(f"{len(mutations)} changes have their places")
        return
    row = "| {} | `{}` | {} | {} |" if options.markdown else "{:52}{:38}{:28}{}"
    print(row.format("change", "token", "where", "noticed by"))
    if options.markdown:
        print("|---|---|---|---|")
    start, survivors = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="mutate-") as directory:
        for mutation, outcome in _outcomes(Copy(Path(directory)), mutations):
            token = f"{mutation.old} -> {mutation.new}"
            where = f"{Path(mutation.path).name}:{mutation.line}"
            print(row.format(mutation.name, token, where, outcome.noticed_by), flush=True)
            if outcome.noticed_by == SURVIVED:
                survivors.append(mutation.name)
    minutes = (time.monotonic() - start) / 60
    print(f"\n{len(mutations)} changes, {len(survivors)} not noticed, {minutes:.1f} minutes")
    if survivors:
        sys.exit("not noticed: " + "; ".join(survivors))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="NAME", help="those of a test or a name")
    parser.add_argument("--list", action="store_true", help="list the names of the changes")
    parser.add_argument("--check", action="store_true", help="look for the changes' places alone")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    return parser.parse_args()


def _outcomes(copy: Copy, mutations: list[Mutation]) -> Iterator[tuple[Mutation, Outcome]]:
    """Check that the tests pass without a change, then make one after the other."""
    copy.install()
    for mutation in {(mutation.test, mutation.path): mutation for mutation in mutations}.values():
        noticed_by, output = copy.test(mutation)
        if noticed_by != SURVIVED:
            sys.exit(f"test_{mutation.test}.py fails without a change\n{output}")
    for mutation in mutations:
        file = copy.source / mutation.path
        text = file.read_text(encoding="utf-8")
        file.write_text(mutation.apply(text), encoding="utf-8")
        copy.install()
        yield mutation, copy.test(mutation)
        file.write_text(text, encoding="utf-8")
