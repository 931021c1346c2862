#!/bin/sh
# Builds an image of each backend, NAME:latest, from the folder that a Space gets, copies the image's binary to
# dist/NAME (for scripts/deploy.sh --binary), and prints their sizes.
# usage: scripts/build-image.sh [python-backend|nodejs-backend ...]     (default: both)
# It uses docker or podman, whichever answers, and needs no Rust on this machine: the image's first stage has it.
set -eu
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

engine=$(scripts/engine.sh)
[ $# -gt 0 ] || set -- *-backend
work=${TMPDIR:-/tmp}/build-image.$$
mkdir -m 700 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# hand_over NAME: copies the binary to dist/, and prints sizes: the binary, the files of all layers, and the download of
# a machine without any layer, which is the layers compressed by gzip -9 (an engine's own gzip can differ by a few per
# cent), the configuration, and a manifest of 427 bytes.
hand_over() {
    name=$1 image=$work/$1-image
    mkdir "$image"
    "$engine" save "$name:latest" >"$image.tar"
    tar -x -C "$image" -f "$image.tar"
    config=$(sed 's/.*"Config":"\([^"]*\)".*/\1/' "$image/manifest.json")
    # shellcheck disable=SC2046 # names of layers contain no spaces
    set -- $(sed 's/.*"Layers":\[\([^]]*\)\].*/\1/; s/[",]/ /g' "$image/manifest.json")
    [ $# -eq 1 ] || { echo "image: $name:latest has $# layers instead of one" >&2; return 1; }
    mkdir -p dist
    tar -x -C dist -f "$image/$1" "$name" # with its fixed time, which scripts/build.sh gives it
    binary=$(wc -c <"dist/$name")
    pulled=$(gzip -9 -c "$image/$1" | wc -c)
    pulled=$((427 + $(wc -c <"$image/$config") + pulled))
    echo "image: $name:latest binary $((binary)) bytes, uncompressed $("$engine" image inspect --format '{{.Size}}' "$name:latest") bytes, pulled $pulled bytes"
}

for name in "$@"; do
    scripts/stage.sh "$name" "$work/$name"
    scripts/build-folder.sh --tag "$name:latest" "$work/$name"
    echo "image: $name:latest built by $engine"
done
for name in "$@"; do hand_over "$name"; done
