#!/usr/bin/env bash
# Makes a backend from the template in a copy of the tree, and holds it to what the others are held to.
# usage: scripts/test-template.sh       (CARGO_TARGET_DIR as cargo has it; default: target/ here, for what is compiled already)
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
name=made-from-template-backend
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"

refused() { # what is no new name is refused, and nothing is left behind
    local status=0
    scripts/new-backend.sh "$@" 2>"$work/told" || status=$?
    [ "$status" -ne 0 ] && [ -s "$work/told" ] || { echo "template: new-backend.sh took '$*'" >&2; exit 1; }
}
refused; refused notes; refused Notes-backend; refused ../x-backend; refused python-backend; refused one-backend two-backend
[ ! -e one-backend ] || { echo "template: a refused call left a folder" >&2; exit 1; }

cp Cargo.lock "$work/before"
scripts/new-backend.sh "$name"
added=$(diff "$work/before" Cargo.lock | grep -c '^> name = ' || true)
[ "$added" -eq 1 ] || { echo "template: Cargo.lock got $added packages, its own alone was expected" >&2; exit 1; }
if grep -rn 'example[-_]backend' "$name" "specs/$name"; then echo "template: the template's name is left" >&2; exit 1; fi
cargo fmt --package "$name" --check
cargo clippy --package "$name" --all-targets --locked -- --deny warnings
cargo test --package "$name" --locked
scripts/stage.sh "$name" "$work/staged"
scripts/lint-space.sh "$work/staged"
(cd "$work/staged" && cargo metadata --locked --offline --no-deps --format-version 1 >/dev/null) # what a Space compiles is whole
