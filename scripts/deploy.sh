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
    *) python=$("$scripts/venv.sh" deploy "$scripts/space_deploy/requirements.txt") ;;
esac
PYTHONPATH=$scripts PYTHONDONTWRITEBYTECODE=1 exec "$python" -m space_deploy "$@"
