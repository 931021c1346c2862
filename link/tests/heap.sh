#!/usr/bin/env bash
# Runs the heap's tests as they ship: static, against musl, with the size recipe.
# usage: link/tests/heap.sh [ARGUMENT of the tests...]
# The other tests run on glibc, where C keeps its own allocator.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/../.."

export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/static}"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS # they would replace the recipe's own
# The crate `test` brings std's backtraces, which name an unwinder that the recipe does not link. Only a failed test calls it.
exec /usr/bin/cargo --config link/size.toml --config 'unstable.build-std = ["test", "panic_abort"]' \
    --config unstable.panic-abort-tests=true \
    --config 'target.x86_64-unknown-linux-musl.rustflags = ["-Clink-args=-Wl,--unresolved-symbols=ignore-all"]' \
    test --locked --release --target x86_64-unknown-linux-musl -p space-heap --lib -- "$@"
