#!/usr/bin/env python3
"""Gates what a start costs: system calls and page faults until the first response, the best of five warm starts.

usage: scripts/test-start.py [--check] [NAME=FILE ...]      (default: both backends in dist/)
  --check   only reports whether they can be counted here: exit status 1 and the reason if not
The bounds are the gates of benches/goals.toml, and the harness counts (benches/README.md says how). Counts have little
noise, so a busy machine does not decide: of five starts one is undisturbed.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
STARTS = 5
METRICS = {
    "syscalls-to-first-answer": ("system calls", lambda variant: variant["syscalls"]["measured"]["to_first_answer"]),
    "page-faults": ("page faults", lambda variant: variant["memory"]["measured"]["page_faults"]),
}


def cannot():
    """Why nothing can be counted here, or None."""
    if not shutil.which("strace"):
        return "strace is not installed: scripts/setup.sh measure"
    traced = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return f"strace is not permitted: {traced.stderr.strip()}" if traced.returncode else None


def gates():
    rows = tomllib.loads((ROOT / "benches/goals.toml").read_text())["row"]
    found = {row["metric"]: row["gate"] for row in rows if row["metric"] in METRICS and "gate" in row}
    if found.keys() != METRICS.keys():
        sys.exit(f"test-start: benches/goals.toml has no gate for {', '.join(METRICS.keys() - found.keys())}")
    return found


def starts(binaries):
    """The harness's figures of each binary, once for each start."""
    control = ROOT / ".cache/c-control"
    subprocess.run([ROOT / "benches/control/build.sh", control], check=True)
    harness = ["cargo", "run", "--quiet", "--locked", "--manifest-path", ROOT / "benches/Cargo.toml", "--bin", "coldstart", "--"]
    options = ["--control", control, "--source", ROOT, "--env", "DEV_SIGN_IN=yes", "--runs", "2", "--settle", "0"]
    for binary in binaries:
        options += ["--binary", binary]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(STARTS):
            file = pathlib.Path(folder, "start.json")
            subprocess.run([*harness, *options, "--json", file], check=True, stdout=subprocess.DEVNULL)
            yield json.loads(file.read_text())["variants"]


def main():
    reason = cannot()
    if "--check" in sys.argv[1:]:
        print(reason or "strace works here")
        sys.exit(1 if reason else 0)
    if reason:
        sys.exit(f"test-start: {reason}")
    binaries = sys.argv[1:] or [f"{name}={ROOT / 'dist' / name}" for name in ("python-backend", "nodejs-backend")]
    bounds, best = gates(), {}
    for variants in starts(binaries):
        for variant in variants:
            for metric, (_, figure) in METRICS.items():
                key = variant["name"], metric
                best[key] = min(best.get(key, 1 << 30), figure(variant))
    missed = 0
    for name in (binary.split("=")[0] for binary in binaries):
        for metric, (title, _) in METRICS.items():
            seen, bound = best[name, metric], bounds[metric]
            missed += seen > bound
            print(f"{name}: {seen} {title}, gate {bound}{' MISSED' if seen > bound else ''}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
