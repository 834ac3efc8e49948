"""The README and docs/: each snippet runs alone and prints what it says; links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from programs import need_modules
from reference import bundled

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
PAGES = [*CHECKOUT.glob("README.md"), *sorted(CHECKOUT.glob("docs/*.md"))]
OURS = r"https://(?:github|raw.githubusercontent).com/"
SNIPPETS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    if page.stem != "linking"  # its programs are run by test_downstream.py
    for number, code in enumerate(
        re.findall(r"^```py.*\n((?:.*\n)*?)```", page.read_text("utf-8"), re.M), 1
    )
]
ASKING = "leastsq_many", "callback=", "workers=", "vectorized=", "LevenbergMarquardt"
"""What a build on the system's MINPACK has not."""

pytestmark = pytest.mark.skipif(
    not (README.is_file() and (CHECKOUT / "docs").is_dir()), reason="the tests run without them"
)


def test_there_are_snippets() -> None:
    found = [str(part.id).partition("-")[0] for part in SNIPPETS]
    assert (found.count("README"), found.count("evaluation")) == (3, 4)


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
    expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    assert expected
    assert done.stdout.splitlines() == expected


def home() -> str:
    """Return the address of the project."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    source: str = project["urls"]["Source"]
    return source


def lead_nowhere(text: str) -> list[str]:
    """Return the links to the project of which it has no such file."""
    raw = home().replace("github.com", "raw.githubusercontent.com")
    known = rf"(?:{home()}/(?:blob|tree)|{raw})/main/([^#]+)"
    links = re.findall(rf"{OURS}[^\s)\"'>]+", text)
    files = {link: re.fullmatch(known, link) for link in links}
    return [link for link, file in files.items() if not (file and (CHECKOUT / file[1]).exists())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Those to the project name files of it; PyPI has the README alone, whose are absolute."""
    text = page.read_text("utf-8")
    assert lead_nowhere(text) == []
    targets = re.findall(r"\]\(([^)]+)\)", text)
    relative = [target for target in targets if not target.startswith("https://")]
    assert [name for name in relative if page == README or not (page.parent / name).exists()] == []


def test_addresses_of_the_project() -> None:
    """They stand in pyproject.toml, and the site's settings have the same."""
    urls = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    places = {home(), f"{home()}/issues"}
    assert lead_nowhere(" ".join(url for url in urls.values() if url not in places)) == []
    settings = (CHECKOUT / "docs" / "conf.py").read_text("utf-8")
    assert f'HOME = "{home()}"' in settings


def test_the_pictures_of_the_readme() -> None:
    pictures = re.findall(r"^!\[.+\]\(\S+/(\w+\.png)\)$", README.read_text("utf-8"), re.M)
    assert pictures == ["fit.png", "fits_a_second.png"]
