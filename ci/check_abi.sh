#!/usr/bin/env bash
# Checks what the bundled build's wheel exports and needs, and its size.
source "$(dirname "$0")/common.sh"

MAX_WHEEL_BYTES=400000
REVERSE_COMMUNICATION="workspace_size start resume inspect difference_point difference_column"
MINPACK_ROUTINES="chkder covar dpmpar enorm fdjac2 lmder lmder1 lmdif lmdif1 lmpar qrfac qrsolv"

failures=0
fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

# Fails if $2 is not empty, with a title and those lines.
none_of() {
    [[ -z $2 ]] || fail "$1: $(tr '\n' ' ' <<<"$2")"
}

check_module() {
    local needed exported
    needed=$(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    echo "NEEDED: $(tr '\n' ' ' <<<"$needed")"
    none_of "needs more than libc and libm" \
        "$(grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$' <<<"$needed" || true)"
    readelf -lW "$1" | grep -qE 'GNU_STACK.* RW +0x' || fail "the stack is executable"
    exported=$(nm -D --defined-only "$1" | awk '{print $NF}')
    echo "exported by the module: $(tr '\n' ' ' <<<"$exported")"
    [[ $exported == PyInit__minpack ]] || fail "the module must export PyInit__minpack alone"
}

check_archive() {
    local defined undefined name
    defined=$(nm -g --defined-only "$1" 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u)
    undefined=$(nm -u "$1" 2>/dev/null | awk '$1 == "U" {print $2}' | sort -u)
    echo "defined in the archive: $(wc -l <<<"$defined") symbols"
    none_of "the archive defines names that are not ours" \
        "$(grep -vE "^((${MINPACK_ROUTINES// /|})_|(__)?leastsq_.*)$" <<<"$defined" || true)"
    for name in $MINPACK_ROUTINES; do
        grep -qx "${name}_" <<<"$defined" || fail "the archive lacks ${name}_"
    done
    for name in $MINPACK_ROUTINES $REVERSE_COMMUNICATION; do
        grep -qx "leastsq_$name" <<<"$defined" || fail "the archive lacks leastsq_$name"
    done
    none_of "the archive needs a compiler's runtime" \
        "$(grep -E '^_(gfortran|F|GOMP)' <<<"$undefined" || true)"
    none_of "the archive takes memory from the heap" \
        "$(grep -E '^(malloc|calloc|realloc|free|alloca)$' <<<"$undefined" || true)"
    # Linking the whole archive finds symbols defined twice, code that is not PIC and libraries that
    # it lacks.
    gcc -shared -Wl,--no-undefined -Wl,--fatal-warnings -o "$scratch/all.so" \
        -Wl,--whole-archive "$1" -Wl,--no-whole-archive -lm ||
        fail "the archive does not link with -lm alone"
}

require "${INSTALL_PACKAGES[@]}"
make_venv bundled
scratch=build/abi-$(python_version)
rm -rf "$scratch"
say "build the wheel (Python $(python_version))"
quietly "$venv/bin/python" -m pip wheel --no-deps --wheel-dir "$scratch" .
"$venv/bin/python" -m zipfile -e "$scratch"/leastsq-*.whl "$scratch/wheel"

say "what it exports and needs"
size=$(stat -c %s "$scratch"/leastsq-*.whl)
echo "wheel: $size bytes"
((size < MAX_WHEEL_BYTES)) || fail "the wheel has $MAX_WHEEL_BYTES bytes or more"
check_module "$(echo "$scratch"/wheel/leastsq/_minpack*.so)"
check_archive "$scratch/wheel/leastsq/lib/libleastsq.a"
((failures == 0)) || die "$failures failures"
echo "all checks passed"
