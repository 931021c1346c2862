#!/usr/bin/env bash
# Shows that link/check.sh rejects a binary for which a part of link/ had no effect.
# usage: link/tests/check.sh BINARY MAP       (both from scripts/build.sh)
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
[ $# -eq 2 ] || { echo "usage: link/tests/check.sh BINARY MAP" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) name=$(basename "$1")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
try() { cp "$2" "$work/map" && bash "$here/../check.sh" "$1" "$work/map" >"$work/said" 2>&1; }
rejected() { # rejected WORDS BINARY MAP
    ! try "$2" "$3" || { echo "check: it accepted a binary although: $1" >&2; exit 1; }
    grep -q -F -- "$1" "$work/said" || { echo "check: its reason is not '$1' but: $(cat "$work/said")" >&2; exit 1; }
    echo "rejected: $(head -n 1 "$work/said")"
}

try "$1" "$2" || { cat "$work/said" >&2; exit 1; }

mkdir "$work/usr" "$work/bin"
printf '1.2.99\0' >"$work/usr/version.lo"
ar q "$work/usr/libc.a" "$work/usr/version.lo" 2>/dev/null
sed "s#/[^ ]*/libc\.a#$work/usr/libc.a#" "$2" >"$work/other-musl"
rejected "musl 1.2.99 is not among the tested versions" "$1" "$work/other-musl"

{ cat "$2" && echo "/usr/lib/x86_64-linux-musl/libc.a(aligned_alloc.lo)"; } >"$work/two-allocators"
rejected "musl's allocator is linked beside ours" "$1" "$work/two-allocators"

{ cat "$2" && echo "/usr/lib/x86_64-linux-musl/libc.a(memcpy.lo)"; } >"$work/two-memcpys"
rejected "musl's functions are linked instead" "$1" "$work/two-memcpys"

objcopy --rename-section .bss.last=.bss.other "$1" "$work/bin/$name"
rejected "section .bss.last is missing or empty" "$work/bin/$name" "$2"

sed 's/^ \.text\._RNv[A-Z][^ ]*/ .text.renamed/' "$2" | awk '/^ \*\(\.text\*/ {skip = NR % 4 == 0} !(skip && /^ \.text/)' >"$work/renamed"
rejected "patterns in link/start.ld match" "$1" "$work/renamed"

cp "$1" "$work/bin/$name"
# The entry point leads to the ELF header: it crashes as soon as it runs.
printf '\0\0\0\0\0\0\0\0' | dd of="$work/bin/$name" bs=1 seek=24 conv=notrunc status=none
sed 's/^\( *\)0x[0-9a-f]*\( *relr_start\)$/\10x0\2/' "$2" >"$work/entry"
rejected "--version ended with status" "$work/bin/$name" "$work/entry"

rejected "its entry point is not relr_start" "$1" "$work/entry"
