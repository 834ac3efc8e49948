"""The tutorials run, end well and draw what they say they draw."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from asking import asks
from programs import need, need_modules

pytestmark = asks

TUTORIALS = sorted((Path(__file__).parent / "tutorials").glob("*.py"))
NEEDED = {
    "c_residual": ["cc"],
    "cluster": ["distributed"],
    "cython_residual": ["Cython", "cc"],
    "fortran_residual": ["gfortran"],
    "from_scipy": ["lmfit", "scipy"],
    "image_cube": ["dask", "distributed"],
    "localisation": ["numba"],
    "native_programs": ["Cython", "c++", "cc", "gfortran"],
    "spectral_cube": ["numba"],
}
"""By tutorial; those that draw need matplotlib, too."""
PROGRAMS = {"cc", "c++", "gfortran"}
"""Those that are no Python modules."""


def need_all(names: list[str]) -> None:
    """Skip without one of these programs and modules; fail in CI."""
    for name in names:
        (need if name in PROGRAMS else need_modules)(name)


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial(script: Path, tmp_path: Path) -> None:
    draws = "savefig" in script.read_text()
    need_all([*NEEDED.get(script.stem, []), *(["matplotlib"] if draws else [])])
    command = [sys.executable, script, *([tmp_path] if draws else [])]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if draws:
        (picture,) = tmp_path.glob("*.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
