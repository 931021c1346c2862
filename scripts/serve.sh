#!/usr/bin/env bash
# Builds both backends and runs them until Ctrl-C: python-backend on 7860, nodejs-backend on 7861.
# usage: scripts/serve.sh        (PYTHON_PORT and NODEJS_PORT choose other ports)
set -euo pipefail
cd "$(dirname "$0")/.."

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

scripts/setup.sh build || echo "serve: going on with what is there"
scripts/build.sh "${backends[@]}"

for name in "${backends[@]}"; do
    mkfifo "$work/$name"
    started=${EPOCHREALTIME/[.,]/}
    # A process group of its own, so that Ctrl-C reaches it once, through the trap above.
    HOST=127.0.0.1 PORT=${port[$name]} READY_FD=9 setsid "dist/$name" 9>"$work/$name" &
    pid[$name]=$!
    # The service writes a byte when it accepts; without one it has said itself what went wrong.
    if ! read -r -t 10 <"$work/$name"; then
        variable=${name%-backend}_PORT
        echo "serve: $name did not start; ${variable^^} sets its port" >&2
        exit 1
    fi
    ready=${EPOCHREALTIME/[.,]/}
    printf 'serve: %-15s http://127.0.0.1:%s  %s bytes, accepting %s µs after its start\n' \
        "$name" "${port[$name]}" "$(stat -c %s "dist/$name")" $((ready - started))
done

cat <<END

Try:
  curl http://127.0.0.1:${port[python-backend]}/v1/models
  curl http://127.0.0.1:${port[python-backend]}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}],"stream":true}'
  curl -i http://127.0.0.1:${port[nodejs-backend]}/api/auth/get-session

Ctrl-C stops both.
END
wait -n || true
if ! $stopping; then
    echo "serve: a backend ended by itself" >&2
    exit 1
fi
until wait; do :; done
