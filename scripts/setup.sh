#!/usr/bin/env bash
# Installs the missing packages on a Debian 12 machine, and prints them first. Running it again changes nothing.
# usage: scripts/setup.sh [--check] [build] [test] [browsers] [proxies] [deny] [peers] [measure] [operations] [engine]     (default: build)
#   build    Debian's compiler packages for the static binaries; cargo-auditable in .cache/tools
#   test     what scripts/test.sh needs in addition to cargo
#   browsers Firefox, WebKitGTK and a virtual screen, for the sign-in's browser table
#   proxies  HAProxy and Caddy, for scripts/test-proxies.py
#   deny     cargo-deny in .cache/tools
#   peers    what scripts/peers.sh needs in addition to cargo
#   measure  what the measuring scripts need in addition: wrk, strace, valgrind
#   operations  Debian's prometheus: promtool, which checks metrics and alert rules, and the server, which systemd starts on port 9090
#   engine   a container engine, compose and debootstrap; scripts/engine.sh starts the engine
#   --check  only report what is missing; exit code 1 if anything is
# It does not change your rustup: the build runs Debian's compiler as /usr/bin/rustc, and the tools go to .cache/.
set -euo pipefail
cd "$(dirname "$0")/.."

auditable=0.7.7 # embeds the dependency list in each binary, for image scanners
deny=0.20.2     # checks licenses, duplicates and sources of the shipped crates
oldest=1.88     # rust-version in Cargo.toml

check=false groups=()
for arg in "$@"; do
    case $arg in
        --check) check=true ;;
        build | test | browsers | proxies | deny | peers | measure | operations | engine) groups+=("$arg") ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;;
        *) echo "setup: unknown argument '$arg'; valid are: --check build test browsers proxies deny peers measure operations engine" >&2; exit 2 ;;
    esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build)

# need PACKAGE TEST...: adds the package to the list if the test fails.
packages=() tools=()
need() { "${@:2}" >/dev/null 2>&1 || packages+=("$1"); }
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
for group in "${groups[@]}"; do
    case $group in
        build)
            for package in rustc-web cargo-web rust-web-src musl-tools; do need "$package" installed "$package"; done
            need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
            [ -x .cache/tools/bin/cargo-auditable ] || tools+=("cargo-auditable@$auditable")
            ;;
        deny) [ -x .cache/tools/bin/cargo-deny ] || tools+=("cargo-deny@$deny") ;;
        test)
            need curl command -v curl
            need python3-venv python3 -c 'import ensurepip, venv'
            need npm command -v npm
            need openssl command -v openssl
            need chromium command -v chromium
            need nginx-light test -x /usr/sbin/nginx
            need shellcheck command -v shellcheck
            need devscripts command -v checkbashisms
            need posh command -v posh
            need busybox command -v busybox
            need iproute2 command -v ip
            ;;
        browsers)
            need firefox-esr command -v firefox-esr
            need webkit2gtk-driver command -v WebKitWebDriver
            need xvfb command -v Xvfb
            ;;
        proxies)
            need nginx-light test -x /usr/sbin/nginx
            need haproxy test -x /usr/sbin/haproxy
            need caddy command -v caddy
            ;;
        peers)
            need python3-venv /usr/bin/python3 -c 'import ensurepip, venv'
            need npm command -v npm
            need openssl command -v openssl
            need nginx-light test -x /usr/sbin/nginx
            need golang-go command -v go
            ;;
        measure)
            need wrk command -v wrk
            need strace command -v strace
            need valgrind command -v valgrind
            ;;
        operations) need prometheus command -v promtool ;;
        engine)
            need docker.io command -v dockerd
            need debootstrap command -v debootstrap
            docker compose version >/dev/null 2>&1 || need docker-compose command -v docker-compose
            ;;
    esac
done

too_old() { # whether this version of rustc-web is too old; prints what to do
    dpkg --compare-versions "$1" lt "$oldest" || return 1
    echo "setup: rustc-web $1 is older than $oldest: enable the suites bookworm-updates and bookworm-security in apt" >&2
}
if [[ " ${groups[*]} " == *" build "* ]] && installed rustc-web; then
    ! too_old "$(dpkg-query -W -f '${Version}' rustc-web)" || exit 1
fi

missing=("${packages[@]}" "${tools[@]}")
if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: nothing is missing for ${groups[*]}"
    exit 0
fi
echo "setup: missing for ${groups[*]}: ${missing[*]}"
! $check || exit 1

if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || { echo "setup: this machine has no apt-get; install the equivalents of: ${packages[*]}" >&2; exit 1; }
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
        if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && ! [ -t 0 ]; }; then
            printf 'setup: installing packages requires root. Run these as root, then this script again:\n  %s\n  %s\n' \
                "apt-get update" "apt-get install --yes --no-install-recommends ${packages[*]}" >&2
            exit 1
        fi
    fi
    echo "setup: apt-get installs ${packages[*]} and their dependencies"
    "${as_root[@]}" apt-get update -q
    if [[ " ${packages[*]} " == *" rustc-web "* ]]; then
        candidate=$(LC_ALL=C apt-cache policy rustc-web | sed -n 's/^ *Candidate: //p')
        [ -n "$candidate" ] || { echo "setup: apt has no rustc-web (Debian 12 has it); a rustup musl target can also build" >&2; exit 1; }
        ! too_old "$candidate" || exit 1
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes -q -o Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}"
fi

for tool in "${tools[@]}"; do
    echo "setup: cargo installs $tool into .cache/tools (a minute or two)"
    rustc=/usr/bin/rustc cargo=/usr/bin/cargo
    [ -x "$cargo" ] || { rustc=rustc cargo=cargo; }
    # Unoptimised, because that halves the compile time and the tool runs only briefly.
    env -u RUSTFLAGS RUSTC="$rustc" CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=symbols \
        CARGO_TARGET_DIR="$PWD/.cache/tools-target" "$cargo" install \
        --locked --debug --quiet --no-default-features --root .cache/tools "$tool"
    rm -rf .cache/tools-target
done
echo "setup: ready for ${groups[*]}"
