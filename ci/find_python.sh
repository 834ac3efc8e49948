#!/usr/bin/env bash
# Prints a working Python of version 3.MINOR or newer: the default one if it is, otherwise the
# oldest of pyenv and the PATH (the newest may be too new for the packages we need).
# usage: ci/find_python.sh MINOR
source "$(dirname "$0")/common.sh"

runs() {
    "$1" -c "import sys; sys.exit(sys.version_info < (3, $minor))" &>/dev/null
}

minor=$1
candidates=("$PYTHON")  # the default, set in common.sh
if command -v pyenv >/dev/null; then
    while read -r version; do
        # pyenv's shims run only the selected versions, so take the real file.
        candidates+=("$(pyenv prefix "$version")/bin/python")
    done < <(pyenv versions --bare | grep -E '^3\.[0-9]+\.[0-9]+$' | sort -V)
fi
for ((i = minor; i < minor + 10; i++)); do candidates+=("python3.$i"); done
for python in "${candidates[@]}"; do
    if runs "$python"; then
        echo "$python"
        exit 0
    fi
done
die "found no Python 3.$minor or newer"
