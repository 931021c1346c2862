#!/bin/sh
# Compiles the control: control/build.sh OUT [--any-libc]
# It links a static-pie on musl by hand, because `musl-gcc -static-pie` silently creates a dynamic executable.
# It needs gcc and musl's headers and library (Debian: musl-dev; install them with `scripts/setup.sh build`).
# --any-libc uses the system's libc if musl is missing. Use that only for tests, not for figures.
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
    echo "control/build.sh: $lib/rcrt1.o is missing; install it with scripts/setup.sh build" >&2
    exit 1
fi

object=$(mktemp)
trap 'rm -f "$object"' EXIT
gcc -std=c11 -D_GNU_SOURCE -O2 -fPIE -Wall -Wextra -Werror -nostdinc -isystem "/usr/include/$arch" \
    -c -o "$object" "$source"
gcc -nostdlib -static-pie -s -Wl,-z,relro,-z,now -o "$out" \
    "$lib/rcrt1.o" "$lib/crti.o" "$object" -L"$lib" -lc "$lib/crtn.o"
