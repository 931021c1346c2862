"""Tables for a person, and the judgement by benches/goals.toml."""

import tomllib

from .contenders import ROOT, kind

UPSTREAM = "upstream alone"
# Goals name one of these; the figures of a closed loop are made here from its rows.
RATIOS = {"health": ["nginx"], "chat": ["fastapi"], "proxy": ["nginx", "fastapi"], "session": ["better-auth"], "token": ["better-auth"]}
FIGURES = {"idle-bytes-per-connection", "idle-bytes-kept", "p99-beside-idle-ratio", "stream-late-p99-ms", "stream-bytes",
           "stream-bytes-kept", "endurance-growth-bytes", "proxy-added-p50-per-nginx"} | {
    f"{target}-rps-per-{peer}" for target, peers in RATIOS.items() for peer in peers}
AT = 64  # connections at which closed loops are compared; the largest that was measured, where this was not


def ratios(run):
    """Figures that need two rows of one run: ours over theirs."""
    closed = [row for row in run.rows if row["part"] == "closed"]
    for target, peers in RATIOS.items():
        counts = {row["connections"] for row in closed if row["target"] == target}
        if not counts:
            continue
        rows = {count: {row["server"]: row for row in closed if row["target"] == target and row["connections"] == count} for count in counts}
        at = rows[AT if AT in counts else max(counts)]
        for name, own in at.items():
            for peer in (peer for peer in peers if kind(name).endswith("-backend") and peer in at):
                run.figure(f"{target}-rps-per-{peer}", name, own["per_second"] / at[peer]["per_second"])
        one = rows.get(1, {})
        if target == "proxy" and {"nginx", UPSTREAM} <= one.keys():
            bare = one[UPSTREAM]["p50_ns"]
            for name in (name for name in one if kind(name) == "python-backend"):
                if one["nginx"]["p50_ns"] > bare:
                    run.figure("proxy-added-p50-per-nginx", name, (one[name]["p50_ns"] - bare) / (one["nginx"]["p50_ns"] - bare))


def goals():
    with open(ROOT / "benches/goals.toml", "rb") as file:
        rows = tomllib.load(file)["load"]
    for row in rows:
        unknown = row.keys() - {"name", "subjects", "figure", "at_most", "at_least"}
        if unknown or row["figure"] not in FIGURES or ("at_most" in row) == ("at_least" in row):
            raise SystemExit(f"measure-load: benches/goals.toml: this row judges nothing: {row}")
    return rows


def judge(run):
    verdicts = []
    for row in goals():
        for figure in (figure for figure in run.figures if figure["figure"] == row["figure"] and kind(figure["server"]) in row["subjects"]):
            most, least = row.get("at_most"), row.get("at_least")
            met = figure["value"] <= most if most is not None else figure["value"] >= least
            verdicts.append({"name": row["name"], "server": figure["server"], "figure": figure["value"], "met": met,
                             "at_most": most, "at_least": least})
    return verdicts


def table(title, head, rows):
    if not rows:
        return ""
    lines = [head, *rows]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(head))]
    left = [all(isinstance(row[column], Name) for row in rows) for column in range(len(head))]
    def cells(line):
        return "  ".join(str(cell).ljust(width) if flush else str(cell).rjust(width) for cell, width, flush in zip(line, widths, left))
    return "\n".join([title, *("  " + cells(line).rstrip() for line in lines)]) + "\n"


class Name(str):
    """Stands at the left of its column."""


def us(ns):
    return f"{ns / 1e3:,.0f}"


def text(run):
    of = lambda part: [row for row in run.rows if row["part"] == part]
    base = {(row["target"], row["connections"]): row["per_second"] for row in reversed(of("closed")) if kind(row["server"]).endswith("-backend")}
    parts = [
        table("Closed loops (wrk): each answer brings the next request; medians of the rounds; times the first backend's",
              ["what", "connections", "server", "requests/s", "times", "p50 us", "p99 us", "CPU us/request"],
              [[Name(row["target"]), row["connections"], Name(row["server"]), f"{row['per_second']:,.0f}",
                f"{row['per_second'] / base[row['target'], row['connections']]:.2f}" if (row["target"], row["connections"]) in base else "–",
                us(row["p50_ns"]), us(row["p99_ns"]), f"{row['cpu_us']:.1f}"] for row in of("closed")]),
        table("Open loop (steady): requests at one rate, latency from the moment each was due",
              ["what", "server", "rate/s", "answered", "unanswered", "p50 us", "p99 us", "p99.9 us", "max us", "own p99 us"],
              [[Name(row["target"]), Name(row["server"]), row["rate"], row["answered"], row["unanswered"], us(row["p50_ns"]), us(row["p99_ns"]),
                us(row["p999_ns"]), us(row["max_ns"]), us(row["own_p99_ns"] or 0)] for row in of("rate")]),
        table("Idle kept-alive connections: Pss", ["server", "bytes each (slope)", "bytes kept after closing", "Pss bytes at each count"],
              [[Name(row["server"]), f"{row['per_connection']:,.0f}", f"{row['kept']:,}",
                "  ".join(f"{count}: {bytes:,}" for count, bytes in row["points"])] for row in of("idle")]),
        table("p99 of 64 active connections, alone and beside 1,000 idle ones", ["server", "alone us", "beside us", "ratio"],
              [[Name(row["server"]), us(row["p99_alone_ns"]), us(row["p99_beside_ns"]), f"{row['p99_beside_ns'] / row['p99_alone_ns']:.2f}"]
               for row in of("beside-idle")]),
        table("Event streams, 20 events/s each: how late events arrive, and Pss",
              ["server", "streams", "events", "p50 us", "p99 us", "max us", "bytes a stream", "bytes kept"],
              [[Name(row["server"]), row["streams"], row["events"], us(row["late_p50_ns"]), us(row["late_p99_ns"]), us(row["late_max_ns"]),
                *(f"{row[key]:,.0f}" if key in row else "–" for key in ("per_stream", "kept"))] for row in of("streams")]),
        table("Endurance: Pss after few and many requests", ["server", "path", "requests", "Pss", "requests", "Pss", "growth"],
              [[Name(row["server"]), Name(row["path"]), f"{row['few']:,}", f"{row['pss_few']:,}", f"{row['many']:,}", f"{row['pss_many']:,}",
                f"{row['pss_many'] - row['pss_few']:,}"] for row in of("endurance")]),
        table("Goals", ["goal", "server", "verdict", "figure", "bound"],
              [[Name(row["name"]), Name(row["server"]), Name("met" if row["met"] else "missed"), f"{row['figure']:,.2f}",
                f"at most {row['at_most']:,}" if row["at_most"] is not None else f"at least {row['at_least']:,}"] for row in judge(run)]),
        "\n".join(f"skipped: {name}: {why}" for name, why in run.skipped.items())]
    return "\n".join(part for part in parts if part)
