"""Compiles and runs programs that use the installed package."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from reference import missing

SCRIPTS = str(Path(sys.executable).parent)
SYSTEM_PATH = os.pathsep.join(directory for directory in os.get_exec_path() if directory != SCRIPTS)
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffp-contract=off"]
COMPILERS = {".c": ("CC", "cc"), ".cpp": ("CXX", "c++"), ".f90": ("FC", "gfortran")}


def need(*tools: str) -> None:
    """Skip without one of these commands, of the environment or the system; fail in CI."""
    for name in tools:
        if shutil.which(name, path=SCRIPTS + os.pathsep + SYSTEM_PATH) is None:
            missing(f"no {name}")


def need_modules(*names: str) -> None:
    """Skip without one of these Python modules; fail in CI, unless it cannot be installed."""
    for name in names:
        if find_spec(name) is None:
            if name == "numba" and sys.version_info >= (3, 14):
                pytest.skip("numba has no wheels for this Python", allow_module_level=True)
            missing(f"no Python module {name}")


def run(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    """Run a command, with this environment's scripts first on the PATH; return what it prints."""
    path = SCRIPTS + os.pathsep + SYSTEM_PATH
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        # pkgconf-pypi looks for packages in whatever virtual environment is said to be active.
        env=os.environ | {"PATH": path, "VIRTUAL_ENV": sys.prefix} | (environment or {}),
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def config(*options: str) -> list[str]:
    """Return the words that leastsq-config prints, as a shell reads them."""
    return shlex.split(run("leastsq-config", *options))


def build(directory: Path, *words: str | Path) -> Path:
    """Compile and link there, with the compiler that the first word's file needs."""
    variable, default = COMPILERS[Path(words[0]).suffix]
    compiler = shlex.split(os.environ.get(variable, default))
    need(compiler[0])
    program = directory / "program"
    run(*compiler, *STRICT, "-o", program, *words, cwd=directory)
    return program


def build_library(directory: Path, source: Path) -> Path:
    """Compile functions in C into a library for ctypes."""
    return build(directory, source, "-O2", "-shared", "-fPIC", "-lm")
