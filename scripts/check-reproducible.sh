#!/usr/bin/env bash
# Shows that the same sources give the same bytes: a copy of the tree in another folder, with a target
# directory and registry cache of its own, must build binaries equal to those in dist/, and layers of images too.
# usage: scripts/check-reproducible.sh       (brings dist/ up to date first)
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 2; }
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
backends=(*-backend)
scripts/build.sh >"$work/first.log" 2>&1 || { cat "$work/first.log" >&2; exit 1; }

# What git would clone, with changes not committed yet; cargo-auditable is copied, to spare its build.
mkdir -p "$work/elsewhere/clone"
git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$work/elsewhere/clone"
[ ! -d .cache/tools ] || cp -r --parents .cache/tools "$work/elsewhere/clone"

# Only configuration comes along from the usual cargo home: sources are fetched anew, into another path.
home=${CARGO_HOME:-$HOME/.cargo}
mkdir "$work/cargo-home"
for file in config.toml config credentials.toml; do [ ! -f "$home/$file" ] || ln -s "$home/$file" "$work/cargo-home/"; done
env CARGO_HOME="$work/cargo-home" CARGO_TARGET_DIR="$work/target" "$work/elsewhere/clone/scripts/build.sh" \
    >"$work/second.log" 2>&1 || { cat "$work/second.log" >&2; exit 1; }

differ=0
for name in "${backends[@]}"; do
    if cmp "dist/$name" "$work/elsewhere/clone/dist/$name"; then
        echo "reproducible: $(sha256sum "dist/$name")"
    else
        echo "NOT reproducible: $name differs between two folders" >&2
        differ=1
    fi
done

# The layer of an image is made by the Dockerfile's last stage; the stage before it is what was compared above.
# Docker's own record of an image has the time of its build in it: that differs, and with it the image's id.
layer() { # layer TREE NAME: what the engine calls the content of the layer
    local context=$work/context-$RANDOM id
    mkdir "$context"
    cp --preserve=timestamps "$1/dist/$2" "$context"
    { printf 'FROM scratch AS build\nCOPY %s /src/dist/%s\n' "$2" "$2"; cat "$1/$2/Dockerfile"; } >"$context/Dockerfile"
    id=$(DOCKER_BUILDKIT=1 "$engine" build --no-cache --quiet "$context") && "$engine" image inspect --format '{{.RootFS.Layers}}' "$id"
    "$engine" image rm --force "$id" >/dev/null
}
if engine=$(scripts/engine.sh 2>"$work/no-engine"); then
    for name in "${backends[@]}"; do
        here=$(layer "$PWD" "$name") there=$(layer "$work/elsewhere/clone" "$name")
        [ -n "$here" ] && [ "$here" = "$there" ] && echo "reproducible: layer of $name $here" && continue
        echo "NOT reproducible: the layer of $name differs between two folders: '$here' and '$there'" >&2
        differ=1
    done
else
    echo "layers of images are not compared: $(cat "$work/no-engine")"
    [ "${CI:-}" != true ] || differ=1
fi
exit $differ
