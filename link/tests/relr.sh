#!/usr/bin/env bash
# Applies the RELR relocations of a small program twice by relr.s, and once more by musl 1.2.4's own loop.
# usage: link/tests/relr.sh [RELR.S]      (default: link/relr.s)
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
here=$(cd "$(dirname "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -nostdlib -static-pie -fpie -O1 -ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns -Wall -Wextra -Werror \
    -Wl,-z,pack-relative-relocs,--entry=relr_start -o "$work/relr" "${1:-$here/../relr.s}" "$here/relr.c"
dynamic=$(readelf --wide --dynamic "$work/relr")
grep -q RELRSZ <<<"$dynamic" || { echo "relr: the linker made no RELR table, so the test shows nothing" >&2; exit 1; }
status=0
"$work/relr" || status=$?
case $status in
    0) echo "relr: applied once, whatever runs after it" ;;
    1) echo "relr: the relocations are not applied" >&2 ;;
    2) echo "relr: a second run of relr.s relocates every pointer again" >&2 ;;
    3) echo "relr: musl 1.2.4 and later would relocate every pointer again" >&2 ;;
    *) echo "relr: the test program ended with $status" >&2 ;;
esac
exit "$status"
