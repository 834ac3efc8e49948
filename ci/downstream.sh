#!/usr/bin/env bash
# Builds and runs every program and package of tests/downstream/ on the wheel, in a clean virtual
# environment. Nothing may be missing: CI=true makes a missing tool a failure.
# usage: [PYTHON=python3.13] ci/downstream.sh [pytest arguments]
source "$(dirname "$0")/common.sh"

require "${TEST_PACKAGES[@]}"
scratch=build/downstream-$(python_version)
rm -rf "$scratch" "build/venv-$(python_version)-downstream"
make_venv downstream
say "build the wheel (Python $(python_version))"
quietly "$venv/bin/python" -m pip wheel --no-deps --wheel-dir "$scratch" .
say "install it with Cython, meson-python, numba and pytest"
quietly "$venv/bin/python" -m pip install "$scratch"/leastsq-*.whl --group downstream
say "programs that use it"
CI=true "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/test_downstream.py "$@"
