#!/usr/bin/env bash
# Checks the folder of any Docker Space before the platform does, offline: front matter, Dockerfile, files.
# usage: scripts/lint-space.sh DIR [--by-upload] [--address URL] [--run | --image REF] [--env-file FILE]
#   --by-upload    the folder goes by 'hf upload', which takes binaries and large files; plain git does not
#   --address URL  also asks the running service there: GET and HEAD /, cookies, framing
#   --run          also builds the image, runs it as the platform does, asks it and ends it (docker or podman)
#   --image REF    runs this one instead of building one; --env-file FILE has variables for either
# Exit status: 0 no errors (notes are told), 1 errors, 2 unusable arguments.
set -euo pipefail
PYTHONPATH=$(cd "$(dirname "$0")" && pwd) PYTHONDONTWRITEBYTECODE=1 exec python3 -m space_lint "$@"
