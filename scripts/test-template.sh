#!/usr/bin/env bash
# Creates a backend from the template in a copy of the tree, and runs the checks of the other backends on it.
# The same for a repository of its own. usage: scripts/test-template.sh       (CARGO_TARGET_DIR defaults to target/, to reuse compiled dependencies)
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
name=made-from-template-backend
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"

rejected() { # an invalid or existing name is rejected with a message, and creates nothing
    local status=0
    scripts/new-backend.sh "$@" 2>"$work/message" || status=$?
    [ "$status" -ne 0 ] && [ -s "$work/message" ] || { echo "template: new-backend.sh accepted '$*'" >&2; exit 1; }
}
rejected one-backend --standalone; rejected one-backend --kit https://example.org/kit; rejected one-backend --standalone "$work/tree"
rejected; rejected notes; rejected Notes-backend; rejected ../x-backend; rejected python-backend; rejected one-backend two-backend
[ ! -e one-backend ] || { echo "template: a rejected call created a folder" >&2; exit 1; }

cp Cargo.lock "$work/before"
scripts/new-backend.sh "$name"
added=$(diff "$work/before" Cargo.lock | grep -c '^> name = ' || true)
[ "$added" -eq 1 ] || { echo "template: Cargo.lock got $added new packages instead of one" >&2; exit 1; }
if grep -rn 'example[-_]backend' "$name"; then echo "template: the template's name is still there" >&2; exit 1; fi
cargo fmt --package "$name" --check
cargo clippy --package "$name" --all-targets --locked -- --deny warnings
cargo test --package "$name" --locked
scripts/stage.sh "$name" "$work/staged"
scripts/lint-space.sh "$work/staged"
(cd "$work/staged" && cargo metadata --locked --offline --no-deps --format-version 1 >/dev/null) # the staged folder has everything that a Space compiles

# A repository of its own: with the kit's sources, then with the kit from a git repository.
git init --quiet --initial-branch=main
git add .
git -c user.name=test -c user.email=test@example.org commit --quiet --message "A copy of the tree"
cp Cargo.lock "$work/before"
scripts/new-backend.sh own-backend --standalone "$work/own"
scripts/new-backend.sh own-backend --standalone "$work/git" --kit "file://$work/tree"
diff Cargo.lock "$work/before"
for repository in own git; do
    cd "$work/$repository"
    if grep -rnI 'example[-_]backend' --exclude-dir=space-kit .; then echo "template: the template's name is still there" >&2; exit 1; fi
    cargo fmt --check
    cargo clippy --all-targets --locked -- --deny warnings
    cargo test --locked
    grep -o -E 'link/([a-z0-9_]+\.(s|ld|sh)|unwind)' link/size.toml | xargs ls -d >/dev/null # the static build finds its files
    "$work/tree/scripts/lint-space.sh" .
done

# A page of its own instead of the links, as the guide says.
cd "$work/own"
mkdir static && echo '<p>A page' >static/index.html
sed -i 's|^    GET "/" = links() .*|    GET "/" = index() -> OK Response<Body>, "The page";|' src/lib.rs
cat >>src/lib.rs <<'END'

space_kit::files! {
    FILES;
    "index.html";
}

async fn index(call: Call<State>) -> HandlerResult {
    FILES.respond(&call, "index.html")
}
END
if cargo test --locked document_manual >"$work/message" 2>&1; then echo "template: an outdated openapi.json passes the tests" >&2; exit 1; fi
grep -q 'openapi.json is out of date' "$work/message"
cargo test --locked -- --ignored write_generated
cargo test --locked
