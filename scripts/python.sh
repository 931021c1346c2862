#!/bin/sh
# Runs a Python module of this folder with this machine's Python, or in a container if Python is missing or too old.
# usage: scripts/python.sh MINOR MODULE ARGUMENT...        (it requires Python 3.MINOR)
# From 3.11 on, the module also gets the packages of MODULE/requirements.txt; the Hub's client does not install on
# older versions. CONTAINER=yes always uses a container, CONTAINER=no never.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
minor=$1 module=$2
shift 2

needs="sys.version_info >= (3, $minor)"
packages=$scripts/$module/requirements.txt
if [ "$minor" -ge 11 ]; then imports="sys, ensurepip, venv"; else imports=sys packages=; fi
# A module of the same name in the current folder, which can be a stranger's Space, must not be imported. Python has -P for this from 3.11 on.
own="import sys; sys.path = [it for it in sys.path if it]"
start="$own; import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
has_python() { [ "${CONTAINER:-}" != yes ] && python3 -c "$own; import $imports; sys.exit(not $needs)" >/dev/null 2>&1; }
export PYTHONPATH="$scripts" PYTHONDONTWRITEBYTECODE=1
if has_python; then
    python=python3
    [ -z "$packages" ] || python=$("$scripts/venv.sh" "${module#space_}" "$packages")
    exec "$python" -c "$start" "$module" "$@"
fi

name=$(echo "$module" | sed 's/^space_\(.*\)/\1/')
missing="$name: this needs Python 3.$minor or later"
[ "$minor" -lt 11 ] || missing="$missing with venv (Debian: python3-venv)"
[ "${CONTAINER:-}" != no ] || { echo "$missing; it cannot run in a container, because it starts containers itself" >&2; exit 2; }
engine=$("$scripts/engine.sh" 2>/dev/null) || { echo "$missing, or Docker or podman; install one of them (https://docs.docker.com/get-docker/)" >&2; exit 2; }

# The image has Python, the Hub's client, and git, which tells the linter what a push would send. Later builds take a second, because the engine keeps the layers.
"$engine" image inspect space-python:latest >/dev/null 2>&1 ||
    echo "$name: building the image space-python once, because this machine has no Python 3.$minor (a minute or more)" >&2
work=${TMPDIR:-/tmp}/space-python.$$
mkdir -m 700 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cp "$scripts/space_deploy/requirements.txt" "$work/"
cat >"$work/Dockerfile" <<'END'
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install --yes -q --no-install-recommends ca-certificates git python3 python3-venv && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /
RUN python3 -m venv /venv && /venv/bin/pip install --quiet --no-deps --requirement /requirements.txt
ENTRYPOINT ["/venv/bin/python"]
END
"$scripts/build-folder.sh" --quiet --tag space-python:latest "$work" >/dev/null ||
    { echo "$name: cannot build the image space-python (see above)" >&2; exit 2; }
rm -rf "$work"
trap - EXIT HUP INT TERM

# Paths are the same inside: the repository, the current folder, the temporary one, and each argument that is a path.
root=$(cd "$scripts/.." && pwd) here=$(pwd) temporary=$(cd "${TMPDIR:-/tmp}" && pwd)
arguments=$#
set -- "$@" run --rm
mounted=$temporary
# mount PATH: sets `mount` to the option for a path that is not mounted yet, otherwise to nothing.
mount() {
    mount=
    case ":$mounted:" in *":$1:"*) return ;; esac
    mount=--volume=$1:$1:ro mounted=$mounted:$1
}
for path in "$root" "$here" "$@"; do
    path=${path#--*=}
    case $path in -* | "") continue ;; esac
    [ -e "$path" ] || continue
    if [ -d "$path" ]; then path=$(cd "$path" && pwd); else path=$(cd "$(dirname "$path")" && pwd)/$(basename "$path"); fi
    mount "$path"
    [ -z "$mount" ] || set -- "$@" "$mount"
done
set -- "$@" --network=host --security-opt=label=disable --platform=linux/amd64 --workdir="$here" \
    --volume="$temporary:$temporary" --env="TMPDIR=$temporary" --env=HOME=/tmp --env=PYTHONPATH --env=PYTHONDONTWRITEBYTECODE
case $engine in
    podman) ;; # without root, its user 0 is the user of this machine
    *) set -- "$@" --user="$(id -u):$(id -g)" ;;
esac
if [ "$module" = space_deploy ]; then # by name: the values are not arguments
    for variable in HF_TOKEN HF_ENDPOINT HF_OIDC_RESOURCE GITHUB_ACTIONS ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL \
        http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        set -- "$@" --env="$variable"
    done
    token=${HF_TOKEN_PATH:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/token} # where 'hf auth login' writes it
    [ ! -f "$token" ] || set -- "$@" --volume="$token:/run/hf-token:ro" --env=HF_TOKEN_PATH=/run/hf-token
fi
set -- "$@" space-python:latest -c "$start" "$module"
while [ "$arguments" -gt 0 ]; do # the arguments came first; move them behind the module's name
    argument=$1
    shift
    set -- "$@" "$argument"
    arguments=$((arguments - 1))
done
exec "$engine" "$@"
