#!/bin/sh
# Creates a new backend from templates/example-backend: a crate with tests, an OpenAPI document, a Dockerfile and a manual.
# usage: scripts/new-backend.sh NAME       (NAME ends in -backend, such as notes-backend)
#        scripts/new-backend.sh NAME --standalone DIR [--kit URL]
# Build, images, linter, deploy and measurements find it by the name of its folder. Next, read templates/README.md.
#   --standalone DIR  creates a repository of its own in DIR, which is new or empty: with the kit's sources, the build of
#                     the image, and workflows for checks and for deploys. This repository does not change.
#   --kit URL         the repository gets the kit from this git repository, at the commit that is checked out here,
#                     instead of its sources. Requires cargo.
set -eu
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; exit 0 ;; esac
from=$PWD
cd "$(dirname "$0")/.."
export LC_ALL=C # letters are a to z, and packages are sorted by byte, as cargo sorts them

name=${1-} dir='' kit='' valid=true
[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
    case $1 in
        --standalone)
            dir=${2-}
            [ -n "$dir" ] || { echo "new-backend: --standalone needs a folder: scripts/new-backend.sh NAME --standalone DIR" >&2; exit 2; }
            ;;
        --kit) kit=${2-} ;;
        *) valid=false ;;
    esac
    if [ $# -lt 2 ] || [ -z "$2" ]; then valid=false && break; fi
    shift 2
done
case $name in [!a-z]* | *[!a-z0-9-]* | *--*) valid=false ;; ?*-backend) ;; *) valid=false ;; esac
[ -z "$kit" ] || [ -n "$dir" ] || valid=false
case $kit in *[!A-Za-z0-9:/.@_~-]*) valid=false ;; esac
if ! $valid; then
    echo "new-backend: usage: scripts/new-backend.sh NAME [--standalone DIR [--kit URL]]; NAME must be lower-case letters, digits and hyphens that end in -backend; got '$name'" >&2
    exit 2
fi

template=templates/example-backend snake=$(echo "$name" | tr - _)
rename() { sed "s/example-backend/$name/g; s/example_backend/$snake/g" "$1"; }
# copy FOLDER TO: copies a template's files under the backend's name.
copy() {
    find "$1" -type f | while read -r file; do
        mkdir -p "$(dirname "$2${file#"$1"}")"
        rename "$file" >"$2${file#"$1"}"
    done
}
# lock FILE: this repository's lock file with the new backend.
lock() { awk -v name="$name" -f scripts/add-to-lock.awk "$template/Cargo.toml" Cargo.lock >"$1" || { rm -f "$1"; exit 1; }; }

if [ -z "$dir" ]; then
    [ ! -e "$name" ] || { echo "new-backend: $name exists; choose another name, or delete it" >&2; exit 1; }
    lock Cargo.lock.new
    copy "$template" "$name"
    mv Cargo.lock.new Cargo.lock
    cargo fmt --package "$name" 2>/dev/null || true # a long name can require other line breaks
    cat <<END
new-backend: created $name. Next:
  cargo test -p $name                   # the tests pass unchanged
  cargo run -p $name                    # http://127.0.0.1:7860
  scripts/build-image.sh $name          # an image; needs only docker or podman
  templates/README.md                     explains how to add your endpoints
  scripts/deploy.sh $name OWNER/SPACE --dry-run
END
    exit 0
fi

case $dir in /*) ;; *) dir=$from/$dir ;; esac
mkdir -p "$dir"
[ -z "$(ls -A "$dir")" ] || { echo "new-backend: $dir is not empty; give a new folder" >&2; exit 1; }
if [ -n "$kit" ]; then
    command -v cargo >/dev/null || { echo "new-backend: --kit requires cargo, which writes Cargo.lock; see https://rustup.rs" >&2; exit 1; }
    commit=$(git rev-parse HEAD)
fi
copy "$template" "$dir"
copy templates/standalone "$dir"
# add PATH...: copies files or folders of this repository to the same place in the new one.
add() {
    for path in "$@"; do
        mkdir -p "$dir/$(dirname "$path")"
        cp -R "$path" "$dir/$path"
    done
}
add LICENSE-* rustfmt.toml clippy.toml link/size.toml link/*.s link/*.ld link/unwind link/check.sh scripts/setup.sh scripts/build.sh
cat Dockerfile.base "$dir/Dockerfile" >"$dir/Dockerfile.new" && mv "$dir/Dockerfile.new" "$dir/Dockerfile"
lock "$dir/Cargo.lock.new"
if [ -n "$kit" ]; then
    # The workspace has only this crate, and its one dependency.
    { rename "$template/Cargo.toml"; echo; sed '/^\[workspace\.dependencies\]/,/^\[workspace\.lints/{/^\[workspace\.lints/!d;}; /^members = /d; /^# A glob/d; /^# What ships/d' Cargo.toml
        printf '\n[workspace.dependencies]\nspace-kit = { git = "%s", rev = "%s" }\n' "$kit" "$commit"; } >"$dir/Cargo.toml"
    mv "$dir/Cargo.lock.new" "$dir/Cargo.lock" # cargo keeps its versions
    (cd "$dir" && cargo metadata --format-version 1 >/dev/null)
else
    add space-kit/Cargo.toml space-kit/src space-kit/build.rs space-kit/heap/Cargo.toml space-kit/heap/src
    { rename "$template/Cargo.toml"; echo; sed 's/^members = .*/members = ["space-kit", "space-kit\/heap"]/; /^# A glob/d' Cargo.toml; } >"$dir/Cargo.toml"
    awk -v roots="space-kit space-heap $name" -f scripts/prune-lock.awk "$dir/Cargo.lock.new" >"$dir/Cargo.lock"
    rm "$dir/Cargo.lock.new"
fi
(cd "$dir" && cargo fmt 2>/dev/null) || true # a long name can require other line breaks
cat <<END
new-backend: created $dir. Next, there:
  git init && git add . && git commit
  cargo test                              # the tests pass unchanged
  cargo run                               # http://127.0.0.1:7860
  docker build --tag $name .
  $PWD/templates/README.md explains how to add your endpoints; leave out -p $name there
  git push --force https://huggingface.co/spaces/OWNER/SPACE HEAD:main
END
