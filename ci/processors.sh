#!/usr/bin/env bash
# Are the bits the same on other processors? Builds the core and tests/bits/ with Debian's cross
# compilers, runs that under qemu, and compares its hashes with those of this machine, which must
# be the same for each of its instruction sets, and the original library's. A core with fused
# multiply-adds must be found out. By hand: it takes some 4 minutes.
# usage: ci/processors.sh [aarch64] [riscv64] [ppc64le] [s390x]
source "$(dirname "$0")/common.sh"

work=build/processors
failures=0

# What the processors are called by compilers, and by Meson.
triplet() { echo "${1/ppc64le/powerpc64le}-linux-gnu"; }
family() { echo "${1/ppc64le/ppc64}"; }
endian() { if [[ $1 == s390x ]]; then echo big; else echo little; fi; }

# Prints Meson's cross file for a processor.
cross_file() {
    cat <<EOF
[binaries]
c = '$(triplet "$1")-gcc'
fortran = '$(triplet "$1")-gfortran'
ar = '$(triplet "$1")-ar'
strip = '$(triplet "$1")-strip'
numpy-config = '$PWD/$venv/bin/numpy-config'
exe_wrapper = ['qemu-$1', '-L', '/usr/$(triplet "$1")']
[host_machine]
system = 'linux'
cpu_family = '$(family "$1")'
cpu = '$1'
endian = '$(endian "$1")'
EOF
}

# Builds the core of the sources in a directory into $work/$2, with options for Meson.
build_core() {
    quietly "$venv/bin/meson" setup "$work/$2" "$1" "${@:3}"
    quietly "$venv/bin/ninja" -C "$work/$2" fortran/lib/libleastsq.a
}

# Links the program with the core in $work/$1 by a compiler, with more words for it.
link() {
    "$2" -std=c99 -O2 -ffp-contract=off -Ifortran -o "$work/$1/bits" tests/bits/*.c \
        "$work/$1/fortran/lib/libleastsq.a" "${@:3}" -lm
}

# Runs the program with the core in $work/$1, by a command; the hashes go to $work/$2.txt.
run() { "${@:3}" "$work/$1/bits" >"$work/$2.txt" || die "the program failed: $2"; }

number() { wc -l <"$work/$1.txt"; }

# Prints the hashes of $1 that this machine does not have.
differing() { grep -vxFf "$work/machine.txt" "$work/$1.txt" || true; }

# Reports whether the hashes of $1 are this machine's; there must be as many, or $2.
compare() {
    local others
    others=$(differing "$1")
    if [[ -z $others ]] && (($(number "$1") == ${2:-$(number machine)})); then
        printf '%-24s %3d hashes, all the same %5d s\n' "$1" "$(number "$1")" "$SECONDS"
    else
        printf '%-24s FAIL: %d hashes, others:\n%s\n' "$1" "$(number "$1")" "$others"
        failures=$((failures + 1))
    fi
    SECONDS=0
}

# This machine's hashes, and whether its instruction sets and the original library agree.
compare_here() {
    local set
    build_core . here
    link here gcc
    run here machine env -u LEASTSQ_SIMD
    printf '%-24s %3d hashes\n' "this machine, $(uname -m)" "$(number machine)"
    for set in baseline avx2 avx512; do
        [[ $(LEASTSQ_SIMD=$set "$work/here/bits" set) == "$set" ]] || continue
        run here "$set" env LEASTSQ_SIMD="$set"
        compare "$set"
    done
    build_core . original -Dminpack=system
    link original gcc -DORIGINAL -lminpack
    run original original env
    compare original 22
}

# The core of the sources in a directory on a processor; the hashes get a name.
run_on() {
    local name=$3
    cross_file "$2" >"$work/$name.ini"
    build_core "$1" "$name" --cross-file "$work/$name.ini"
    link "$name" "$(triplet "$2")-gcc" -static
    run "$name" "$name" "qemu-$2"
}

# Would another order of rounding be found out? With fused multiply-adds most hashes must differ.
check_the_check() {
    local count
    mkdir "$work/sources"
    cp -R meson.build meson.options fortran src "$work/sources"
    sed -i 's/-ffp-contract=off/-ffp-contract=fast/' "$work/sources/meson.build"
    run_on "$work/sources" aarch64 fused
    count=$(differing fused | wc -l)
    printf '%-24s %3d hashes differ, as they must\n' "aarch64, fused" "$count"
    ((count > 20)) || die "a core with fused multiply-adds has the same bits: the check is void"
}

(($#)) || set -- aarch64 riscv64 ppc64le s390x
readarray -t packages < <(for processor in aarch64 "$@"; do
    echo "gcc-$(triplet "$processor")"
    echo "gfortran-$(triplet "$processor")"
done | sort -u)
require "${INSTALL_PACKAGES[@]}" minpack-dev qemu-user "${packages[@]}"
make_venv processors
quietly "$venv/bin/python" -m pip install meson ninja "numpy >= 2.1"
rm -rf "$work"
mkdir -p "$work"
SECONDS=0
compare_here
for processor; do
    run_on . "$processor" "$processor"
    compare "$processor"
done
check_the_check
((failures == 0)) || die "$failures differ"
