#!/bin/sh
# Deploys a backend to a Docker Space and waits until it answers there. Running it again changes only what differs.
# usage: scripts/deploy.sh BACKEND OWNER/SPACE [--image REF@sha256:… | --binary] [--dry-run]    (--help lists all)
# The token comes from 'hf auth login' or HF_TOKEN. Values of a .env file are never printed or passed as arguments.
# It uses Python 3.11 or later if this machine has it (3.9 for --dry-run), otherwise a container.
# Exit codes: 0 the service answers, 1 the platform rejected the deployment or failed, 2 nothing was sent.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
case " $* " in
    *" --dry-run "* | *" --help "* | *" -h "*) exec "$scripts/python.sh" 9 space_deploy "$@" ;; # without the Hub's client
esac
exec "$scripts/python.sh" 11 space_deploy "$@"
