"""Sphinx's settings for the site; ci/docs.sh builds it."""

from importlib.metadata import version as version_of
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
HOME = "https://github.com/leastsq/leastsq"
"""What the README's links to the project begin with, which also work on PyPI."""

TUTORIALS = [
    "first_fit", "weights", "jacobian", "failing_fits", "from_scipy",
    "many_fits", "unequal_lengths", "bootstrap", "spectral_cube", "localisation",
    "cluster", "image_cube", "checkpoints",
    "c_residual", "fortran_residual", "cython_residual", "native_programs",
]  # fmt: skip
"""In the order in which they are needed."""

project = "leastsq"
author = "The leastsq developers"
copyright = author
version = release = version_of("leastsq")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["tutorials/*.ipynb", "tutorials/*.py", "**/GALLERY_HEADER.rst"]
suppress_warnings = ["config.cache"]  # the order of the tutorials is a function
default_role = "autolink"
autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_validation_checks = {"all", "ES01", "EX01", "GL01", "SA01", "SS06"}
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "leastsq"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
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
    "show_memory": False,
    "min_reported_time": 3600,
    "only_warn_on_example_error": False,
}
