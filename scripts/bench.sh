#!/usr/bin/env bash
# Runs the Criterion benches (benches/criterion). With --base, it runs those of that commit first, then those of the
# working tree, and prints the change of each.
# usage: scripts/bench.sh [--base COMMIT] [Criterion options and filters...]
#        scripts/bench.sh --base main seal --measurement-time 2
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/benches/target}
export CRITERION_HOME=$CARGO_TARGET_DIR/criterion # shared, so that the working tree finds the baseline
bench=(cargo bench --locked --bench criterion)

case ${1-} in
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
    --base) commit=${2:?--base requires a commit}; shift 2 ;;
    *) exec "${bench[@]}" --manifest-path benches/Cargo.toml -- "$@" ;;
esac

base=$root/.cache/bench-base # always the same path, so that Cargo reuses compiled dependencies
git worktree prune
[ ! -e "$base" ] || git worktree remove --force "$base"
git worktree add --quiet --detach "$base" "$commit"
trap 'git worktree remove --force "$base"' EXIT
[ -d "$base/benches/criterion" ] || { echo "bench: $commit has no benches; use a later commit" >&2; exit 2; }
(cd "$base" && "${bench[@]}" --manifest-path benches/Cargo.toml -- --save-baseline base "$@")
"${bench[@]}" --manifest-path benches/Cargo.toml -- --baseline base "$@"
