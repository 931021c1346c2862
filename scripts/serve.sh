#!/bin/sh
# Builds both backends and runs them until Ctrl-C: python-backend on port 7860, nodejs-backend on 7861, only on 127.0.0.1.
# usage: scripts/serve.sh [--containers | --processes] [--site ORIGIN]     (PYTHON_PORT and NODEJS_PORT set other ports)
#   --site ORIGIN   pages of this origin, such as http://127.0.0.1:5173, can sign visitors in and call python-backend for
#                   them; then only signed-in visitors may call it
# The services get no other settings: neither .env files nor your shell's.
# If docker or podman answers and can build and run the images, it runs containers; that needs nothing else on this
# machine. Otherwise it runs ordinary processes, which needs Rust. It prints which it chose and why; --containers or
# --processes forces one. It neither installs nor starts an engine.
set -eu
cd "$(dirname "$0")/.."

with=either site=""
while [ $# -gt 0 ]; do
    case $1 in
        --containers | --processes) with=$1 ;;
        --site)
            site=${2-}
            case $site in
                http*://*/* | *[!a-z0-9:/.-]*) valid=false ;;
                http://?* | https://?*) valid=true ;;
                *) valid=false ;;
            esac
            $valid || { echo "serve: --site needs an origin with http:// or https:// and no slash behind it, such as http://127.0.0.1:5173; got '$site'" >&2; exit 2; }
            shift
            ;;
        -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p;}' "$0"; exit 0 ;;
        *) echo "serve: unknown argument '$1'; valid are: --containers --processes --site ORIGIN" >&2; exit 2 ;;
    esac
    shift
done

port_of() { case $1 in python-backend) echo "${PYTHON_PORT:-7860}" ;; *) echo "${NODEJS_PORT:-7861}" ;; esac }
work=${TMPDIR:-/tmp}/serve.$$
mkdir -m 700 "$work"
started="" # the backends that were started; for each, $work/NAME.ended exists once it has ended

# Send SIGTERM only once, even if Ctrl-C is pressed again: a second signal would cut responses short.
stopping=false
stop() {
    $stopping && return
    stopping=true
    trap '' HUP INT TERM # another Ctrl-C would end the commands of the engine below, and then this shell
    [ -z "$started" ] || printf '\nserve: stopping after the requests in flight\n'
    for it in $started; do
        case $with in
            --containers) "$engine" kill --signal=TERM "$it-$(port_of "$it")" >/dev/null 2>&1 || true ;;
            *) kill -s TERM "$(cat "$work/$it.pid")" 2>/dev/null || true ;;
        esac
    done
}
finish() {
    stop >/dev/null
    [ "$with" != --containers ] || for it in $started; do "$engine" wait "$it-$(port_of "$it")" >/dev/null 2>&1 || true; done
    until wait; do :; done # a signal ends `wait` early
    rm -rf "$work"
}
trap stop HUP INT TERM
trap finish EXIT

# containers: builds both images and checks that the engine runs them; otherwise prints the reason.
containers() {
    engine=$(scripts/engine.sh 2>"$work/why") || return 1
    echo "serve: building images with $engine (the first build takes minutes)"
    scripts/build-image.sh python-backend nodejs-backend || { echo "serve: $engine cannot build the images; if no registry answers, run scripts/engine.sh --start" >&2; return 1; }
    for name in python-backend nodejs-backend; do
        "$engine" run --rm --platform=linux/amd64 "$name:latest" --version || { echo "serve: $engine cannot run $name" >&2; return 1; }
    done
}
has_rust() { command -v bash && { command -v cargo || bash scripts/setup.sh --check build; }; }
if [ "$with" != --processes ] && containers; then
    with=--containers
    echo "serve: running containers, because $engine answers (--processes runs without them)"
elif $stopping || [ "$with" = --containers ]; then
    [ ! -f "$work/why" ] || cat "$work/why" >&2
    exit 1
elif ! has_rust >/dev/null 2>&1; then
    reason=$(cat "$work/why" 2>/dev/null) || true
    echo "${reason:-serve: install Docker (https://docs.docker.com/get-docker/) or podman}; without containers, this needs Linux and Rust (https://rustup.rs)" >&2
    exit 1
