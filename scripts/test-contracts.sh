#!/usr/bin/env bash
# Tests both services of dist/ against their contracts: schemathesis generates valid and invalid requests from
# /openapi.json. No response may be a 5xx or violate the contract.
# usage: scripts/test-contracts.sh [SEED]       (same seed, same requests; default 7860)
set -euo pipefail
cd "$(dirname "$0")/.."

seed=${1:-7860} examples=200 longest=180s
python=$(scripts/venv.sh schemathesis specs/001-huggingface-backends/contracts/schemathesis.txt)
schemathesis=${python%/*}/schemathesis

work=$(mktemp -d)
pid=''
finish() { [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT

# Its default list of rejections lacks 413, for a body that is both invalid and longer than the limit.
cat >"$work/schemathesis.toml" <<'END'
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
END

failed=0
for name in *-backend; do
    mkfifo "$work/$name"
    # nodejs-backend requires a provider or DEV_SIGN_IN.
    DEV_SIGN_IN=yes AUTH_URL=http://127.0.0.1:7861 SIGN_IN_RATE=1000000/s \
        HOST=127.0.0.1 PORT=0 LOG_FORMAT=json DEMO_DELAY=0 "dist/$name" 2>"$work/$name" &
    pid=$!
    exec {log}<"$work/$name"
    address=''
    while [ -z "$address" ] && read -r -t 10 -u "$log" line; do
        address=$(sed -n 's/.*"message":"listening".*"address":"\([^"]*\)".*/\1/p' <<<"$line")
    done
    [ -n "$address" ] || { echo "contracts: $name did not log its address" >&2; exit 1; }
    cat <&"$log" >"$work/$name.log" & # read the log to its end, because a full pipe would block the service
    reader=$!
    exec {log}<&-

    echo "contracts: $name, seed $seed, at most $examples examples of each operation"
    # In a fresh folder, because schemathesis replays requests of earlier runs that it finds, regardless of the seed.
    (cd "$work" && timeout "$longest" "$schemathesis" --no-color run "http://$address/openapi.json" --seed "$seed" \
        --max-examples "$examples" --generation-database none --checks all --output-sanitize false) || failed=1
    kill -TERM "$pid"
    wait "$pid" || { echo "contracts: $name exited with status $?" >&2; failed=1; }
    pid=''
    wait "$reader"
    if grep -E '"(level":"error|message":"panic)"' "$work/$name.log"; then
        echo "contracts: $name logged an error" >&2
        failed=1
    fi
done
exit $failed
