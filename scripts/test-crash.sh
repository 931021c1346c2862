#!/usr/bin/env bash
# Crashes the services under load: the process restarts in place, and only what was in progress in it is lost.
# usage: scripts/test-crash.sh [--faults N]     (default: 1000; requires nginx, and dist/ from scripts/build.sh)
# Faults are signals from kill(2), because no shipped binary has a route that crashes it. Half of them hit processes
# that are called directly, the others three replicas behind nginx (deploy/nginx.conf). dist/probe (scripts/build.sh probe) crashes
# for one of its callers. A process that is not restarted, a refused connection, a leaked descriptor, a growing process, a
# truncated response that looks complete, or a GET or HEAD that is lost behind nginx fails the test.
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
for binary in python-backend nodejs-backend probe; do
    [ -x "dist/$binary" ] || { echo "test-crash: dist/$binary is missing: scripts/build.sh and scripts/build.sh probe" >&2; exit 1; }
done
[ -x /usr/sbin/nginx ] || { echo "test-crash: nginx is missing: scripts/setup.sh test" >&2; exit 1; }
exec python3 scripts/test_crash.py "$@"
