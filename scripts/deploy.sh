#!/usr/bin/env bash
# Puts a backend on a Docker Space and waits until it answers there. Running it again changes only what differs.
# usage: scripts/deploy.sh BACKEND OWNER/SPACE [--image REF@sha256:… | --binary] [--dry-run]    (--help lists more)
# The token is that of 'hf auth login', or HF_TOKEN. No value of a .env file is ever an argument or printed.
# Exit status: 0 it answers, 1 the platform refused or failed, 2 nothing was sent.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
python=python3
case " $* " in
    *" --dry-run "* | *" --help "* | *" -h "*) ;; # these need no client
    *)
        venv=$scripts/../.cache/venv-deploy pins=$scripts/space_deploy/requirements.txt
        if ! cmp -s "$pins" "$venv/pins"; then # the last step, so that an interrupted one is repeated
            echo "deploy: installing the Hub's client into .cache/venv-deploy"
            python3 -m venv --clear "$venv"
            "$venv/bin/pip" install --quiet --no-deps --requirement "$pins"
            cp "$pins" "$venv/pins"
        fi
        python=$venv/bin/python
        ;;
esac
PYTHONPATH=$scripts PYTHONDONTWRITEBYTECODE=1 exec "$python" -m space_deploy "$@"
