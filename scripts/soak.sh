#!/usr/bin/env bash
# Mixes good traffic with bad callers, failing upstreams, restarts and crashes, and checks every response.
# usage: scripts/soak.sh [HOURS] [--record]     (default: ten minutes; requires nginx and dist/)
set -euo pipefail
cd "$(dirname "$0")/.."
for binary in python-backend nodejs-backend; do
    [ -x "dist/$binary" ] || { echo "soak: dist/$binary is missing: scripts/build.sh" >&2; exit 1; }
done
[ -x /usr/sbin/nginx ] || { echo "soak: nginx is missing: scripts/setup.sh test" >&2; exit 1; }
PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1 exec python3 -m soak "$@"
