"""The tutorials run, end well and draw what they say they draw."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from asking import asks
from reference import missing

pytestmark = asks

TUTORIALS = sorted((Path(__file__).parent / "tutorials").glob("*.py"))
NEEDED = {"cluster": ["distributed"], "image_cube": ["dask", "distributed"]}


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial(script: Path, tmp_path: Path) -> None:
    for name in NEEDED.get(script.stem, []):
        if find_spec(name) is None:
            missing(name)
    draws = "savefig" in script.read_text() and find_spec("matplotlib") is not None
    command = [sys.executable, script, *([tmp_path] if draws else [])]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if draws:
        (picture,) = tmp_path.glob("*.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
