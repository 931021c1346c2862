#!/bin/sh
# Prints the command of the container engine that builds and runs images: "docker", "/usr/bin/docker" or "podman".
# usage: scripts/engine.sh           only search; exit code 1 if no engine answers
#        scripts/engine.sh --start   for CI and bare machines (root, Debian): install docker.io if docker is missing,
#                                    start dockerd, and create the base image if no registry has it
# ENGINE=docker or ENGINE=podman forces one of the two.
# Messages go to stderr; stdout has only the command.
set -eu
cd "$(dirname "$0")/.."
exec 3>&1 1>&2

suite=bookworm base=debian:bookworm-slim

# within SECONDS COMMAND...: like `timeout`, which macOS does not have.
within() (
    seconds=$1
    shift
    "$@" 3>&- &
    command=$!
    (
        trap 'kill $timer' TERM
        sleep "$seconds" &
        timer=$!
        wait $timer && kill $command
    ) >/dev/null 2>&1 3>&- &
    watch=$!
    status=0
    wait $command || status=$?
    kill $watch 2>/dev/null || true
    return $status
)
# A docker client can build if it has the plugin buildx or is older than version 23, which made the plugin mandatory.
builds() {
    "$1" buildx version >/dev/null 2>&1 && return
    case $("$1" --version 2>/dev/null) in "Docker version "1[89].* | "Docker version "2[0-2].*) ;; *) return 1 ;; esac
}
client() {
    for it in docker /usr/bin/docker; do ! builds "$it" || { echo "$it"; return; }; done
    return 1
}
find_engine() {
    case ${ENGINE:-docker} in
        podman) ;;
        *) if docker=$(client) && within 10 "$docker" info >/dev/null 2>&1; then echo "$docker"; return; fi ;;
    esac
    case ${ENGINE:-podman} in
        *docker) return 1 ;;
        *) within 10 podman info >/dev/null 2>&1 && echo podman ;;
    esac
}
# why: says in one sentence what to do, because no engine answers.
why() {
    engine='' debian=''
    [ ! -f /etc/debian_version ] || debian='. On a Debian without systemd, scripts/engine.sh --start as root installs and starts docker'
    case ${ENGINE:-docker} in
        podman) ;;
        *)
            if ! engine=$(client) && { command -v docker || command -v /usr/bin/docker; } >/dev/null; then
                echo "engine: this docker cannot build images; install its plugin buildx (https://docs.docker.com/go/buildx/)$debian"
                return
            fi
            ;;
    esac
    [ -n "$engine" ] || ! command -v podman >/dev/null || engine=podman
    if [ -z "$engine" ]; then
        echo "engine: install Docker (https://docs.docker.com/get-docker/) or podman; there is neither on this machine$debian"
    else
        said=$(within 10 "$engine" info 2>&1 | grep -i -e cannot -e denied -e error | head -n 1) || true
        echo "engine: $engine does not answer; start it (Docker Desktop, or sudo systemctl start docker): ${said:-no answer within 10 seconds}"
    fi
}

case ${1-} in
    '') find_engine >&3 || { why; exit 1; }; exit ;;
    # Prefer docker: podman can answer and still run nothing (if it may not set its own limits), and compose needs docker.
    --start) ENGINE=${ENGINE:-docker} ;;
    *) echo "engine: unknown argument '$1'; the only one is --start"; exit 2 ;;
esac

if ! engine=$(find_engine); then
    case $ENGINE in *docker) ;; *) echo "engine: podman does not answer, and this script can only start docker"; exit 1 ;; esac
    scripts/setup.sh engine
    engine=$(client) || { echo "engine: this docker client cannot build; install docker-buildx, or Debian's docker.io"; exit 1; }
    [ "$(id -u)" -eq 0 ] || { echo "engine: run 'sudo systemctl start docker', or this script as root"; exit 1; }
    mkdir -p .cache
    echo "engine: starting dockerd, log in .cache/dockerd.log"
    setsid nohup dockerd >.cache/dockerd.log 2>&1 3>&- </dev/null &
    tries=60
    until "$engine" info >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "engine: dockerd does not answer; its last lines:"; tail -n 5 .cache/dockerd.log; exit 1; }
        sleep 1
    done
fi

# The base image: a local one, otherwise a registry's, otherwise one made from this machine's apt sources.
bootstrap() {
    # shellcheck disable=SC2016 # apt expands these instead of the shell
    sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep -E " $suite(-updates|-security)? main$" | sort -u) || true
    mirror=$(echo "$sources" | awk -v suite="$suite" '$3 == suite {print $2; exit}')
    [ -n "$mirror" ] || { echo "engine: no registry has $base, and apt has no source for Debian $suite to make it from"; return 1; }
    echo "$sources" | grep -q -- "$suite-security" || echo "engine: apt has no $suite-security, so the compiler can be too old"
    command -v debootstrap >/dev/null || scripts/setup.sh engine
    echo "engine: no registry answers for $base; creating it with debootstrap (about a minute)"
    root=$(mktemp -d)
    acquire=$(apt-config dump Acquire | grep -E '^Acquire::(https?::Proxy|Check-)' || true)
    http_proxy=$(echo "$acquire" | sed -n 's/^Acquire::http::Proxy "\(.*\)";/\1/p') \
        debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >.cache/debootstrap.log 2>&1 ||
        { echo "engine: debootstrap failed; its last lines:"; tail -n 5 .cache/debootstrap.log; rm -rf "$root"; return 1; }
    echo "$sources" >"$root/etc/apt/sources.list"
    echo "$acquire" >"$root/etc/apt/apt.conf.d/90from-this-machine"
    # Behind a proxy with its own CA, apt and cargo inside a build must trust that CA.
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
    mkdir "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
    tar --numeric-owner -C "$root" -c . | "$engine" import - "$base" >/dev/null
    rm -rf "$root"
}
if "$engine" image inspect "$base" >/dev/null 2>&1; then
    echo "engine: $engine answers, $base exists"
elif timeout 120 "$engine" pull --quiet "$base" >/dev/null 2>&1; then
    echo "engine: $engine answers, pulled $base"
else
    bootstrap
    echo "engine: $engine answers, $base made from this machine's apt sources"
fi
echo "$engine" >&3