else
    [ ! -f "$work/why" ] || cat "$work/why" >&2
    [ "$with" = --processes ] || echo "serve: running ordinary processes, for the reason above"
    with=--processes
    scripts/setup.sh build || echo "serve: trying the build without the missing packages"
    scripts/build.sh python-backend nodejs-backend
fi
$stopping && exit 1

# The services get sessions of their own if `setsid` exists, so that Ctrl-C reaches them only through the trap above.
session=$(command -v setsid) || session=
run() { # run NAME COMMAND...: in the background
    name=$1
    shift
    (
        $session "$@" &
        echo $! >"$work/$name.pid"
        trap '' HUP INT TERM # only here, because the service would inherit it
        wait $! || true
        : >"$work/$name.ended"
    ) &
    started="$started $name"
}
start() { # this machine is not registered at a provider, so nodejs-backend signs in made-up users
    name=$1 port=$(port_of "$1")
    set -- PORT="$port"
    case $name in
        python-backend) set -- "$@" ${site:+"JWT_ISSUER=dev:$nodejs" "JWT_AUDIENCE=$nodejs" "JWT_ALLOW=*"} ;;
        *) set -- "$@" DEV_SIGN_IN=yes "AUTH_URL=$nodejs" ${site:+"TRUSTED_ORIGINS=$site"} ;;
    esac
    if [ "$with" = --processes ]; then
        run "$name" env HOST=127.0.0.1 "$@" "dist/$name"
        return
    fi
    for it in "$@"; do
        set -- "$@" "--env=$it" # at the end, and the old form leaves the front
        shift
    done
    # Both share the network of the first, so that it reaches nodejs-backend under the address that browsers use. The
    # services listen on all addresses of it, and their ports are published only on 127.0.0.1.
    case $name in
        python-backend) set -- "$@" "--publish=127.0.0.1:$port:$port" "--publish=127.0.0.1:$(port_of nodejs-backend):$(port_of nodejs-backend)" ;;
        *) set -- "$@" "--network=container:python-backend-$(port_of python-backend)" ;;
    esac
    run "$name" "$engine" run --rm --sig-proxy=false --platform=linux/amd64 --name="$name-$port" --env=HOST=0.0.0.0 "$@" \
        --read-only --cap-drop=ALL --security-opt=no-new-privileges "$name:latest"
}
ready() { # ready NAME: whether it answers; tries again for 20 seconds while it runs
    tries=20
    until case $with in
        --containers) "$engine" exec "$1-$port" "/$1" healthcheck ;;
        *) HOST=127.0.0.1 PORT=$port "dist/$1" healthcheck ;;
    esac 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] && [ ! -e "$work/$1.ended" ] && ! $stopping || return 1
        sleep 1
    done
    sleep 1
    [ ! -e "$work/$1.ended" ] # otherwise, another program answered on this port, and this one has ended by now
}
python=http://127.0.0.1:$(port_of python-backend) nodejs=http://127.0.0.1:$(port_of nodejs-backend)
for backend in python-backend nodejs-backend; do
    start "$backend"
    if ! ready "$backend"; then
        echo "serve: $backend did not start (if a port is in use, set PYTHON_PORT or NODEJS_PORT)" >&2 # the reason is printed
        exit 1
    fi
    case $with in
        --containers) bytes=$("$engine" image inspect --format '{{.Size}}' "$backend:latest") ;;
        *) bytes=$(wc -c <"dist/$backend") ;;
    esac
    printf 'serve: %-15s http://127.0.0.1:%s  %s bytes\n' "$backend" "$port" "$((bytes))"
done

if [ -n "$site" ]; then
    cat <<END

Pages of $site can use
  $nodejs   to sign visitors in, as any user
  $python   to chat with the model demo, with a token from there
README.md has the code ("Sign-in and inference together").
END
else
    cat <<END

Try:
  curl $python/v1/models
  curl $python/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}],"stream":true}'
  curl -i $nodejs/api/auth/get-session
  open $nodejs/ in a browser and sign in as any user
With --site ORIGIN, a site of yours can use both.
END
fi
printf '\nPress Ctrl-C to stop both.\n'
until $stopping; do
    for it in $started; do
        [ ! -e "$work/$it.ended" ] || ended=$it
    done
    if [ -n "${ended-}" ]; then
        $stopping && break
        echo "serve: $ended has exited" >&2
        exit 1
    fi
    sleep 1 &
    wait $! || true # unlike sleep itself, `wait` returns at once on Ctrl-C
done
