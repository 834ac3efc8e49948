#!/usr/bin/env bash
# Runs the whole test suite against both builds, side by side, on one Python; then the programs that
# use the wheel (ci/downstream.sh), unless there are arguments. The last line is the verdict.
# usage: [PYTHON=...] [BUILDS="system bundled"] [LEASTSQ_SIMD=avx2] ci/test.sh [pytest arguments]
source "$(dirname "$0")/common.sh"

# Job control: without it background jobs ignore SIGINT, which some tests raise.
set -m

read -ra builds <<<"${BUILDS:-system bundled}"
declare -A logs jobs
failed=()
summary=()

# Creates the log of a part, so that tail finds it even before the part has started.
open_log() {
    logs[$1]=build/test-$version-$1${LEASTSQ_SIMD:+-$LEASTSQ_SIMD}.log
    : >"${logs[$1]}"
}

run_suite() {
    say "install leastsq from source, $1 MINPACK"
    install_leastsq "$1"
    say "install pytest, SciPy, lmfit and mypy"
    quietly "$venv/bin/python" -m pip install --group test
    say "run the tests"
    "$venv/bin/python" -m pytest -q -o cache_dir="$PWD/$venv/.pytest_cache" \
        --timeout=600 --timeout-method=thread --ignore=tests/test_downstream.py "${@:2}"
}

# Runs a part, whose command is $2 and on, with output to its log; the last line is its summary.
run_part() {
    local name=$1 begin=$SECONDS status word=FAIL
    set +e # not `if` or `&&`, which would also disable set -e inside the part
    (set -e && "${@:2}") &>>"${logs[$name]}"
    status=$?
    ((status)) || word=PASS
    printf '%s  %-10s %4d s  %s\n' "$word" "$name" $((SECONDS - begin)) "${logs[$name]}" \
        >>"${logs[$name]}"
    return "$status"
}

# Shows a part's log as it grows, to its end.
follow() {
    say "$1, Python $version"
    tail -n +1 -s 0.2 -f --pid="${jobs[$1]}" "${logs[$1]}"
    wait "${jobs[$1]}" || failed+=("$1")
    unset "jobs[$1]"
    summary+=("$(tail -n 1 "${logs[$1]}")")
}

trap 'kill -- "${jobs[@]/#/-}" 2>/dev/null || true' EXIT

require "${TEST_PACKAGES[@]}"
version=$(python_version)
mkdir -p build
for build in "${builds[@]}"; do
    open_log "$build"
    run_part "$build" run_suite "$build" "$@" &
    jobs[$build]=$!
done
follow "${builds[0]}"
if ! (($#)); then
    open_log downstream
    run_part downstream bash ci/downstream.sh &
    jobs[downstream]=$!
    builds+=(downstream)
fi
for part in "${builds[@]:1}"; do follow "$part"; done

say "summary, Python $version${LEASTSQ_SIMD:+, $LEASTSQ_SIMD}"
printf '%s\n' "${summary[@]}"
((${#failed[@]} == 0)) || {
    echo "FAILED: ${failed[*]}"
    exit 1
}
echo "all passed"
