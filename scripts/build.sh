#!/usr/bin/env bash
# Builds static binaries: dist/NAME, static-pie against musl, nothing needed at run time.
# usage: scripts/build.sh [python-backend|nodejs-backend ...]     (default: both)
#        scripts/build.sh probe     the kit's example: what the kit alone weighs
# CARGO_TARGET_DIR is honoured; the default, target/static, keeps clear of plain cargo builds.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-musl
backends=("$@")
# The repository of one backend (scripts/new-backend.sh --standalone) has its crate at the top, and no other.
own=$(sed -n '/^\[package\]/,/^$/s/^name = "\(.*\)"$/\1/p' Cargo.toml)
if [ -n "$own" ]; then backends=("$own"); elif [ $# -eq 0 ]; then backends=(*-backend); fi
example=false
[ "${backends[*]}" != probe ] || example=true
for name in "${backends[@]}"; do
    $example || [ -n "$own" ] || [ -f "$name/Cargo.toml" ] || { echo "build: no backend named '$name'; there are:" *-backend >&2; exit 2; }
done
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/static}"

# Debian's toolchain is called by its full path: a rustup that comes first in PATH stays as it is.
has_debian() { bash scripts/setup.sh --check build >/dev/null 2>&1; }
has_rustup() { [ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$target" ]; }

args=(build --locked --release --target "$target")
recipe=false
if has_debian; then
    recipe=true
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 PATH="$PWD/.cache/tools/bin:$PATH"
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS # they would replace the recipe's own
    cargo=(/usr/bin/cargo --config link/size.toml)
    # What 'cargo auditable' sets, except that it would give its own full path: cargo hashes that into every symbol,
    # and the bytes would depend on the folder. The second variable is its record of cargo's arguments.
    export RUSTC_WORKSPACE_WRAPPER=cargo-auditable
    export CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}'
    echo "build: $("$RUSTC" --version) from Debian, size recipe link/size.toml"
elif has_rustup; then
    cargo=(cargo)
    echo "build: $(rustc --version) with its $target target, WITHOUT the size recipe (larger; no dependency list inside)"
else
    echo "build: no toolchain for $target. Either of these gives one:" >&2
    echo "  scripts/setup.sh build          Debian 12's packages, and the size recipe" >&2
    echo "  rustup target add $target       plain static build, larger" >&2
    exit 1
fi

# A backend whose C is compiled in another way has link/NAME.toml, and its own folder of compiled dependencies.
release() { # release NAME: where cargo puts what it compiles for it
    if $recipe && [ -f "link/$1.toml" ]; then echo "$CARGO_TARGET_DIR/$1/$target/release"; else echo "$CARGO_TARGET_DIR/$target/release"; fi
}
output() { if $example; then echo "$(release "$1")/examples/$1"; else echo "$(release "$1")/$1"; fi; }

started=$SECONDS together=()
for name in "${backends[@]}"; do
    built=$(release "$name")
    file=$(output "$name")
    # cargo does not know the files that only the linker reads: without its record of the last link it links anew.
    [ ! -e "$file" ] || [ -z "$(find link -newer "$file" -print -quit)" ] ||
        find "$built/.fingerprint" \( -name "bin-$name" -o -name "example-$name" \) -delete
    if [ "$built" != "$CARGO_TARGET_DIR/$target/release" ]; then
        CARGO_TARGET_DIR=$CARGO_TARGET_DIR/$name "${cargo[@]}" --config "link/$name.toml" "${args[@]}" -p "$name"
    elif $example; then
        together+=(-p space-kit --example "$name")
    else
        together+=(-p "$name")
    fi
done
[ ${#together[@]} -eq 0 ] || "${cargo[@]}" "${args[@]}" "${together[@]}"

# A binary is handed over only if it runs without anything beside it.
reject() { rm -f "dist/$1"; echo "build: refused $1: $2" >&2; exit 1; }
mkdir -p dist
for name in "${backends[@]}"; do
    built=$(release "$name")
    file=$(output "$name")
    cp "$file" "dist/$name.new"
    touch --date="@${SOURCE_DATE_EPOCH:-0}" "dist/$name.new" # an image's layer records it: the same sources, the same layer
    mv -f "dist/$name.new" "dist/$name"
    headers=$(readelf --wide --program-headers "dist/$name")
    dynamic=$(readelf --wide --dynamic "dist/$name")
    grep -q 'Elf file type is DYN' <<<"$headers" || reject "$name" "not position-independent (ELF type is not DYN)"
    grep -q 'FLAGS_1.* PIE' <<<"$dynamic" || reject "$name" "not a static-pie (no PIE flag)"
    grep -q INTERP <<<"$headers" && reject "$name" "asks for a program interpreter (PT_INTERP)"
    grep -q NEEDED <<<"$dynamic" && reject "$name" "needs shared libraries: $(grep -o '\[.*\]' <<<"$dynamic" | xargs)"
    if $recipe; then
        # cargo links the file under another name, with its map beside it, and then gives it a second name.
        linked=$(find "$built" -maxdepth 2 -samefile "$file" -name '*-????????????????')
        cp "$linked.map" "dist/$name.map"
        # link/order.py says no: it builds while start.ld is out of date.
        [ "${LINK_CHECK:-}" = no ] || bash link/check.sh "dist/$name" "dist/$name.map" ||
            reject "$name" "a part of link/ had no effect (see above)"
    fi
    printf 'build: dist/%s %s bytes, gzip -9 %s bytes\n' "$name" "$(stat -c %s "dist/$name")" "$(gzip -9n <"dist/$name" | wc -c)"
done
echo "build: done in $((SECONDS - started)) s"
