#!/bin/sh
# Writes the folder that a Space gets: README.md, one Dockerfile, and exactly the sources that NAME is made of.
# usage: scripts/stage.sh NAME DIR       (NAME: python-backend or nodejs-backend; DIR: new or empty)
# Images, tests and deploys all start from such a folder, so what is tested is what ships. It needs no cargo.
set -eu
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

usage() { echo "stage: $1; usage: scripts/stage.sh NAME DIR, NAME one of:" *-backend >&2; exit 2; }
[ $# -eq 2 ] || usage "two arguments are needed"
name=$1
[ -f "$name/Dockerfile" ] || usage "no backend named '$name'"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
[ -z "$(ls -A "$dir")" ] || { echo "stage: $dir is not empty; give a new folder" >&2; exit 1; }

# add PATH...: copies files or folders of this repository to the same place in the folder. It does not keep their
# times, because cargo's cache in the image goes by time, and copies must look newer than what it compiled.
add() {
    for path in "$@"; do
        mkdir -p "$dir/$(dirname "$path")"
        cp -R "$path" "$dir/$path"
    done
}
add Cargo.toml LICENSE-* link/size.toml link/*.s link/*.ld link/unwind link/check.sh scripts/setup.sh scripts/build.sh
for crate in space-kit space-kit/heap "$name"; do
    add "$crate/Cargo.toml" "$crate/src"
    [ ! -f "$crate/build.rs" ] || add "$crate/build.rs"
    [ ! -d "$crate/static" ] || add "$crate/static"
done
[ ! -f "link/$name.toml" ] || add "link/$name.toml"
if [ -f "$name/openapi.json" ]; then add "$name/openapi.json"; else add specs/*/contracts/"$name.json"; fi
cp "$name/README.md" "$dir/README.md"
cat Dockerfile.base "$name/Dockerfile" >"$dir/Dockerfile"
printf '%s\n' '# None of these is compiled: a change of them alone rebuilds nothing.' \
    .git .gitattributes .dockerignore Dockerfile README.md 'LICENSE-*' >"$dir/.dockerignore"

# The lock file loses what only the other members need, and nothing else changes: --locked still holds.
LC_ALL=C awk -v roots="space-kit space-heap $name" -f scripts/prune-lock.awk Cargo.lock >"$dir/Cargo.lock"

files=$(find "$dir" -type f | wc -l)
bytes=$(find "$dir" -type f -exec cat {} + | wc -c)
echo "stage: $dir has $name, $((files)) files, $((bytes)) bytes"
