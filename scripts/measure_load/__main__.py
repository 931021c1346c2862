"""The command line of scripts/measure-load.sh."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from . import generators, goals, host, measurements, report, translated
from .run import Run
from .server import Server
from .subjects import PEERS, ROOT, UPSTREAM, Subjects, service
from .targets import TARGETS

PARTS = {**{target: lambda run, target=target: measurements.closed(run, target) for target in TARGETS},
         "rate": measurements.rate, "idle": measurements.idle, "streams": measurements.streams,
         "translated": translated.measure, "endurance": measurements.endurance}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/measure-load.sh", description="Measures requests, idle connections, event streams and memory of both backends and their peers in one run. Only ratios within one run are meaningful.")
    parser.add_argument("--quick", action="store_true", help="rough figures in about two minutes: fewer connections, one round, three peers")
    parser.add_argument("--only", metavar="PART,…", default=",".join(PARTS), help=f"measure only these parts: {', '.join(PARTS)}")
    parser.add_argument("--peers", metavar="NAME,…", help=f"measure only these peers: {', '.join(PEERS)}, or none (default: all; with --quick the first three)")
    parser.add_argument("--also", metavar="NAME=FILE", action="append", default=[], help="also measure another build: python-backend.old=FILE or nodejs-backend.old=FILE")
    parser.add_argument("--seconds", type=int, help="duration of each measurement (5)")
    parser.add_argument("--rounds", type=int, help="number of rounds; the report shows their median (3)")
    parser.add_argument("--rate", type=int, help="requests per second of the open loop (2000)")
    parser.add_argument("--json", metavar="FILE", help="write all rows with their rounds, and a description of the machine")
    parser.add_argument("--record", action="store_true", help="write the printed report to benches/record")
    parser.add_argument("--steady", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - PARTS.keys():
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    peers = options.peers.split(",") if options.peers else PEERS[:3] if options.quick else PEERS
    options.peers = [] if peers == ["none"] else peers
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"unknown peer: {', '.join(sorted(unknown))}")
    return options


def record_file():
    script = subprocess.run([ROOT / "scripts/record-folder.sh"], check=True, capture_output=True, text=True)
    return Path(script.stdout.strip()) / "load.txt"


def main():
    options = arguments()
    goals.read() # fails on a wrong file before anything is measured
    generators.raise_file_limit()
    builds = {name: ROOT / "dist" / name for name in ("python-backend", "nodejs-backend")} | dict(also.split("=", 1) for also in options.also)
    run, began, machine, interrupted = Run(options), time.time(), host.describe(ROOT), False
    run.upstream = Server(UPSTREAM, [options.steady, "upstream", "127.0.0.1:{port}", "--seconds", str(run.stream_seconds)], {}, cpu=1)
    try:
        run.subjects = Subjects(builds, options.peers, run.upstream.address)
        for part in PARTS:
            if part in options.only:
                PARTS[part](run)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        run.upstream.stop()
    run.progress("")
    run.skipped |= run.subjects.skipped if run.subjects else {}
    goals.add_ratios(run)
    machine["load_after"] = host.load()
    words = [word for index, word in enumerate(sys.argv[1:]) if "--steady" not in sys.argv[index:index + 2]]
    text = report.full_text(run, machine, words, interrupted, time.time() - began)
    print(text)
    if options.record:
        record_file().write_text(text.replace(str(ROOT), ".") + "\n")
    if options.json:
        record = {"schema": 1, "taken_unix_s": int(began), "partial": interrupted, "arguments": sys.argv[1:], "host": machine,
                  "rows": run.rows, "figures": run.figures, "verdicts": goals.judge(run), "skipped": run.skipped}
        Path(options.json).write_text(json.dumps(record, indent=1).replace(str(ROOT), ".") + "\n")
    failed = any(service(name.split(", ")[0]).endswith("-backend") for name in run.skipped)
    sys.exit(130 if interrupted else 2 if failed or not run.rows else 0)


if __name__ == "__main__":
    main()
