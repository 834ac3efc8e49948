#!/usr/bin/env bash
# Looks for what no result shows: access past an end or after free, undefined behaviour, values that
# were never set. Parts, by default all, each proved by planted faults (sanitize/faults.*) first:
#   asan      C and Fortran with AddressSanitizer and UndefinedBehaviorSanitizer: the fuzz, and the
#             tests of the core and of what Python hands it (under three minutes)
#   suite     the rest of the suite on the same build
#   valgrind  programs of the native APIs, and every way from Python into the core
#   fcheck    the core with gfortran's run-time checks, local variables starting as NaN
# usage: [PYTHON=...] ci/sanitize.sh [asan] [suite] [valgrind] [fcheck]
source "$(dirname "$0")/common.sh"
source ci/parts.sh

# Quick tests of the core, and of what Python hands to C; then longer ones of the core.
core=(asktell_misuse chkder covar dfun fdjac2 native_api nonfinite qrfac residuals reverse
    vectorized)
slow_core=(lanes levenberg_marquardt lmpar qrsolv)
not_sanitized=(
    allocations  # has a malloc of its own
    asking_leaks # measures memory, of which AddressSanitizer keeps what is freed; so does the next
    soak
    native_limits # measures the stack, of which AddressSanitizer takes more
    demo         # no more than a fit, in many new processes
    downstream   # runs programs that need the archive of a usual build
    package      # about the wheel
    snippets     # what they do is tested elsewhere, as for the next
    tutorials
)

test_files() { printf 'tests/test_%s.py\n' "$@"; }

# All test files but those given.
other_test_files() { printf '%s\n' tests/test_*.py | grep -vxF -f <(test_files "$@"); }

# Installs leastsq, built by the compilers of the environment, with what the tests need ($2 and on).
install_with_tools() {
    say "build leastsq for $1"
    make_venv "$1"
    export PATH=$PWD/$venv/bin:$PATH CI=true
    quietly python -m pip install meson-python meson ninja "numpy >= 2.1" "${@:2}"
    quietly python -m pip install --no-build-isolation \
        -Cbuild-dir="build/$1-$version" -Csetup-args=-Ddebug=true .  # rebuilds what has changed
}

# Compiles with the command in $1.
compile() {
    local command
    read -ra command <<<"$1"
    quietly "${command[@]}" -g "${@:2}"
}

# Compiles the planted faults into a library.
build_faults() {
    scratch=$PWD/build/$1-$version-scratch
    rm -rf "$scratch"
    mkdir -p "$scratch/reports"
    compile "$CC" -O1 -fPIC -c -o "$scratch/c.o" ci/sanitize/faults.c
    compile "$FC" -O1 -fno-inline -fPIC -J "$scratch" -c -o "$scratch/f.o" ci/sanitize/faults.f90
    compile "$FC" -shared -o "$scratch/faults.so" "$scratch/c.o" "$scratch/f.o"
}

# Runs Python, and what it starts, with the tool of this part.
with_tool() { env --default-signal=INT "${tool[@]}" "$@"; }

