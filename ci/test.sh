#!/usr/bin/env bash
# Runs the whole test suite against both builds, side by side, on one Python; then the programs that
# use the wheel (ci/downstream.sh), unless there are arguments.
# usage: [PYTHON=...] [BUILDS="bundled system"] [LEASTSQ_SIMD=avx2] ci/test.sh [pytest arguments]
source "$(dirname "$0")/common.sh"

# Job control: a background job would otherwise ignore SIGINT, which the tests raise.
set -m

read -ra builds <<<"${BUILDS:-bundled system}"
declare -A logs jobs
status=0

run_suite() {
    local build=$1
    shift
    install_leastsq "$build"
    quietly "$venv/bin/python" -m pip install --group test
    "$venv/bin/python" -m pytest -q -o cache_dir="$PWD/$venv/.pytest_cache" \
        --ignore=tests/test_downstream.py "$@"
}

trap 'kill -- "${jobs[@]/#/-}" 2>/dev/null || true' EXIT

require_packages gfortran g++ cmake pkg-config libminpack1 minpack-dev libcminpack1
require_python
version=$(python_version)
mkdir -p build
for build in "${builds[@]}"; do
    logs[$build]=build/test-$version-$build${LEASTSQ_SIMD:+-$LEASTSQ_SIMD}.log
    : >"${logs[$build]}" # tail must find it, however late the job starts
    run_suite "$build" "$@" &>>"${logs[$build]}" &
    jobs[$build]=$!
done
for build in "${builds[@]}"; do
    say "install and test on Python $version, $build MINPACK"
    tail -n +1 -s 0.2 -f --pid="${jobs[$build]}" "${logs[$build]}"
    wait "${jobs[$build]}" || status=1
    unset "jobs[$build]"
done
(($#)) || bash ci/downstream.sh || status=1
say "summary"
for build in "${builds[@]}"; do
    last=$(grep . "${logs[$build]}" | tail -n 1)
    echo "Python $version, $build${LEASTSQ_SIMD:+, $LEASTSQ_SIMD}: $last"
done
exit "$status"
