#!/usr/bin/env bash
# Runs the whole test suite against both builds, side by side, on one Python; then the programs that
# use the wheel (ci/downstream.sh), unless there are arguments. The last line is the verdict.
# usage: [PYTHON=...] [BUILDS="system bundled"] [LEASTSQ_SIMD=avx2] ci/test.sh [pytest arguments]
source "$(dirname "$0")/common.sh"
source ci/parts.sh

read -ra builds <<<"${BUILDS:-system bundled}"

run_suite() {
    say "install leastsq from source, $1 MINPACK"
    install_leastsq "$1"
    say "install pytest, SciPy, lmfit and mypy"
    quietly "$venv/bin/python" -m pip install --group test
    say "run the tests"
    "$venv/bin/python" -m pytest -q -o cache_dir="$PWD/$venv/.pytest_cache" \
        --timeout=600 --timeout-method=thread --ignore=tests/test_downstream.py "${@:2}"
}

require "${TEST_PACKAGES[@]}"
version=$(python_version)
mkdir -p build
log=build/test-$version
for build in "${builds[@]}"; do
    start "$build" "$log-$build${LEASTSQ_SIMD:+-$LEASTSQ_SIMD}.log" run_suite "$build" "$@"
done
follow "${builds[0]}"
if ! (($#)); then
    start downstream "$log-downstream${LEASTSQ_SIMD:+-$LEASTSQ_SIMD}.log" bash ci/downstream.sh
    builds+=(downstream)
fi
for part in "${builds[@]:1}"; do follow "$part"; done
verdict
