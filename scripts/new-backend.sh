#!/usr/bin/env bash
# Creates a new backend from templates/example-backend: a crate with tests, a contract, a Dockerfile and a manual.
# usage: scripts/new-backend.sh NAME       (NAME ends in -backend, such as notes-backend)
# Build, images, linter, deploy and measurements find it by the name of its folder. Next, read templates/README.md.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

name=${1-}
[[ $# -eq 1 && $name =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*-backend$ ]] ||
    { echo "new-backend: NAME must be lower-case letters, digits and hyphens that end in -backend; got '$*'" >&2; exit 2; }
for path in "$name" "specs/$name"; do
    [ ! -e "$path" ] || { echo "new-backend: $path exists; choose another name, or delete it" >&2; exit 1; }
done

mkdir -p "specs/$name/contracts"
cp -r templates/example-backend "$name"
mv "$name/contract.json" "specs/$name/contracts/$name.json"
grep -rlZ 'example[-_]backend' "$name" "specs/$name" | xargs -0 sed -i "s/example-backend/$name/g; s/example_backend/${name//-/_}/g"

cargo=$(command -v cargo || echo /usr/bin/cargo)
"$cargo" update --workspace --offline --quiet || "$cargo" update --workspace --quiet # adds only the new package to Cargo.lock
"$cargo" fmt --package "$name" 2>/dev/null || true # a long name can require other line breaks
cat <<END
new-backend: created $name and specs/$name/contracts/$name.json. Next:
  cargo test -p $name                   # the tests pass unchanged
  cargo run -p $name                    # http://127.0.0.1:7860
  templates/README.md                     explains how to add your endpoints
  scripts/build.sh $name                # a static binary
  scripts/deploy.sh $name OWNER/SPACE --dry-run
END
