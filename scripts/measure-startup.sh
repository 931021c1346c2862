#!/usr/bin/env bash
# Measures start-up, size and memory of each backend, next to a minimal C server and, if a container engine
# runs, next to a container with only that server. It builds missing binaries and the control, but no
# images (scripts/build-image.sh builds them).
# usage: scripts/measure-startup.sh [option...] [--image IMAGE] [-- COMMAND...]
#        scripts/measure-startup.sh compare OLD.json NEW.json
#   --image IMAGE     measure this image instead of the backends; --binary and --command do the same
#   -- COMMAND...     measure this command instead of the backends; it gets PORT
#   --with-backends   measure the backends as well
#   --peers           measure the backends and all peers from scripts/peers.sh, including the images that it has
#                     built (--image); node-http, go, axum and hyper only answer /health
#   --record          also write the printed tables to benches/record
#   --runs N  --container-runs N  --json FILE  --path PATH  --env NAME=VALUE ... and all other options are
#   passed to the harness (--help lists them). benches/README.md explains the method, its limits and its bias.
# Exit codes: 1 if a gate of benches/goals.toml is missed, 130 if interrupted.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

# Relative paths in the options refer to the caller's folder, so this script does not change folders.
harness=(cargo run --quiet --release --locked --manifest-path "$root/benches/Cargo.toml" --bin coldstart --)
[ "${1-}" != compare ] || exec "${harness[@]}" "$@"

own=false with=false peers=false record='' options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" && echo && exec "${harness[@]}" --help ;;
        --with-backends) with=true && shift && continue ;;
        --peers) peers=true with=true && shift && continue ;;
        --record) record=$("$root/scripts/record-folder.sh")/startup.txt && shift && continue ;;
        --image | --binary | --command) own=true ;;
    esac
    options+=("$1") && shift
done
[ $# -eq 0 ] || own=true

targets=() commands=()
if ! $own || $with; then
    targets+=(--evicted --env DEV_SIGN_IN=yes) # nodejs-backend requires a provider or DEV_SIGN_IN
    for folder in "$root"/*-backend; do
        name=${folder##*/}
        [ -x "$root/dist/$name" ] || "$root/scripts/build.sh" "$name" >&2
        targets+=(--binary "$name=$root/dist/$name" --image "$name=$name")
    done
fi
if $peers; then
    targets+=(--env AUTH_SECRET=only-for-measurements-0123456789-ABCDEF) # Better Auth requires one
    lines=$("$root/scripts/peers.sh")
    while IFS=$'\t' read -r name command; do
        targets+=(--command "$name=$command")
        case $name in fastapi | better-auth) targets+=(--image "$name=peer-$name") commands+=("$name"$'\t'"$command") ;; esac
    done <<<"$lines"
fi

control=$root/.cache/c-control
"$root/benches/control/build.sh" "$control"
# The last rows: from a fault to the next 200, of the backends, an nginx worker and the peers.
faults() {
    $own && ! $with || python3 "$root/scripts/measure_crash.py" "${commands[@]}"
}
{
    "${harness[@]}" --control "$control" --goals "$root/benches/goals.toml" --source "$root" \
        "${targets[@]}" "${options[@]}" "$@" && faults
} | tee -i ${record:+"$record"} # -i: on Ctrl-C the harness still prints partial figures
