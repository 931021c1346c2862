#!/usr/bin/env bash
# Checks the folder of any Docker Space offline, before the platform does: front matter, Dockerfile, files.
# usage: scripts/lint-space.sh DIR [--by-upload] [--address URL] [--run | --image REF] [--env-file FILE]
#   --by-upload    the folder is sent with 'hf upload', which accepts binaries and large files; plain git does not
#   --address URL  also check the running service there: GET and HEAD /, cookies, framing
#   --run          also build the image and run it like the platform, probe it and stop it (docker or podman)
#   --image REF    run this image instead of building one; --env-file FILE has its variables
# Exit codes: 0 no errors (notes are printed), 1 errors, 2 wrong arguments.
set -euo pipefail
PYTHONPATH=$(cd "$(dirname "$0")" && pwd) PYTHONDONTWRITEBYTECODE=1 exec python3 -m space_lint "$@"
