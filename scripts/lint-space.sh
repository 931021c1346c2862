#!/bin/sh
# Checks the folder of any Docker Space offline, before the platform does: front matter, Dockerfile, files.
# usage: scripts/lint-space.sh DIR [--by-upload] [--address URL] [--run | --image REF] [--env-file FILE]
#   --by-upload    the folder is sent with 'hf upload', which accepts binaries and large files; plain git does not
#   --address URL  also check the running service there: GET and HEAD /, cookies, framing
#   --run          also build the image and run it like the platform, probe it and stop it (docker or podman)
#   --image REF    run this image instead of building one; --env-file FILE has its variables
# It uses Python 3.9 or later if this machine has it, otherwise a container. --run and --image require Python here.
# Exit codes: 0 no errors (notes are printed), 1 errors, 2 wrong arguments.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
case " $* " in
    *" --run "* | *" --image "* | *" --image="*) export CONTAINER=no ;; # a container would have to start others
esac
exec "$scripts/python.sh" 9 space_lint "$@"
