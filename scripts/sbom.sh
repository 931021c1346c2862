#!/usr/bin/env bash
# Writes dist/NAME.cdx.json for each binary of scripts/build.sh: its crates, their licenses and hashes, as CycloneDX.
# usage: scripts/sbom.sh [python-backend|nodejs-backend ...]     (default: both)
set -euo pipefail
case ${1-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
scripts=$(cd "$(dirname "$0")" && pwd)
venv=$scripts/../.cache/venv-sbom pins=$scripts/sbom-requirements.txt
if ! cmp -s "$pins" "$venv/pins"; then # copied last, so that an interrupted installation is repeated
    echo "sbom: installing cyclonedx-python-lib into .cache/venv-sbom"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --no-deps --requirement "$pins"
    cp "$pins" "$venv/pins"
fi
exec "$venv/bin/python" "$scripts/sbom.py" "$@"
