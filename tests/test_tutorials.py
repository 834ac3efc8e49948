"""The tutorials run, end well and draw what they say they draw."""

from __future__ import annotations

import ast
import re
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


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_ends_with_an_assertion(script: Path) -> None:
    """So does main() where it is called at the end."""
    module = ast.parse(script.read_text("utf-8"))
    functions = {part.name: part for part in module.body if isinstance(part, ast.FunctionDef)}
    last = module.body[-1]
    if isinstance(last, ast.If):
        assert ast.unparse(last.test) == "__name__ == '__main__'"
        assert any(isinstance(part, ast.Assert) for part in functions["main"].body)
    else:
        assert isinstance(last, ast.Assert)


def test_the_site_has_all() -> None:
    """In an order of its own; and the pages that they mention are there."""
    settings = Path(__file__).parents[1] / "docs" / "conf.py"
    if not settings.is_file():
        pytest.skip("the tests run without the docs")
    listed = re.findall(r"^TUTORIALS = (\[(?:.|\n)*?\])", settings.read_text("utf-8"), re.M)
    names = {path.stem for path in TUTORIALS}
    assert sorted(ast.literal_eval(listed[0])) == sorted(names)
    for path in TUTORIALS:
        assert set(re.findall(r":doc:`(\w+)`", path.read_text("utf-8"))) <= names
