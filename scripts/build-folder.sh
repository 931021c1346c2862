#!/usr/bin/env bash
# Builds a folder's Dockerfile with the engine that is here, behind a proxy too.
# usage: scripts/build-folder.sh [OPTION of 'docker build'...] FOLDER
set -euo pipefail

engine=$("$(dirname "$0")/engine.sh")
options=()
case $engine in
    podman) options+=(--format docker) ;; # the OCI format has no health check: podman would drop it
    *) export DOCKER_BUILDKIT=1 ;;
esac
for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!proxy-}" ] || options+=(--build-arg "$proxy") # by name: the value is not recorded in the image
done
exec "$engine" build "${options[@]}" "$@"
