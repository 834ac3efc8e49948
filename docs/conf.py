"""Sphinx's settings for the site; ci/docs.sh builds it."""

import re
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

CHECKOUT = Path(__file__).parents[1]
HOME = "https://github.com/leastsq/leastsq"
PICTURES = "https://raw.githubusercontent.com/leastsq/leastsq/main"
"""What the README's links to the project begin with, so that they work on PyPI, too."""

TUTORIALS = [
    "first_fit", "weights", "forms", "jacobian", "failing_fits", "from_scipy",
    "many_fits", "unequal_lengths", "bootstrap", "spectral_cube", "localisation",
    "cluster", "image_cube", "checkpoints",
    "c_residual", "fortran_residual", "cython_residual", "native_programs",
]  # fmt: skip
"""In the order in which they are needed."""


def setup(app: Sphinx) -> None:
    """Make the README the first page."""
    app.connect("source-read", _read_readme)


def _read_readme(app: Sphinx, page: str, source: list[str]) -> None:
    """Put it before what stands in index.md, its links to the project leading to pages."""
    if page == "index":
        text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        text = re.sub(rf"{HOME}/blob/main/tests/(tutorials/\w+)\.py", r"\1.rst", text)
        text = re.sub(rf"{HOME}/tree/main/tests/tutorials", "tutorials/index.rst", text)
        text = re.sub(rf"{HOME}/blob/main/docs/(\w+\.md)", r"\1", text)
        text = re.sub(rf"{HOME}/blob/main/CHANGELOG.md", "changes.md", text)
        text = re.sub(rf"{HOME}/blob/main/CONTRIBUTING.md", "contributing.md", text)
        source[0] = text.replace(f"{PICTURES}/docs/", "") + source[0]


project = "leastsq"
author = "The leastsq developers"
copyright = author
version = release = version_of("leastsq")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the order of the tutorials is a function
default_role = "autolink"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_validation_checks = {"all", "ES01", "EX01", "GL01", "SA01", "SS06"}
numpydoc_validation_exclude = {"Result$"}  # nobody but us makes these

html_theme = "pydata_sphinx_theme"
html_title = "leastsq"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "icon_links": [{"name": "Source", "url": HOME, "icon": "fa-brands fa-github"}],
}

sphinx_gallery_conf = {
    "examples_dirs": str(CHECKOUT / "tests" / "tutorials"),
    "gallery_dirs": "tutorials",
    "filename_pattern": r"\.py$",
    "within_subsection_order": lambda name: TUTORIALS.index(Path(name).stem),
    "copyfile_regex": r".*\.(c|f90|pyx)$",
    "doc_module": ("leastsq",),
    "backreferences_dir": "reference/examples",
    "default_thumb_file": str(CHECKOUT / "docs" / "fit.png"),
    "notebook_extensions": set(),  # in a notebook sys.argv is another program's
    "min_reported_time": 3600,
}
