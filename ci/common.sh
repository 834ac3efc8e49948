# shellcheck shell=bash
# Sourced by the scripts beside it: where they run, system packages, virtual environments.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-python3}
venv=  # the virtual environment in use, relative to the checkout

say() { printf '\n== %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command in silence, or shows all that it said if it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2 && die "failed: $*"; }
}

# Installs those Debian packages that are neither installed nor commands on the PATH.
require_packages() {
    local missing=() package sudo=()
    for package; do
        command -v "$package" >/dev/null ||
            dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || sudo=(sudo -n)
    if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then
        die "please install: ${missing[*]} (Debian, Ubuntu: sudo apt-get install ${missing[*]})"
    fi
    say "apt-get install ${missing[*]}"
    quietly "${sudo[@]}" apt-get update
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}"
}

# Can $PYTHON make virtual environments and compile extension modules?
python_is_complete() {
    "$PYTHON" -c 'import ensurepip, os, sysconfig
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null
}

require_python() {
    command -v "$PYTHON" >/dev/null || require_packages python3 python3-dev python3-venv
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "$PYTHON is not Python 3.11 or newer; set PYTHON to one that is"
    python_is_complete || require_packages python3-dev python3-venv
    python_is_complete || die "$PYTHON lacks ensurepip or its C headers; please install them"
}

python_version() { "$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Sets venv to build/venv-VERSION-NAME, which is made if it is not there or its Python has gone.
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
