#!/usr/bin/env bash
# Writes the folder that a Space gets: README.md, one Dockerfile, and exactly the sources that NAME is made of.
# usage: scripts/stage.sh NAME DIR       (NAME: python-backend or nodejs-backend; DIR: new or empty)
# Images, tests and deploys all start from such a folder, so what is tested is what ships.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

usage() { echo "stage: $1; usage: scripts/stage.sh NAME DIR, NAME one of:" *-backend >&2; exit 2; }
[ $# -eq 2 ] || usage "two arguments are needed"
name=$1
[ -f "$name/Dockerfile" ] || usage "no backend named '$name'"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
[ -z "$(ls -A "$dir")" ] || { echo "stage: $dir is not empty; give a new folder" >&2; exit 1; }

# Without --preserve: cargo's cache in the image goes by time, and copies must look newer than what it compiled.
sources=(Cargo.toml Cargo.lock LICENSE-* link/size.toml link/*.s link/start.ld link/unwind link/check.sh scripts/setup.sh scripts/build.sh)
for crate in space-kit space-kit/heap "$name"; do
    sources+=("$crate/Cargo.toml" "$crate/src")
    [ ! -f "$crate/build.rs" ] || sources+=("$crate/build.rs")
done
sources+=(specs/*/contracts/"$name.json")
cp -r --parents "${sources[@]}" "$dir"
cp "$name/README.md" "$dir/README.md"
cat Dockerfile.base "$name/Dockerfile" >"$dir/Dockerfile"
printf '%s\n' '# None of these is compiled: a change of them alone rebuilds nothing.' \
    .git .gitattributes .dockerignore Dockerfile README.md 'LICENSE-*' >"$dir/.dockerignore"

# The lock file loses what only the other members need, and nothing else changes: --locked still holds.
cargo=$(command -v cargo || echo /usr/bin/cargo)
(cd "$dir" && { "$cargo" update --workspace --offline --quiet 2>/dev/null || "$cargo" update --workspace --quiet; })
pins() { awk '/^name = /{name=$3} /^version = /{print name, $3}' "$1" | sort; }
added=$(comm -13 <(pins Cargo.lock) <(pins "$dir/Cargo.lock"))
[ -z "$added" ] || { echo "stage: Cargo.lock is not up to date, these would be added: $added" >&2; exit 1; }

echo "stage: $dir has $name, $(find "$dir" -type f | wc -l) files, $(du -sb "$dir" | cut -f1) bytes"
