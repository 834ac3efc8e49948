"""A copy of the checkout that is changed, rebuilt and tested."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from mutation.building_blocks import KERNELS
from mutation.places import CHECKOUT, Mutation

__all__ = ["SURVIVED", "Copy", "Outcome"]

COPIED = ("fortran", "src", "tests", "meson.build", "meson.options", "pyproject.toml")
TIMEOUT = 120
"""Seconds after which a test counts as an endless loop; unchanged, none takes a quarter of it."""
SURVIVED = "nothing"
"""What noticed a change if all tests passed."""
PYTEST = """
import sys, importlib.machinery
sys.meta_path.insert(0, importlib.machinery.PathFinder)  # the copy goes before an editable install
import pytest
sys.exit(pytest.main())
"""


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
            "CI": "true",  # a missing reference library is a failure then
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
        # Every machine has the baseline's kernels, so that the outcome is the same everywhere.
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
            timeout=TIMEOUT,
            check=False,
        )
