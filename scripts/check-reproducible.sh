#!/usr/bin/env bash
# Shows that the same sources give the same bytes: a copy of the tree in another folder, with a target
# directory and registry cache of its own, must build binaries equal to those in dist/.
# usage: scripts/check-reproducible.sh       (brings dist/ up to date first)
set -euo pipefail
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
exit $differ
