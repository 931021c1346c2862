#!/usr/bin/env bash
# Creates today's folder for records of this kind of machine, benches/record/DATE-CPU, and prints its path.
# The name has the processor and the number of CPUs, and nothing that identifies the machine.
set -euo pipefail
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1 | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' - | sed 's/^-*//; s/-*$//')
folder=$(cd "$(dirname "$0")/.." && pwd)/benches/record/$(date -u +%F)-${cpu:-unknown}-$(nproc)
mkdir -p "$folder"
echo "$folder"
