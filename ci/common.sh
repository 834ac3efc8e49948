# shellcheck shell=bash
# Sourced by the scripts of this directory: enters the checkout, and has functions for system
# packages and virtual environments.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-python3}
venv=  # the virtual environment in use, relative to the checkout

say() { printf '\n== %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command and shows its output only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2 && die "failed: $*"; }
}

# Debian's packages: what an installation from source needs, and the tests on top of it.
INSTALL_PACKAGES=(gcc gfortran)
# shellcheck disable=SC2034  # used by the scripts that source this
TEST_PACKAGES=("${INSTALL_PACKAGES[@]}" g++ cmake pkg-config
    libminpack1 minpack-dev libcminpack1 libcminpack-dev)

# Prints those of the Debian packages given that are neither installed nor commands on the PATH.
missing_packages() {
    local package
    for package; do
        command -v "$package" >/dev/null ||
            dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            echo "$package"
    done
}

# Can $PYTHON make virtual environments and compile extension modules?
python_is_complete() {
    "$PYTHON" -c 'import ensurepip, os, sysconfig
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null
}

# Prints the Debian packages that would complete $PYTHON: python3-venv, or python3.15-venv if
# PYTHON=python3.15, and so on.
missing_python() {
    local name=python3
    [[ $PYTHON != python3.* ]] || name=$PYTHON
    python_is_complete || missing_packages "$name" "$name-dev" "$name-venv"
}

# Installs Debian packages. Where it may not, it names them, and those that the tests need.
install_packages() {
    local sudo=() all
    (($#)) || return 0
    ((EUID == 0)) || sudo=(sudo -n)
    if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then
        all=$({ missing_packages "${TEST_PACKAGES[@]}" && missing_python; } | xargs)
        [[ $all == "$*" ]] || printf 'ci/test.sh will need: %s\n' "$all" >&2
        die "please install: $* (Debian, Ubuntu: sudo apt-get install $*)"
    fi
    say "apt-get install $*"
    quietly "${sudo[@]}" apt-get update
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
}

# Installs those of the Debian packages given that are missing.
require_packages() {
    local missing
    readarray -t missing < <(missing_packages "$@")
    install_packages "${missing[@]}"
}

# The same, with those that $PYTHON lacks; then checks that $PYTHON can build the package.
require() {
    local missing
    readarray -t missing < <(missing_packages "$@" && missing_python)
    install_packages "${missing[@]}"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "$PYTHON is not Python 3.11 or newer; set PYTHON to one that is"
    python_is_complete || die "$PYTHON lacks ensurepip or its C headers; please install them"
}

python_version() { "$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Sets venv to build/venv-VERSION-NAME, which is created if it is missing or its Python is.
make_venv() {
    venv=build/venv-$(python_version)-$1
    "$venv/bin/python" -m pip --version &>/dev/null || quietly "$PYTHON" -m venv --clear "$venv"
    quietly "$venv/bin/python" -m pip install "pip >= 25.1"  # knows dependency groups
}

# Installs the checkout into a virtual environment of its own; $1 is bundled or system.
install_leastsq() {
    local options=()
    [[ $1 == bundled ]] || options=("-Csetup-args=-Dminpack=$1")
    make_venv "$1"
    quietly "$venv/bin/python" -m pip install . "${options[@]}"
}
