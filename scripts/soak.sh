#!/usr/bin/env bash
# Mixes good traffic with bad callers, failing upstreams, restarts and crashes, and checks every response.
# usage: scripts/soak.sh [HOURS] [--only traffic|container] [--record]     (default: ten minutes; requires nginx and dist/)
# traffic: three gateways behind nginx, a gateway and a sign-in service that are called directly, three upstreams that fail in
#   turn and an OpenID provider. First only good callers, then bad ones too, then again only good ones. A good request that
#   fails, a wrong or incomplete response, another rejection than ARCHITECTURE.md lists, a hang, a leaked descriptor or
#   connection, kept memory or another process after a crash fails the test. docs/decisions/hostile-peers.md says what a good
#   caller may lose in a crash. The p99 with the attack beside that without it is reported, and is no failure.
# container: fills both services in containers with the memory of compose.yaml until every limit is reached at once. It is
#   skipped, with the reason, without an engine or images (scripts/build-image.sh).
# One hour or more, or --record, writes the report to benches/record.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
for binary in python-backend nodejs-backend; do
    [ -x "dist/$binary" ] || { echo "soak: dist/$binary is missing: scripts/build.sh" >&2; exit 1; }
done
[ -x /usr/sbin/nginx ] || { echo "soak: nginx is missing: scripts/setup.sh test" >&2; exit 1; }
PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1 exec python3 -m soak "$@"
