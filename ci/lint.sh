#!/usr/bin/env bash
# Runs every static check; the tools' versions and settings are in pyproject.toml.
source "$(dirname "$0")/common.sh"

failed=()

# Runs one check under a heading and notes whether it failed.
check() {
    local title=$1
    shift
    say "$title"
    "$@" || failed+=("$title")
}

tool() { "$venv/bin/$1" "${@:2}"; }

# Lists the checkout's files whose names match any of the patterns given.
files() {
    local pattern names=()
    for pattern; do names+=(-o -name "$pattern"); done
    find .ci ci docs fortran src tests ./*.* .[a-z]*.* -type f \( "${names[@]:1}" \) | sort
}

# fprettify --diff always exits 0, so any output, even a warning, is a failure.
fortran_layout() {
    local output
    output=$(tool fprettify --diff "${fortran[@]}" 2>&1) || true
    [[ -z $output ]] || { printf '%s\n' "$output" && return 1; }
}

no_goto() { ! grep -niE '^[^!]*\bgo ?to\b' "${fortran[@]}"; }

short_lines() { ! LC_ALL=C.UTF-8 grep -nE '^.{101,}' "${sources[@]}"; }

shell_scripts() {
    local script
    for script in "${scripts[@]}"; do bash -n "$script" || return 1; done
    tool shellcheck "${scripts[@]}"
}

header_alone() {
    local strict=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only)
    gcc -std=c99 "${strict[@]}" -x c fortran/leastsq.h &&
        g++ -std=c++17 "${strict[@]}" -x c++ fortran/leastsq.h
}

require gcc g++
make_venv lint
quietly "$venv/bin/python" -m pip install --group lint
readarray -t fortran < <(files '*.f90')
readarray -t scripts < <(files '*.sh' run)
readarray -t sources < <(files '*.f90' '*.[ch]' '*.py' '*.pyi' '*.pyf' '*.pxd' '*.sh' '*.toml' \
    run '*.cpp' '*.pyx' '*.in' '*.yaml' 'meson.*' 'CMakeLists.txt')

check "ruff" tool ruff check
check "mypy" tool mypy
check "fortitude" tool fortitude check
check "fprettify" fortran_layout
check "no goto" no_goto
check "at most 100 columns" short_lines
check "shellcheck" shell_scripts
check "mutations find their places" "$venv/bin/python" ci/mutate.py --check
check "header as C99 and C++17" header_alone
((${#failed[@]} == 0)) || die "failed: $(printf '%s; ' "${failed[@]}")"
