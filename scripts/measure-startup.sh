#!/usr/bin/env bash
# Measures how soon each backend answers, and what it weighs, beside a minimal C server and, where an
# engine runs, the empty container. Binaries and the control are built where they are missing; images
# are taken as they are (scripts/build-image.sh makes them).
# usage: scripts/measure-startup.sh [option...] [--image IMAGE] [-- COMMAND...]
#        scripts/measure-startup.sh compare OLD.json NEW.json
#   --image IMAGE     measure this image, in place of the backends; --binary, --command: the same
#   -- COMMAND...     measure this command, in place of the backends; it gets PORT
#   --with-backends   measure the backends beside them after all
#   --peers           measure the backends beside all that scripts/peers.sh makes ready, with the images that it
#                     has built (--image); node-http, go, axum and hyper answer /health alone
#   --record          write all runs and a picture to benches/record
#   --runs N  --container-runs N  --json FILE  --path PATH  --env NAME=VALUE ... all other options go to
#   the harness, which lists them by --help. Method, limits and bias: benches/README.md.
# Exit status: 1 when a gate of benches/goals.toml is missed, 130 when interrupted.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

# The paths of the caller's options hold from the caller's folder: nothing here changes it.
harness=(cargo run --quiet --release --locked --manifest-path "$root/benches/Cargo.toml" --bin coldstart --)
[ "${1-}" != compare ] || exec "${harness[@]}" "$@"

own=false with=false peers=false options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" && echo && exec "${harness[@]}" --help ;;
        --with-backends) with=true && shift && continue ;;
        --peers) peers=true with=true && shift && continue ;;
        --record)
            folder=$("$root/scripts/record-folder.sh")
            options+=(--json "$folder/startup.json" --svg "$folder/startup.svg") && shift && continue
            ;;
        --image | --binary | --command) own=true ;;
    esac
    options+=("$1") && shift
done
[ $# -eq 0 ] || own=true

targets=()
if ! $own || $with; then
    targets+=(--evicted --env DEV_SIGN_IN=yes) # nodejs-backend does not start without a provider or this
    for folder in "$root"/*-backend; do
        name=${folder##*/}
        [ -x "$root/dist/$name" ] || "$root/scripts/build.sh" "$name" >&2
        targets+=(--binary "$name=$root/dist/$name" --image "$name=$name")
    done
fi
if $peers; then
    targets+=(--env AUTH_SECRET=for-measuring-alone-0123456789-ABCDEF) # Better Auth wants one
    lines=$("$root/scripts/peers.sh")
    while IFS=$'\t' read -r name command; do
        targets+=(--command "$name=$command")
        case $name in fastapi | better-auth) targets+=(--image "$name=peer-$name") ;; esac
    done <<<"$lines"
fi

control=$root/.cache/c-control
"$root/benches/control/build.sh" "$control"
exec "${harness[@]}" --control "$control" --goals "$root/benches/goals.toml" --source "$root" \
    "${targets[@]}" "${options[@]}" "$@"
