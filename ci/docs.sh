#!/usr/bin/env bash
# Builds the site from the README, docs/, the tutorials, which run, and the docstrings. A warning is
# an error. Then follows every link: those to other hosts, too, with --external.
# usage: [PYTHON=python3.13] ci/docs.sh [--external]; the site is in build/docs/html
source "$(dirname "$0")/common.sh"

external=()
[[ ${1:-} != --external ]] || external=(--check-extern)

require "${INSTALL_PACKAGES[@]}" g++
make_venv docs
say "install leastsq from source, Sphinx and what the tutorials need (Python $(python_version))"
quietly "$venv/bin/python" -m pip install . --group docs
# Sphinx writes pages beside its sources, and its gallery needs paths without spaces: work on a
# copy. If started as root, linkchecker switches to the user nobody, who must be able to read it.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r README.md CHANGELOG.md CONTRIBUTING.md docs fortran src tests "$scratch"
say "build the site"
PATH=$PWD/$venv/bin:$PATH MPLBACKEND=agg \
    "$venv/bin/sphinx-build" --fail-on-warning --keep-going -q "$scratch/docs" "$scratch/html"
say "follow its links"
chmod -R a+rX "$scratch"
"$venv/bin/linkchecker" --config docs/linkchecker.ini --no-status "${external[@]}" \
    "$scratch/html/index.html"
site=build/docs/html
rm -rf "$site"
mkdir -p "${site%/*}"
mv "$scratch/html" "$site"
say "open $PWD/$site/index.html"
