#!/usr/bin/env bash
# Builds both backends and runs them until Ctrl-C: python-backend on 7860, nodejs-backend on 7861, on 127.0.0.1 alone.
# usage: scripts/serve.sh [--containers | --processes]     (PYTHON_PORT and NODEJS_PORT choose other ports)
# Without a word it takes containers where docker or podman answers and can build and run them, else plain
# processes, and says which and why. It starts and installs no engine.
set -euo pipefail
cd "$(dirname "$0")/.."

with=${1-either}
case $with in
    either | --containers | --processes) ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
    *) echo "serve: unknown argument '$1'; there are: --containers --processes" >&2; exit 2 ;;
esac

declare -A port=([python-backend]=${PYTHON_PORT:-7860} [nodejs-backend]=${NODEJS_PORT:-7861})
backends=(python-backend nodejs-backend)
declare -A pid=()
work=$(mktemp -d)

# One TERM each, however often Ctrl-C is pressed: a second signal would cut answers short.
stopping=false
stop() {
    $stopping && return
    stopping=true
    echo
    echo "serve: draining both"
    [ ${#pid[@]} -eq 0 ] || kill -TERM "${pid[@]}" 2>/dev/null || true
}
finish() { stop >/dev/null; wait; rm -rf "$work"; }
trap stop INT TERM
trap finish EXIT

# containers: true when both images are up to date and this engine can run them; else says why not.
containers() {
    local name
    engine=$(scripts/engine.sh 2>"$work/why") || { cat "$work/why" >&2; return 1; }
    echo "serve: building images with $engine (the first time takes minutes)"
    scripts/build-image.sh "${backends[@]}" || { echo "serve: $engine cannot build them; scripts/engine.sh --start helps where no registry answers" >&2; return 1; }
    for name in "${backends[@]}"; do
        "$engine" run --rm "$name:latest" --version || { echo "serve: $engine cannot run $name" >&2; return 1; }
    done
}
if [ "$with" != --processes ] && containers; then
    with=--containers
    echo "serve: as containers, because $engine answers (--processes would run them without)"
elif [ "$with" = --containers ]; then
    exit 1
else
    [ "$with" = --processes ] || echo "serve: as plain processes, for the reason above"
    with=--processes
    scripts/setup.sh build || echo "serve: going on with what is there"
    scripts/build.sh "${backends[@]}"
fi

# No provider knows this machine: nodejs-backend signs in made-up users. Both listen to this machine alone.
made_up=(DEV_SIGN_IN=yes)
# Each starts in a process group of its own, so that Ctrl-C reaches it once, through the trap above.
start_process() { # The service writes a byte when it accepts.
    mkfifo "$work/$1"
    env "${made_up[@]}" HOST=127.0.0.1 PORT=${port[$1]} READY_FD=9 setsid "dist/$1" 9>"$work/$1" &
    pid[$1]=$!
    read -r -t 10 <"$work/$1"
}
start_container() { # The engine's client hands signals on, and ends when the container does.
    local name=$1-${port[$1]}
    # Inside, every address; what is published is 127.0.0.1 alone.
    setsid "$engine" run --rm --name "$name" --publish "127.0.0.1:${port[$1]}:7860" --env=HOST=0.0.0.0 \
        "${made_up[@]/#/--env=}" --env="AUTH_URL=http://127.0.0.1:${port[$1]}" \
        --read-only --cap-drop=ALL --security-opt=no-new-privileges "$1:latest" &
    pid[$1]=$!
    until "$engine" exec "$name" "/$1" healthcheck 2>/dev/null; do
        kill -0 "${pid[$1]}" 2>/dev/null && [ $((${EPOCHREALTIME/[.,]/} - started)) -lt 20000000 ] || return 1
    done
}
for name in "${backends[@]}"; do
    started=${EPOCHREALTIME/[.,]/}
    if ! case $with in --containers) start_container "$name" ;; *) start_process "$name" ;; esac then
        variable=${name%-backend}_PORT # it has said itself what went wrong
        echo "serve: $name did not start; ${variable^^} sets its port" >&2
        exit 1
    fi
    ready=${EPOCHREALTIME/[.,]/}
    case $with in
        --containers) bytes=$("$engine" image inspect --format '{{.Size}}' "$name:latest") ;;
        *) bytes=$(stat -c %s "dist/$name") ;;
    esac
    printf 'serve: %-15s http://127.0.0.1:%s  %s bytes, accepting %s µs after its start\n' \
        "$name" "${port[$name]}" "$bytes" $((ready - started))
done

cat <<END

Try:
  curl http://127.0.0.1:${port[python-backend]}/v1/models
  curl http://127.0.0.1:${port[python-backend]}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}],"stream":true}'
  curl -i http://127.0.0.1:${port[nodejs-backend]}/api/auth/get-session
  http://127.0.0.1:${port[nodejs-backend]}/ in a browser: sign in as anybody

Ctrl-C stops both.
END
wait -n || true
if ! $stopping; then
    echo "serve: a backend ended by itself" >&2
    exit 1
fi
until wait; do :; done
