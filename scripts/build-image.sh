#!/usr/bin/env bash
# Builds an image of each backend, NAME:latest, from the folder that a Space gets, and prints its size.
# usage: scripts/build-image.sh [python-backend|nodejs-backend ...]     (default: both)
# It uses docker or podman, whichever answers (scripts/engine.sh --start installs one on a bare machine).
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

engine=$(scripts/engine.sh)
backends=("$@")
[ $# -gt 0 ] || backends=(*-backend)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# print_size NAME: the binary, the files of all layers, and the download of a machine without any layer: layers
# compressed by gzip -9 (an engine's own gzip can differ by a few per cent), configuration, and a manifest of 427 bytes.
print_size() {
    local dir=$work/$1-image layers pulled
    mkdir "$dir"
    "$engine" save "$1:latest" | tar -C "$dir" -x
    read -ra layers <<<"$(sed 's/.*"Layers":\[\([^]]*\)\].*/\1/; s/[",]/ /g' "$dir/manifest.json")"
    [ ${#layers[@]} -eq 1 ] || { echo "image: $1:latest has ${#layers[@]} layers instead of one" >&2; return 1; }
    pulled=$((427 + $(stat -c %s "$dir/$(sed 's/.*"Config":"\([^"]*\)".*/\1/' "$dir/manifest.json")")))
    pulled=$((pulled + $(gzip -9nc "$dir/${layers[0]}" | wc -c)))
    printf 'image: %s:latest binary %s bytes, uncompressed %s bytes, pulled %s bytes\n' "$1" \
        "$(tar -xOf "$dir/${layers[0]}" "$1" | wc -c)" "$("$engine" image inspect --format '{{.Size}}' "$1:latest")" "$pulled"
}

for name in "${backends[@]}"; do
    scripts/stage.sh "$name" "$work/$name"
    started=$SECONDS
    scripts/build-folder.sh --tag "$name:latest" "$work/$name"
    echo "image: $name:latest built by $engine in $((SECONDS - started)) s"
done
for name in "${backends[@]}"; do print_size "$name"; done
