#!/bin/sh
# Creates a new backend from templates/example-backend: a crate with tests, a contract, a Dockerfile and a manual.
# usage: scripts/new-backend.sh NAME       (NAME ends in -backend, such as notes-backend)
# Build, images, linter, deploy and measurements find it by the name of its folder. Next, read templates/README.md.
set -eu
case ${1-} in -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
export LC_ALL=C # letters are a to z, and packages are sorted by byte, as cargo sorts them

name=${1-}
valid() { case $1 in [!a-z]* | *[!a-z0-9-]* | *--*) false ;; *-backend) ;; *) false ;; esac }
if [ $# -ne 1 ] || ! valid "$name"; then
    echo "new-backend: NAME must be lower-case letters, digits and hyphens that end in -backend; got '$*'" >&2
    exit 2
fi
[ ! -e "$name" ] || { echo "new-backend: $name exists; choose another name, or delete it" >&2; exit 1; }

template=templates/example-backend snake=$(echo "$name" | tr - _)
awk -v name="$name" -f scripts/add-to-lock.awk "$template/Cargo.toml" Cargo.lock >Cargo.lock.new || { rm -f Cargo.lock.new; exit 1; }
find "$template" -type f | while read -r file; do
    to=$name${file#"$template"}
    mkdir -p "$(dirname "$to")"
    sed "s/example-backend/$name/g; s/example_backend/$snake/g" "$file" >"$to"
done
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
