#!/usr/bin/env bash
# Builds the site from the README, docs/, the tutorials, which run, and the docstrings. A warning is
# an error. Then follows every link: those to other hosts, too, with --external.
# usage: [PYTHON=python3.13] ci/docs.sh [--external]; the site is left in build/docs/html
source "$(dirname "$0")/common.sh"

external=()
[[ ${1:-} != --external ]] || external=(--check-extern)

require "${INSTALL_PACKAGES[@]}" g++
make_venv docs
say "install leastsq from source, Sphinx and what the tutorials need (Python $(python_version))"
quietly "$venv/bin/python" -m pip install . --group docs
# Sphinx writes pages beside its sources; those of the checkout stay as they are.
site=build/docs
rm -rf "$site"
mkdir -p "$site"
cp -r README.md CHANGELOG.md CONTRIBUTING.md docs tests fortran "$site"
say "build the site"
PATH=$PWD/$venv/bin:$PATH MPLBACKEND=agg \
    "$venv/bin/sphinx-build" --fail-on-warning --keep-going -q "$site/docs" "$site/html"
say "follow its links"
# Of a copy that all can read: as root, linkchecker becomes nobody.
readable=$(mktemp -d)
trap 'rm -rf "$readable"' EXIT
cp -r "$site/html" "$readable"
chmod -R a+rX "$readable"
"$venv/bin/linkchecker" --config docs/linkchecker.ini --no-status "${external[@]}" \
    "$readable/html/index.html"
say "open $PWD/$site/html/index.html"
