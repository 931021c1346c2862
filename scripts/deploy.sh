#!/usr/bin/env bash
# Deploys a backend to a Docker Space and waits until it answers there. Running it again changes only what differs.
# usage: scripts/deploy.sh BACKEND OWNER/SPACE [--image REF@sha256:… | --binary] [--dry-run]    (--help lists all)
# The token comes from 'hf auth login' or HF_TOKEN. Values of a .env file are never printed or passed as arguments.
# Exit codes: 0 the service answers, 1 the platform rejected the deployment or failed, 2 nothing was sent.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
python=python3
case " $* " in
    *" --dry-run "* | *" --help "* | *" -h "*) ;; # these work without the client
    *)
        venv=$scripts/../.cache/venv-deploy pins=$scripts/space_deploy/requirements.txt
        if ! cmp -s "$pins" "$venv/pins"; then # copied last, so that an interrupted installation is repeated
            echo "deploy: installing the Hub's client into .cache/venv-deploy"
            python3 -m venv --clear "$venv"
            "$venv/bin/pip" install --quiet --no-deps --requirement "$pins"
            cp "$pins" "$venv/pins"
        fi
        python=$venv/bin/python
        ;;
esac
PYTHONPATH=$scripts PYTHONDONTWRITEBYTECODE=1 exec "$python" -m space_deploy "$@"
