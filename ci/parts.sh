# shellcheck shell=bash
# Sourced, after common.sh, by the scripts whose work has parts: each has a log, which is shown as
# it grows, and a line in the summary.

# Job control: without it background jobs ignore SIGINT, which some tests raise.
set -m

version= # of Python; the script sets it once there is one
declare -A logs jobs
failed=()
summary=()

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

# Starts a part in the background: its name, its log, its command.
start() {
    logs[$1]=$2
    : >"$2"
    run_part "$1" "${@:3}" &
    jobs[$1]=$!
}

# Shows a part's log as it grows, to its end.
follow() {
    say "$1, Python $version"
    tail -n +1 -s 0.2 -f --pid="${jobs[$1]}" "${logs[$1]}"
    wait "${jobs[$1]}" || failed+=("$1")
    unset "jobs[$1]"
    summary+=("$(tail -n 1 "${logs[$1]}")")
}

# Shows the summary and the verdict; fails if a part has failed.
verdict() {
    say "summary, Python $version${LEASTSQ_SIMD:+, $LEASTSQ_SIMD}"
    printf '%s\n' "${summary[@]}"
    ((${#failed[@]} == 0)) || {
        echo "FAILED: ${failed[*]}"
        exit 1
    }
    echo "all passed"
}

trap 'kill -- "${jobs[@]/#/-}" 2>/dev/null || true' EXIT
