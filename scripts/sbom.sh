#!/usr/bin/env bash
# Writes dist/NAME.cdx.json for each binary of scripts/build.sh: its crates, their licenses and hashes, as CycloneDX.
# usage: scripts/sbom.sh [python-backend|nodejs-backend ...]     (default: both)
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
scripts=$(cd "$(dirname "$0")" && pwd)
python=$("$scripts/venv.sh" sbom "$scripts/sbom-requirements.txt")
exec "$python" "$scripts/sbom.py" "$@"
