#!/usr/bin/env python
"""Answers which small changes to the core the unit tests of the changed routine would miss.

    python ci/mutate.py                    all changes of mutations.py, about ten minutes
    python ci/mutate.py --only "lmpar: "   those whose names contain that

Each change replaces one token in a copy of the checkout, which is rebuilt, and the test file of the
routine runs alone. Needs the reference libraries of the tests, a Fortran compiler, and NumPy,
pytest, meson and ninja in the Python that runs it. The exit status is 1 if a change survives.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mutations import CHANGES, KERNELS

CHECKOUT = Path(__file__).parents[1]
COPIED = ("fortran", "src", "tests", "meson.build", "meson.options", "pyproject.toml")
MOST_SECONDS = 120
"""After which a test is taken to be in a loop; unchanged, none needs a quarter of it."""
SURVIVED = "nothing"
SPACE = r"\s+(?:!+ .*\s+)?"
"""White space, with a Fortran comment in it or not."""
PYTEST = """
import sys, importlib.machinery
sys.meta_path.insert(0, importlib.machinery.PathFinder)  # the copy goes before an editable install
import pytest
sys.exit(pytest.main())
"""


class Mutation(NamedTuple):
    """What to replace in which file, and the test file that should notice."""

    name: str
    test: str
    path: str
    line: int
    start: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return the text of the file with the change."""
        return text[: self.start] + self.new + text[self.start + len(self.old) :]


class Outcome(NamedTuple):
    """What noticed a change, and the output of the test."""

    noticed_by: str
    output: str


class Copy:
    """A copy of the checkout in a temporary directory, its build and its installation."""

    def __init__(self, directory: Path) -> None:
        self.source, self.build = directory / "source", directory / "build"
        site = directory / "site"
        self.source.mkdir()
        for name in COPIED:
            here, there = CHECKOUT / name, self.source / name
            (shutil.copytree if here.is_dir() else shutil.copy)(here, there)
        self.environment = os.environ | {
            "CI": "true",  # a missing reference is a failure then
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(site),
        }
        places = [f"-Dpython.{kind}libdir={site}" for kind in ("pure", "plat")]
        self._meson("setup", self.build, *places)

    def install(self) -> None:
        """Build what has changed and install it."""
        self._meson("install", "-C", self.build, "--quiet", "--only-changed")

    def test(self, mutation: Mutation) -> Outcome:
        """Run the test file of a mutation up to its first failure."""
        test = f"test_{mutation.test}.py"
        options = ("-q", "-x", "-p", "no:cacheprovider", "--tb=line")
        # The plainest variant exists everywhere, so that what is found does not depend on where.
        simd = {"LEASTSQ_SIMD": "baseline"} if Path(mutation.path).match(KERNELS) else {}
        try:
            done = self._python("-c", PYTEST, *options, f"tests/{test}", environment=simd)
        except subprocess.TimeoutExpired:
            return Outcome("the timeout", "")
        if done.returncode < 0:
            return Outcome("a crash", done.stdout)
        if done.returncode == 0:
            return Outcome(SURVIVED, done.stdout)
        failed = re.search(r"^FAILED [^:]+::(\w+)", done.stdout, re.MULTILINE)
        if done.returncode != 1 or failed is None:
            sys.exit(f"{mutation.name}: {test} cannot run\n{done.stdout}")
        return Outcome(f"{test}: {failed[1]}", done.stdout)

    def _meson(self, *arguments: str | Path) -> None:
        done = self._python("-m", "mesonbuild.mesonmain", *arguments, environment={})
        if done.returncode != 0:
            sys.exit(f"the build fails: {arguments}\n{done.stdout}")

    def _python(
        self, *arguments: str | Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            cwd=self.source,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )


def main() -> None:
    """Make the changes asked for, one at a time, and show what noticed each."""
    options = _options()
    mutations = [mutation for mutation in _mutations() if options.only in mutation.name]
    if not mutations:
        sys.exit(f"no change has {options.only!r} in its name; see --list")
    if options.list:
        print(*(mutation.name for mutation in mutations), sep="\n")
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
    parser.add_argument("--only", default="", metavar="NAME", help="those with NAME in their names")
    parser.add_argument("--list", action="store_true", help="list the names of the changes")
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


def _mutations() -> list[Mutation]:
    """Find every change's place in the sources; one that is not found once is an error."""
    mutations, wrong = [], []
    for (test, pattern), changes in CHANGES.items():
        texts = {path: path.read_text(encoding="utf-8") for path in CHECKOUT.glob(pattern)}
        for change in changes.strip().splitlines():
            title, context = (part.strip() for part in change.split("|", maxsplit=1))
            before, old, new, after = re.split(r"\{(.+?) -> (.+?)\}", context)
            parts = (re.escape(part).replace(r"\ ", SPACE) for part in (before, old, after))
            wanted = re.compile("{}({}){}".format(*parts))
            found = [(path, m) for path, text in texts.items() for m in wanted.finditer(text)]
            if len(found) != 1:
                wrong.append(f"{pattern} has {len(found)} of: {context}")
                continue
            path, start = found[0][0], found[0][1].start(1)
            line = texts[path].count("\n", 0, start) + 1
            relative = str(path.relative_to(CHECKOUT))
            mutations.append(
                Mutation(f"{path.stem}: {title}", test, relative, line, start, old, new)
            )
    names = [mutation.name for mutation in mutations]
    wrong += [f"two changes have the name {name}" for name in set(names) if names.count(name) > 1]
    if wrong:
        sys.exit("\n".join(wrong))
    return mutations


if __name__ == "__main__":
    main()
