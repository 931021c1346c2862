"""The command line of scripts/soak.sh."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from measure_load import host  # noqa: E402
from soak import traffic_run  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak.sh")
    parser.add_argument("hours", nargs="?", type=float, default=1 / 6, metavar="HOURS")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    machine, failed = host.describe(ROOT), []
    parts, began = [], time.time()
    text, problems = traffic_run.run(options.hours * 3600)
    parts.append(text)
    failed += problems
    machine["load_after"] = host.load()
    verdict = "FAILED:\n  " + "\n  ".join(failed) if failed else "no failure"
    report = "\n\n".join([host.text(machine) + f"\narguments: {' '.join(sys.argv[1:])}", *parts, f"{time.time() - began:.0f} s; {verdict}"])
    print(report.replace(str(ROOT), "."), flush=True)
    if options.record or options.hours >= 1:
        folder = subprocess.run([ROOT / "scripts/record-folder.sh"], check=True, capture_output=True, text=True).stdout.strip()
        (Path(folder) / "soak.txt").write_text(report.replace(str(ROOT), ".") + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
