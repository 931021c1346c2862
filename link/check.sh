#!/usr/bin/env bash
# Checks a binary of the size recipe: every part of link/ took effect. scripts/build.sh runs it on all that it builds.
# usage: link/check.sh BINARY MAP       (MAP: the linker's map of the same link)
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
[ $# -eq 2 ] || { echo "check: two arguments are needed: link/check.sh BINARY MAP" >&2; exit 2; }
binary=$1 map=$2 script=$(dirname "$0")/start.ld
name=$(basename "$binary")
reject() { echo "check: $name: $1" >&2; exit 1; }
[ -s "$map" ] || reject "no linker map at '$map'; is -Wl,-Map=% still in link/size.toml?"

# The start code, the memory functions and the heap replace parts of musl, and rely on how it does the rest.
tested=(1.2.3)
libc=$(grep -o -m 1 '/[^ ]*/libc\.a' "$map") || reject "the map names no libc.a"
musl=$(ar p "$libc" version.lo 2>/dev/null | strings | grep -m 1 -E '^[0-9]+\.[0-9]+\.[0-9]+') || reject "$libc is not musl's: it has no version"
[[ " ${tested[*]} " == *" $musl "* ]] || reject "musl $musl is not among the tested versions (${tested[*]}).
  To use it, add it to 'tested' in link/check.sh and run link/tests/relr.sh and scripts/test.sh. Keep the line if all checks pass."

# Two allocators in one program would free each other's blocks (space-kit/heap/src/malloc.rs).
allocator=$(grep -o -E 'libc\.a\((malloc|lite_malloc|calloc|realloc|free|aligned_alloc|memalign|posix_memalign|valloc|malloc_usable_size|donate)\.lo\)' "$map" | sort -u | xargs) || true
[ -z "$allocator" ] || reject "musl's allocator is linked beside ours: $allocator. Define the functions it brings in space-kit/heap/src/malloc.rs."

# mem.s and thread_name.s are found before libc's functions of the same names.
replaced=$(grep -o -E 'libc\.a\((memcpy|memmove|memcmp|bcmp|pthread_setname_np)\.lo\)' "$map" | sort -u | xargs) || true
[ -z "$replaced" ] || reject "musl's functions are linked instead of those in link/mem.s and link/thread_name.s: $replaced. Are both still in link/size.toml?"

# relr.s applies the relocations before musl's start code runs.
entry=$(readelf --wide --file-header "$binary" | awk '/Entry point/ {print $NF}')
relr=$(awk '$2 == "relr_start" {print $1; exit}' "$map")
[ -n "$relr" ] && [ $((entry)) -eq $((relr)) ] || reject "its entry point is not relr_start of link/relr.s"

# The sections that start.ld makes. Only a binary with TLS has tables for .rodata.last.
placed=$(sed '1,/^Linker script and memory map/d' "$map") # before it are the sections that were dropped
sections=$(readelf --wide --section-headers "$binary" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$5 ~ /[1-9a-f]/ {print $1}')
for section in $(grep -o -E '\.[a-z]+\.[a-z]+ (\(NOLOAD\) )?: ' "$script" | cut -d ' ' -f 1); do
    [ "$section" != .rodata.last ] || grep -q _6rustls6client <<<"$placed" || continue
    grep -qx -F -- "$section" <<<"$sections" || reject "section $section is missing or empty: its patterns in link/start.ld match nothing"
done

# In the map each pattern of start.ld is a line, followed by a line for each input section that it placed. A comment
# behind a pattern names the binaries that have the function; a pattern without one is for all.
counts=$(awk -v name="$name" '
    NR == FNR {
        if (match($0, /\*\(\.text\*\.[^ )]+\)/)) {
            pattern = substr($0, RSTART, RLENGTH)
            if (index($0, "/*") == 0 || index($0, " " name " ") > 0) wanted[pattern] = 1
        }
        next
    }
    /^ \*\(/ { current = $1; next }
    /^ \.text/ && current in wanted { matched[current] = 1; next }
    /^[^ ]/ { current = "" }
    END {
        for (pattern in wanted) { all++; if (pattern in matched) found++; else print pattern > "/dev/stderr" }
        print found + 0, all + 0
    }' "$script" "$map" 2>"$map.unmatched")
read -r found all <<<"$counts"
[ "$all" -gt 0 ] || reject "link/start.ld has no patterns for it"
[ $((found * 100)) -ge $((all * 95)) ] || reject "only $found of $all patterns in link/start.ld match; at least 95 % are needed.
  Functions were renamed or moved: run link/order.py. $map.unmatched lists the others."

# Start code, relocations and the heap work. 126: a machine that cannot execute this kind of binary.
status=0
version=$(env -i "$binary" --version 2>&1) || status=$?
case $status in
    0) [[ $version == "$name "* ]] || reject "--version printed '$version'" ;;
    126) version="not run: this machine cannot execute it" ;;
    *) reject "--version ended with status $status: $version" ;;
esac
echo "check: $name: musl $musl, $found of $all patterns of start.ld match, $version"
