#!/usr/bin/env bash
# Installs the package into a virtual environment of the checkout and fits NIST's data with it.
source "$(dirname "$0")/common.sh"

require_packages gfortran
require_python
say "install leastsq (Python $(python_version))"
install_leastsq bundled
say "python -m leastsq"
"$venv/bin/python" -m leastsq
