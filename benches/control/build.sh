#!/bin/sh
# Compiles the control: control/build.sh OUT [--any-libc]
# A static-pie on musl, linked by hand: `musl-gcc -static-pie` quietly gives a dynamic executable.
# Needs gcc and musl's headers and library (Debian: musl-dev; `scripts/setup.sh build` installs it).
# --any-libc falls back to the system's own libc where musl is missing: for tests, not for figures.
set -eu
source=$(cd "$(dirname "$0")" && pwd)/control.c
out=$1
arch=$(uname -m)-linux-musl
lib=/usr/lib/$arch
mkdir -p "$(dirname "$out")"

if [ ! -e "$lib/rcrt1.o" ]; then
    if [ "${2:-}" = --any-libc ]; then
        exec gcc -O2 -static-pie -s -o "$out" "$source"
    fi
    echo "control/build.sh: $lib/rcrt1.o is missing: scripts/setup.sh build" >&2
    exit 1
fi

object=$(mktemp)
trap 'rm -f "$object"' EXIT
gcc -std=c11 -D_GNU_SOURCE -O2 -fPIE -Wall -Wextra -Werror -nostdinc -isystem "/usr/include/$arch" \
    -c -o "$object" "$source"
gcc -nostdlib -static-pie -s -Wl,-z,relro,-z,now -o "$out" \
    "$lib/rcrt1.o" "$lib/crti.o" "$object" -L"$lib" -lc "$lib/crtn.o"
