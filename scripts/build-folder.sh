#!/bin/sh
# Builds a folder's Dockerfile with the engine that is here, behind a proxy too. Images are for x86-64, like Spaces.
# usage: scripts/build-folder.sh [OPTION of 'docker build'...] FOLDER
set -eu

engine=$("$(dirname "$0")/engine.sh")
for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    eval "value=\${$proxy-}"
    [ -z "$value" ] || set -- --build-arg "$proxy" "$@" # by name: the value is not recorded in the image
done
case $engine in
    podman) set -- --format docker "$@" ;; # the OCI format has no health check: podman would drop it
    *) export DOCKER_BUILDKIT=1 ;;
esac
exec "$engine" build --platform=linux/amd64 "$@"
