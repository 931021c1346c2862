#!/usr/bin/env bash
# Runs compose.yaml with the local images and sends requests to both services. Build them with scripts/build-image.sh.
# usage: scripts/test-compose.sh       (only docker, with its plugin compose or Debian's docker-compose)
set -euo pipefail
cd "$(dirname "$0")/.."

engine=$(scripts/engine.sh)
if "$engine" compose version >/dev/null 2>&1; then compose=("$engine" compose)
elif command -v docker-compose >/dev/null; then compose=(docker-compose)
else echo "compose: neither '$engine compose' nor docker-compose is installed" >&2; exit 1; fi
export COMPOSE_PROJECT_NAME=space-test-$$ PYTHON_PORT=0 NODEJS_PORT=0 # 0: any free port
work=$(mktemp -d)
export PYTHON_ENV=$work/python.env NODEJS_ENV=$work/nodejs.env # not the settings of whoever runs this
token=a-token-that-only-this-test-knows
printf '%s\n' "METRICS_TOKEN=$token" RATE_LIMIT=7/min HOST=127.0.0.1 PORT=9 >"$PYTHON_ENV"
printf '%s\n' "METRICS_TOKEN=$token" DEV_SIGN_IN=yes AUTH_URL=http://127.0.0.1:7861 HOST=127.0.0.1 >"$NODEJS_ENV"
finish() { "${compose[@]}" down --timeout 5 >"$work/down" 2>&1 || cat "$work/down" >&2; rm -rf "$work"; }
trap finish EXIT

"${compose[@]}" up --detach
failed=0
for name in $("${compose[@]}" config --services); do
    id=$("${compose[@]}" ps -q "$name")
    # The result of the image's health check, from the engine's events. --since includes past ones.
    read -r health < <(timeout 60 "$engine" events --since "$("$engine" inspect --format '{{.Created}}' "$id")" \
        --filter "container=$id" --filter event=health_status --format '{{.Status}}' || true) || health=none
    address=http://$("$engine" port "$id" 7860/tcp | head -n 1)
    limits=$("$engine" inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{if .HostConfig.Memory}}memory{{end}} {{if .HostConfig.PidsLimit}}processes{{end}}' "$id")
    body=$(curl --silent --show-error --fail --max-time 10 "$address/health") || failed=1
    scraped=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "authorization: Bearer $token" "$address/metrics") || true
    echo "compose: $name is ${health#health_status: } at $address, read-only, dropped capabilities, limits: $limits, $body, /metrics with the token of its file: $scraped"
    [ "${health#health_status: }" = healthy ] && [ "$limits" = "true [ALL] memory processes" ] && [ "$scraped" = 200 ] || failed=1
    scripts/lint-space.sh "$name" --address "$address/" >"$work/lint" || true
    ! grep -E ' error (ready|framed|cookie):' "$work/lint" || failed=1
done
exit $failed
