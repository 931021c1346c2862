#!/bin/sh
# Creates the virtual environment .cache/venv-NAME with pinned packages, unless it already has exactly these.
# usage: scripts/venv.sh NAME REQUIREMENTS       (prints the path of its Python; messages go to stderr)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -eq 2 ] || { echo "venv: needs NAME and REQUIREMENTS" >&2; exit 2; }

venv=$root/.cache/venv-$1
if ! cmp -s "$2" "$venv/pins"; then
    echo "venv: installing the packages of $2 into .cache/venv-$1" >&2
    python3 -I -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --no-deps --requirement "$2" >&2
    cp "$2" "$venv/pins" # last, so that an interrupted installation is repeated
fi
echo "$venv/bin/python"
