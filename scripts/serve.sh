#!/usr/bin/env bash
# Builds both backends and runs them until Ctrl-C: python-backend on port 7860, nodejs-backend on 7861, only on 127.0.0.1.
# usage: scripts/serve.sh [--containers | --processes]     (PYTHON_PORT and NODEJS_PORT set other ports)
# If docker or podman answers and can build and run the images, it runs containers. Otherwise it runs ordinary
# processes. It prints which it chose and why; --containers or --processes forces one. It neither installs nor
# starts an engine.
set -euo pipefail
cd "$(dirname "$0")/.."

with=${1-either}
case $with in
    either | --containers | --processes) ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
    *) echo "serve: unknown argument '$1'; valid are: --containers --processes" >&2; exit 2 ;;
esac

declare -A port=([python-backend]=${PYTHON_PORT:-7860} [nodejs-backend]=${NODEJS_PORT:-7861})
backends=(python-backend nodejs-backend)
declare -A pid=()
work=$(mktemp -d)

# Send SIGTERM only once, even if Ctrl-C is pressed again: a second signal would cut responses short.
stopping=false
stop() {
    $stopping && return
    stopping=true
    echo
    echo "serve: stopping both after the requests in flight"
    [ ${#pid[@]} -eq 0 ] || kill -TERM "${pid[@]}" 2>/dev/null || true
}
finish() { stop >/dev/null; wait; rm -rf "$work"; }
trap stop INT TERM
trap finish EXIT

# containers: builds both images and checks that the engine runs them; otherwise prints the reason.
containers() {
    local name
    engine=$(scripts/engine.sh 2>"$work/why") || { cat "$work/why" >&2; return 1; }
    echo "serve: building images with $engine (the first build takes minutes)"
    scripts/build-image.sh "${backends[@]}" || { echo "serve: $engine cannot build the images; if no registry answers, run scripts/engine.sh --start" >&2; return 1; }
    for name in "${backends[@]}"; do
        "$engine" run --rm "$name:latest" --version || { echo "serve: $engine cannot run $name" >&2; return 1; }
    done
}
if [ "$with" != --processes ] && containers; then
    with=--containers
    echo "serve: running containers, because $engine answers (--processes runs without them)"
elif [ "$with" = --containers ]; then
    exit 1
else
    [ "$with" = --processes ] || echo "serve: running ordinary processes, for the reason above"
    with=--processes
    scripts/setup.sh build || echo "serve: trying the build without the missing packages"
    scripts/build.sh "${backends[@]}"
fi

# This machine is not registered at a provider, so nodejs-backend signs in made-up users.
dev_sign_in=(DEV_SIGN_IN=yes)
# Each service has its own process group, so that Ctrl-C reaches it only through the trap above.
start_process() { # the service writes one byte to READY_FD once it accepts connections
    mkfifo "$work/$1"
    env "${dev_sign_in[@]}" HOST=127.0.0.1 PORT="${port[$1]}" READY_FD=9 setsid "dist/$1" 9>"$work/$1" &
    pid[$1]=$!
    read -r -t 10 <"$work/$1"
}
start_container() { # the engine's client forwards signals, and exits with the container
    local name=$1-${port[$1]}
    # The service listens on all addresses of its container, and the port is published only on 127.0.0.1.
    setsid "$engine" run --rm --name "$name" --publish "127.0.0.1:${port[$1]}:7860" --env=HOST=0.0.0.0 \
        "${dev_sign_in[@]/#/--env=}" --env="AUTH_URL=http://127.0.0.1:${port[$1]}" \
        --read-only --cap-drop=ALL --security-opt=no-new-privileges "$1:latest" &
    pid[$1]=$!
    until "$engine" exec "$name" "/$1" healthcheck 2>/dev/null; do
        kill -0 "${pid[$1]}" 2>/dev/null && [ $((${EPOCHREALTIME/[.,]/} - started)) -lt 20000000 ] || return 1
    done
}
for name in "${backends[@]}"; do
    started=${EPOCHREALTIME/[.,]/}
    if ! case $with in --containers) start_container "$name" ;; *) start_process "$name" ;; esac then
        variable=${name%-backend}_PORT # the service has printed the reason
        echo "serve: $name did not start (if its port is in use, set ${variable^^})" >&2
        exit 1
    fi
    ready=${EPOCHREALTIME/[.,]/}
    case $with in
        --containers) bytes=$("$engine" image inspect --format '{{.Size}}' "$name:latest") ;;
        *) bytes=$(stat -c %s "dist/$name") ;;
    esac
    printf 'serve: %-15s http://127.0.0.1:%s  %s bytes, ready after %s µs\n' \
        "$name" "${port[$name]}" "$bytes" $((ready - started))
done

cat <<END

Try:
  curl http://127.0.0.1:${port[python-backend]}/v1/models
  curl http://127.0.0.1:${port[python-backend]}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}],"stream":true}'
  curl -i http://127.0.0.1:${port[nodejs-backend]}/api/auth/get-session
  open http://127.0.0.1:${port[nodejs-backend]}/ in a browser and sign in as any user

Press Ctrl-C to stop both.
END
wait -n || true
if ! $stopping; then
    echo "serve: a backend has exited" >&2
    exit 1
fi
until wait; do :; done
