#!/usr/bin/env bash
# Prints the container engine to build and run images with: "docker", "/usr/bin/docker" or "podman".
# usage: scripts/engine.sh           only looks; exit status 1 where no engine answers
#        scripts/engine.sh --start   for CI and bare machines (root): installs docker.io where there is no docker,
#                                    starts dockerd, and makes the base image where no registry has it
# ENGINE=docker or ENGINE=podman leaves no choice between the two.
# What it does is told on stderr; stdout is the engine's command alone.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 3>&1 1>&2

suite=bookworm base=debian:bookworm-slim

# A docker client from version 23 on builds through the plugin buildx; one without it cannot, an older one can.
builds() {
    "$1" buildx version >/dev/null 2>&1 && return
    case $("$1" --version 2>/dev/null) in "Docker version "1[89].* | "Docker version "2[0-2].*) ;; *) false ;; esac
}
client() { for it in docker /usr/bin/docker; do ! builds "$it" || { echo "$it"; return; }; done; false; }
find_engine() {
    local docker
    if [ "${ENGINE:-docker}" != podman ] && docker=$(client) && timeout 10 "$docker" info >/dev/null 2>&1; then echo "$docker"
    elif [[ "${ENGINE:-podman}" != *docker ]] && timeout 10 podman info >/dev/null 2>&1; then echo podman
    else false; fi
}

case ${1-} in
    '') find_engine >&3 || { echo "engine: no docker or podman answers here; scripts/engine.sh --start sets one up (root)"; exit 1; }; exit ;;
    # Where both are, a podman that answers may still not run anything (no right to its own limits), and compose needs docker.
    --start) ENGINE=${ENGINE:-docker} ;;
    *) echo "engine: unknown argument '$1'; there is only --start"; exit 2 ;;
esac

if ! engine=$(find_engine); then
    [[ "$ENGINE" = *docker ]] || { echo "engine: podman does not answer; only docker can be started here"; exit 1; }
    scripts/setup.sh engine
    engine=$(client) || { echo "engine: the docker client here cannot build: install docker-buildx, or Debian's docker.io"; exit 1; }
    [ "$(id -u)" -eq 0 ] || { echo "engine: run 'sudo systemctl start docker', or this script as root"; exit 1; }
    mkdir -p .cache
    echo "engine: starting dockerd, log in .cache/dockerd.log"
    setsid nohup dockerd >.cache/dockerd.log 2>&1 3>&- </dev/null &
    for _ in {1..60}; do "$engine" info >/dev/null 2>&1 && break; sleep 0.5; done
    "$engine" info >/dev/null 2>&1 || { echo "engine: dockerd does not answer; its last lines:"; tail -n 5 .cache/dockerd.log; exit 1; }
fi

# The base image: what is here already, else a registry's, else one made from this machine's own apt sources.
bootstrap() {
    local mirror root sources acquire
    # shellcheck disable=SC2016 # apt fills these in, not the shell
    sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep -E " $suite(-updates|-security)? main$" | sort -u) || true
    mirror=$(awk -v suite="$suite" '$3 == suite {print $2; exit}' <<<"$sources")
    [ -n "$mirror" ] || { echo "engine: no registry has $base, and apt has no source for Debian $suite to make it from"; return 1; }
    grep -q -- "$suite-security" <<<"$sources" || echo "engine: apt has no $suite-security; the compiler there may be too old"
    command -v debootstrap >/dev/null || scripts/setup.sh engine
    echo "engine: no registry answers for $base; making it by debootstrap (about a minute)"
    root=$(mktemp -d)
    acquire=$(apt-config dump Acquire | grep -E '^Acquire::(https?::Proxy|Check-)' || true)
    http_proxy=$(sed -n 's/^Acquire::http::Proxy "\(.*\)";/\1/p' <<<"$acquire") \
        debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >.cache/debootstrap.log 2>&1 ||
        { echo "engine: debootstrap failed; its last lines:"; tail -n 5 .cache/debootstrap.log; rm -rf "$root"; return 1; }
    echo "$sources" >"$root/etc/apt/sources.list"
    echo "$acquire" >"$root/etc/apt/apt.conf.d/90from-this-machine"
    # Behind a proxy with a CA of its own, apt and cargo inside a build must trust that too.
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
    tar --numeric-owner -C "$root" -c . | "$engine" import - "$base" >/dev/null
    rm -rf "$root"
}
if "$engine" image inspect "$base" >/dev/null 2>&1; then
    echo "engine: $engine answers, $base is here"
elif timeout 120 "$engine" pull --quiet "$base" >/dev/null 2>&1; then
    echo "engine: $engine answers, pulled $base"
else
    bootstrap
    echo "engine: $engine answers, $base made from this machine's apt sources"
fi
echo "$engine" >&3
