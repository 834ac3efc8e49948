#!/usr/bin/env bash
# Builds free-threaded CPython 3.13 from Debian trixie's source package, once, into
# build/cpython-3.13t, and runs the thread tests on it with the GIL off. The build takes
# about 4 minutes on two cores; not part of .ci/run. MAKEFLAGS is passed to make (default -j2).
# usage: ci/freethreaded.sh [pytest arguments, by default the tests of threads and callables]
source "$(dirname "$0")/common.sh"

suite=trixie
prefix=$PWD/build/cpython-3.13t
source_dir=$PWD/build/cpython-source

# Downloads the source package through apt, with package lists separate from the system's.
fetch_source() {
    local mirror apt
    # shellcheck disable=SC2016  # apt's variable, not the shell's
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -m 1 '/debian/')
    mkdir -p "$source_dir/lists/partial"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$source_dir/sources.list"
    apt=(-o "Dir::Etc::SourceList=$source_dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$source_dir/lists")
    quietly apt-get "${apt[@]}" update
    (cd "$source_dir" && quietly apt-get "${apt[@]}" source --download-only python3.13)
    mkdir -p "$source_dir/cpython"
    tar -xf "$source_dir"/python3.13_*.orig.tar.xz -C "$source_dir/cpython" --strip-components=1
}

build_python() {
    cd "$source_dir/cpython"
    quietly ./configure --prefix="$prefix" --disable-gil --disable-test-modules
    MAKEFLAGS=${MAKEFLAGS:--j2} quietly make
    quietly make install
}

require_packages gcc make gfortran dpkg-dev libssl-dev libffi-dev zlib1g-dev \
    libminpack1 libcminpack1
if [[ ! -x $prefix/bin/python3.13t ]]; then
    say "build free-threaded CPython from $suite's source package"
    rm -rf "$source_dir"
    fetch_source
    (build_python)
fi
PYTHON=$prefix/bin/python3.13t
export PIP_PREFER_BINARY=1  # the newest NumPy has wheels for 3.14t only
make_venv freethreaded
quietly "$venv/bin/python" -m pip install . pytest
(($#)) || set -- tests/test_reentrancy.py tests/test_callables.py tests/test_asktell_misuse.py \
    tests/test_asking_leaks.py tests/test_workers.py
say "run with the GIL off: $*"
# Importing the module must not have turned the GIL on: no PYTHON_GIL=0 here.
"$venv/bin/python" -W error -c 'import sys, leastsq; sys.exit(sys._is_gil_enabled())' ||
    die "importing leastsq enables the GIL"
"$venv/bin/python" -m pytest -q "$@"
