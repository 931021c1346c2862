"""The command line of scripts/measure-load.sh."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from . import drive, host, parts, report
from .contenders import PEERS, ROOT, Contenders, kind
from .server import Missing, Server
from .targets import TARGETS

PARTS = {**{target: lambda run, target=target: parts.closed(run, target) for target in TARGETS},
         "rate": parts.rate, "idle": parts.idle, "streams": parts.streams, "endurance": parts.endurance}


class Run:
    """What is measured how, and what was found."""

    def __init__(self, options):
        self.quick = quick = options.quick
        self.connections = [1, 64] if quick else [1, 16, 64, 256, 1000]
        self.seconds = options.seconds or (1 if quick else 5)
        self.rounds = options.rounds or (1 if quick else 3)
        self.rate = options.rate or (200 if quick else 2000)
        self.settle = 1 if quick else 2 # seconds: what a server frees, it frees by then
        self.idle = [0, 100, 1000] if quick else [0, 100, 1000, 10_000]
        self.streams, self.stream_seconds = (200, 2) if quick else (1000, 10)
        self.endurance = (1000, 20_000) if quick else (10_000, 1_000_000)
        self.rows, self.figures, self.skipped = [], [], {}
        self.steady = drive.Steady(options.steady)

    def row(self, part, **row):
        self.rows.append({"part": part, **row})

    def figure(self, figure, server, value):
        self.figures.append({"figure": figure, "server": server, "value": value})

    def attempt(self, name, what, work):
        """One failure does not take the other figures with it."""
        self.tell(f"{what}: {name}")
        try:
            return work()
        except Missing as error:
            self.skipped[f"{name}, {what}"] = str(error)

    def tell(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/measure-load.sh", description="Requests, idle connections, streams and memory beside the peers, in one run. Only ratios within a run mean something.")
    parser.add_argument("--quick", action="store_true", help="about two minutes: fewer connections, one round, three peers; rough figures")
    parser.add_argument("--only", metavar="PART,…", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--peers", metavar="NAME,…", help=f"of {', '.join(PEERS)}, or none (default: all; with --quick the first three)")
    parser.add_argument("--also", metavar="NAME=FILE", action="append", default=[], help="another build, in turn with dist/'s: python-backend.old=FILE or nodejs-backend.old=FILE")
    parser.add_argument("--seconds", type=int, help="of each measurement (5)")
    parser.add_argument("--rounds", type=int, help="of which the middle is taken (3)")
    parser.add_argument("--rate", type=int, help="requests a second of the open loop (2000)")
    parser.add_argument("--json", metavar="FILE", help="all rows with their rounds, and the machine")
    parser.add_argument("--record", action="store_true", help="the same to benches/record")
    parser.add_argument("--steady", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.only = options.only.split(",")
    if options.record:
        folder = subprocess.run([ROOT / "scripts/record-folder.sh"], check=True, capture_output=True, text=True).stdout.strip()
        options.json = f"{folder}/load.json"
    if unknown := set(options.only) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    peers = options.peers.split(",") if options.peers else PEERS[:3] if options.quick else PEERS
    options.peers = [] if peers == ["none"] else peers
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"there is no peer {', '.join(sorted(unknown))}")
    return options


def main():
    options = arguments()
    report.goals()
    drive.allow_many_files()
    builds = {name: ROOT / "dist" / name for name in ("python-backend", "nodejs-backend")} | dict(also.split("=", 1) for also in options.also)
    run, began, machine, interrupted = Run(options), time.time(), host.look(ROOT), False
    run.upstream = Server(report.UPSTREAM, [options.steady, "upstream", "127.0.0.1:{port}", "--seconds", str(run.stream_seconds)], {}, cpu=1)
    try:
        run.contenders = Contenders(builds, options.peers, run.upstream.address)
        for part in PARTS:
            if part in options.only:
                PARTS[part](run)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        run.upstream.stop()
    run.tell("")
    run.skipped |= getattr(run, "contenders").skipped if hasattr(run, "contenders") else {}
    report.ratios(run)
    machine["load_after"] = host.load()
    print(host.text(machine) + ("\nINTERRUPTED: this is a part of the run\n" if interrupted else "\n"))
    print(report.text(run))
    print(f"{time.time() - began:.0f} s; servers on CPU 0, load and upstream on CPU 1; ratios hold within this run alone")
    if options.json:
        record = {"schema": 1, "taken_unix_s": int(began), "partial": interrupted, "arguments": sys.argv[1:], "host": machine,
                  "rows": run.rows, "figures": run.figures, "verdicts": report.judge(run), "skipped": run.skipped}
        Path(options.json).write_text(json.dumps(record, indent=1).replace(str(ROOT), ".") + "\n")
    failed = any(kind(name.split(", ")[0]).endswith("-backend") for name in run.skipped)
    sys.exit(130 if interrupted else 2 if failed or not run.rows else 0)


if __name__ == "__main__":
    main()
