#!/usr/bin/env bash
# Measures both backends under load, beside their peers (scripts/peers.sh) in one run: requests in closed loops and at
# a fixed rate, idle connections, event streams, memory after a million requests. Method: benches/README.md.
# usage: scripts/measure-load.sh [--quick] [--only PART,…] [--peers NAME,…] [--json FILE]     (--help lists more)
# Binaries are built where they are missing. Wants wrk, taskset and two CPUs.
# Exit status: 2 when one of ours could not be measured, 130 when interrupted; a missed goal is told and no failure.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for tool in wrk taskset python3; do
    command -v $tool >/dev/null || { echo "measure-load: $tool is missing; scripts/setup.sh measure installs it" >&2; exit 2; }
done
[ "$(nproc)" -ge 2 ] || { echo "measure-load: one CPU is for the server and another for the load: this machine has one" >&2; exit 2; }
case " $* " in *" --help "* | *" -h "*) ;; *)
    for folder in "$root"/*-backend; do
        [ -x "$root/dist/${folder##*/}" ] || "$root/scripts/build.sh" "${folder##*/}" >&2
    done
    cargo build --quiet --release --locked --manifest-path "$root/benches/Cargo.toml" --bin steady ;;
esac
steady=${CARGO_TARGET_DIR:-$root/benches/target}/release/steady
PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 exec python3 -m measure_load --steady "$steady" "$@"
