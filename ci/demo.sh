#!/usr/bin/env bash
# Installs the package into a virtual environment of the checkout and fits NIST's data with it.
source "$(dirname "$0")/common.sh"

require "${INSTALL_PACKAGES[@]}"
say "install leastsq from source (Python $(python_version); half a minute)"
install_leastsq bundled
say "python -m leastsq"
"$venv/bin/python" -m leastsq