# Fails unless the tool reports, in the words of $1, the planted fault $2 called with an integer.
reported() {
    local call='import ctypes, sys
fault = ctypes.CDLL(sys.argv[1])[sys.argv[2]]
fault.restype = ctypes.c_double
print("it returned", fault(int(sys.argv[3])))' output
    output=$(with_tool python -c "$call" "$scratch/faults.so" "$2" "${3-0}" 2>&1 || true
        find "$scratch/reports" -type f -exec cat {} +)
    grep -q "$1" <<<"$output" || die "the planted fault $2 is not reported as $1:"$'\n'"$output"
    rm -f "$scratch"/reports/*
    echo "planted and found: $2"
}

# Runs a command; fails if it does, or if a sanitizer has written a report, in whichever process.
without_reports() {
    local found status=0
    "$@" || status=1
    readarray -t found < <(grep -rlE 'ERROR: |runtime error: ' "$scratch/reports")
    ((${#found[@]} == 0)) || { cat "${found[@]}" && die "a sanitizer has reported"; }
    return "$status"
}

run_every_way() {
    compile "$CC" -O1 -shared -fPIC -o "$scratch/decay.so" tests/decay.c -lm
    with_tool python ci/sanitize/every_way.py "$scratch/decay.so"
}

run_fuzz() {
    run_every_way && with_tool python tests/fuzz.py --count 2000 # without_reports disables set -e
}

# Output of C and Fortran is not captured: a process that ends at once would take it along.
run_tests() {
    with_tool python -m pytest -q --capture=sys -p no:cacheprovider --timeout=600 \
        --timeout-method=thread "$@"
}

# Runs two commands, $1 and the rest, at a time; both must pass.
beside() {
    local first status=0
    "$1" &
    first=$!
    "${@:2}" || status=1
    wait "$first" || status=1
    return "$status"
}

use_sanitizers() {
    local flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    export CC="gcc $flags" CXX="g++ $flags" FC="gfortran $flags"
    install_with_tools asan pytest pytest-timeout scipy "$@"
    build_faults asan
    # CPython keeps much to the end: no leaks. Tests ask for more memory than there is.
    local asan_options="detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=1"
    # C++ exceptions fail unless their library is there when AddressSanitizer starts.
    tool=(LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libstdc++.so.6)"
        ASAN_OPTIONS="$asan_options:log_path=$scratch/reports/asan"
        UBSAN_OPTIONS="print_stacktrace=1:log_path=$scratch/reports/ubsan"
        PYTHONMALLOC=malloc)
    say "planted faults"
    reported heap-buffer-overflow heap_overflow
    reported heap-use-after-free use_after_free
    reported "signed integer overflow" signed_overflow
    reported stack-buffer-overflow past_the_end 8
}

part_asan() {
    use_sanitizers
    say "fuzz and tests"
    readarray -t files < <(test_files "${core[@]}")
    without_reports beside run_fuzz run_tests "${files[@]}"
}

# Runs tests but those that measure memory.
run_most() { run_tests -k "not memory" "$@"; }
first_half() { run_most "${files[@]:0:${#files[@]}/2}"; }

part_suite() {
    use_sanitizers --group test
    say "the other tests"
    readarray -t files < <(other_test_files "${core[@]}" "${not_sanitized[@]}")
    without_reports beside first_half run_most "${files[@]:${#files[@]}/2}"
}

# Compiles a program of the tests and runs it with the tool of this part.
run_program() {
    local source=$1 words compiler
    readarray -t words < <(xargs -n 1 < <(leastsq-config --cflags --libs))
    case $source in
    *.c) compiler=$CC ;;
    *.cpp) compiler=$CXX ;;
    *.f90)
        compiler=$FC
        set -- -J "$scratch" "$(leastsq-config --fortran-interface)" "$@"
        ;;
    esac
    compile "$compiler" -o "$scratch/program" "$@" "${words[@]}"
    (cd "$scratch" && quietly with_tool ./program)
    echo "nothing reported: $source"
}

run_programs() {
    local program
    for program in tests/native_api/native_api.{c,f90} tests/downstream/{c,cpp,reverse}/*.* \
        tests/downstream/minpack/bard.f90 tests/downstream/own_enorm/own_enorm.f90; do
        run_program "$program"
    done
}

part_valgrind() {
    export CC=gcc CXX=g++ FC=gfortran
    install_with_tools valgrind
    build_faults valgrind
    tool=(PYTHONMALLOC=malloc valgrind -q --error-exitcode=99
        --suppressions="$PWD/ci/sanitize/valgrind.supp")
    say "planted faults"
    reported "Invalid write of size 8" heap_overflow
    reported "depends on uninitialised value" uninitialised
    say "programs, and every way from Python"
    beside run_programs run_every_way
}

part_fcheck() {
    # The C linker links the package, which needs gfortran's runtime library in this build alone.
    local runtime="-Wl,--no-as-needed -lgfortran"
    local checks="-fcheck=all -finit-real=snan -finit-integer=-77777777 -finit-derived"
    export CC="gcc $runtime" CXX="g++ $runtime" FC="gfortran $checks"
    install_with_tools fcheck pytest pytest-timeout scipy
    build_faults fcheck
    tool=()
    say "planted faults"
    reported "Index '9' of dimension 1 of array 'x' above upper bound of 8" past_the_end 8
    reported "it returned nan" not_set 7
    say "fuzz and tests"
    readarray -t files < <(test_files "${core[@]}" "${slow_core[@]}")
    beside run_fuzz run_tests "${files[@]}"
    # A main program in Fortran: invalid operations trap.
    FC+=" -ffpe-trap=invalid,zero,overflow"
    run_programs
}

parts=("$@")
(($#)) || parts=(asan suite valgrind fcheck)
for part in "${parts[@]}"; do
    [[ $part =~ ^(asan|suite|valgrind|fcheck)$ ]] || die "no part $part"
done
packages=("${TEST_PACKAGES[@]}")
[[ " ${parts[*]} " != *" valgrind "* ]] || packages+=(valgrind)
require "${packages[@]}"
version=$(python_version)
mkdir -p build
for part in "${parts[@]}"; do
    start "$part" "build/sanitize-$version-$part.log" "part_$part"
    follow "$part"
done
verdict
