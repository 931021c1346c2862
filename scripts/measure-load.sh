#!/usr/bin/env bash
# Measures both backends under load next to their peers (scripts/peers.sh): requests in closed loops and at a
# fixed rate, idle connections, event streams, and memory after a million requests. benches/README.md explains
# the method.
# usage: scripts/measure-load.sh [--quick] [--only PART,…] [--peers NAME,…] [--json FILE]     (--help lists all)
# It builds missing binaries, and requires wrk, taskset and two CPUs.
# Exit codes: 2 if a backend could not be measured, 130 if interrupted. A missed goal is reported, but no failure.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for tool in wrk taskset python3; do
    command -v $tool >/dev/null || { echo "measure-load: $tool is missing; install it with scripts/setup.sh measure" >&2; exit 2; }
done
[ "$(nproc)" -ge 2 ] || { echo "measure-load: needs two CPUs, one for the server and one for the load; this machine has one" >&2; exit 2; }
case " $* " in *" --help "* | *" -h "*) ;; *)
    for folder in "$root"/*-backend; do
        [ -x "$root/dist/${folder##*/}" ] || "$root/scripts/build.sh" "${folder##*/}" >&2
    done
    cargo build --quiet --release --locked --manifest-path "$root/benches/Cargo.toml" --bin steady ;;
esac
steady=${CARGO_TARGET_DIR:-$root/benches/target}/release/steady
PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 exec python3 -m measure_load --steady "$steady" "$@"
