"""The figures that are ratios, and their comparison with benches/goals.toml."""

import tomllib

from .subjects import ROOT, UPSTREAM, service

# The peers that each target is compared with.
RATIOS = {"health": ["nginx"], "chat": ["fastapi"], "proxy": ["nginx", "fastapi"], "session": ["better-auth"], "token": ["better-auth"]}
FIGURES = {"idle-bytes-per-connection", "idle-bytes-kept", "p99-beside-idle-ratio", "stream-late-p99-ms", "stream-bytes",
           "stream-bytes-kept", "translated-added-us-per-event", "translated-rps-per-chat", "translated-stream-bytes",
           "endurance-growth-bytes", "proxy-added-p50-per-nginx"} | {
    f"{target}-rps-per-{peer}" for target, peers in RATIOS.items() for peer in peers}
AT = 64  # compare closed loops at this number of connections, or at the largest that was measured


def add_ratios(run):
    """Adds the figures that divide a row of a backend by one of a peer."""
    closed = [row for row in run.rows if row["part"] == "closed"]
    for target, peers in RATIOS.items():
        counts = {row["connections"] for row in closed if row["target"] == target}
        if not counts:
            continue
        rows = {count: {row["server"]: row for row in closed if row["target"] == target and row["connections"] == count} for count in counts}
        at = rows[AT if AT in counts else max(counts)]
        for name, own in at.items():
            for peer in (peer for peer in peers if service(name).endswith("-backend") and peer in at):
                run.figure(f"{target}-rps-per-{peer}", name, own["per_second"] / at[peer]["per_second"])
        one = rows.get(1, {})
        if target == "proxy" and {"nginx", UPSTREAM} <= one.keys():
            bare = one[UPSTREAM]["p50_ns"]
            for name in (name for name in one if service(name) == "python-backend"):
                if one["nginx"]["p50_ns"] > bare:
                    run.figure("proxy-added-p50-per-nginx", name, (one[name]["p50_ns"] - bare) / (one["nginx"]["p50_ns"] - bare))


def read():
    """Reads the [[load]] rows; ends the program if one has an unknown figure or not exactly one bound."""
    with open(ROOT / "benches/goals.toml", "rb") as file:
        rows = tomllib.load(file)["load"]
    for row in rows:
        unknown = row.keys() - {"name", "subjects", "figure", "at_most", "at_least"}
        if unknown or row["figure"] not in FIGURES or ("at_most" in row) == ("at_least" in row):
            raise SystemExit(f"measure-load: benches/goals.toml: a [[load]] row needs a known figure and either at_most or at_least: {row}")
    return rows


def judge(run):
    """Returns one verdict for each goal and each server that has its figure."""
    verdicts = []
    for row in read():
        for figure in (figure for figure in run.figures if figure["figure"] == row["figure"] and service(figure["server"]) in row["subjects"]):
            most, least = row.get("at_most"), row.get("at_least")
            met = figure["value"] <= most if most is not None else figure["value"] >= least
            verdicts.append({"name": row["name"], "server": figure["server"], "figure": figure["value"], "met": met,
                             "at_most": most, "at_least": least})
    return verdicts
