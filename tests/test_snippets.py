"""The README and docs/: each snippet runs alone and prints what it says; links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import need_modules
from reference import bundled

CHECKOUT = Path(__file__).parents[1]
HOME = "https://github.com/leastsq/leastsq"
PICTURES = "https://raw.githubusercontent.com/leastsq/leastsq"
README = CHECKOUT / "README.md"
PAGES = [*CHECKOUT.glob("README.md"), *sorted(CHECKOUT.glob("docs/*.md"))]
SNIPPETS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    if page.stem != "linking"  # its programs are run by test_downstream.py
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S), 1
    )
]
ASKING = "leastsq_many", "callback=", "workers=", "vectorized=", "LevenbergMarquardt", "Compiled"
"""What a build on the system's MINPACK has not."""


def test_there_are_snippets() -> None:
    if not README.is_file():
        pytest.skip("the tests run without the README")
    assert {"README", "evaluation"} <= {str(part.id).partition("-")[0] for part in SNIPPETS}


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippet(code: str, tmp_path: Path) -> None:
    """In a process of its own; a comment after a print is what that prints."""
    if not bundled() and any(word in code for word in ASKING):
        pytest.skip("the system build has none of it")
    names = re.findall(r"^(?:from|import) (\w+)", code, re.M)
    need_modules(*(name for name in names if name not in sys.stdlib_module_names))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", code, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Those to the project name files of it; PyPI has the README alone, whose are absolute."""
    text = page.read_text("utf-8")
    ours = re.findall(rf"(?:{HOME}/(?:blob|tree)|{PICTURES})/main/([^)#\s]+)", text)
    assert [name for name in ours if not (CHECKOUT / name).exists()] == []
    targets = re.findall(r"\]\(([^)]+)\)", text)
    relative = [target for target in targets if not target.startswith("https://")]
    assert [name for name in relative if page == README or not (page.parent / name).exists()] == []
