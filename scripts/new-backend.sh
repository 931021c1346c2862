#!/usr/bin/env bash
# Makes a new backend from templates/example-backend: a crate with tests, a contract, a Dockerfile, a manual.
# usage: scripts/new-backend.sh NAME       (NAME ends in -backend, such as notes-backend)
# Builds, images, the preflight, the deploy and the measuring find it by its folder's name. templates/README.md goes on from here.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

name=${1-}
[[ $# -eq 1 && $name =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*-backend$ ]] ||
    { echo "new-backend: one NAME is needed: small letters, digits and hyphens, with -backend at its end; found '$*'" >&2; exit 2; }
for there in "$name" "specs/$name"; do
    [ ! -e "$there" ] || { echo "new-backend: $there exists; choose another name, or delete it" >&2; exit 1; }
done

mkdir -p "specs/$name/contracts"
cp -r templates/example-backend "$name"
mv "$name/contract.json" "specs/$name/contracts/$name.json"
grep -rlZ 'example[-_]backend' "$name" "specs/$name" | xargs -0 sed -i "s/example-backend/$name/g; s/example_backend/${name//-/_}/g"

cargo=$(command -v cargo || echo /usr/bin/cargo)
"$cargo" update --workspace --offline --quiet || "$cargo" update --workspace --quiet # only its own entry in Cargo.lock
"$cargo" fmt --package "$name" 2>/dev/null || true # a longer name may move a line's end; without rustfmt it is just longer
cat <<END
new-backend: $name is there, and specs/$name/contracts/$name.json. Next:
  cargo test -p $name                   # its tests pass as it is
  cargo run -p $name                    # http://127.0.0.1:7860
  templates/README.md                     how to put your own endpoints in
  scripts/build.sh $name                # a static binary
  scripts/deploy.sh $name OWNER/SPACE --dry-run
END
