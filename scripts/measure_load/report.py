"""Formats the report of a run."""

from . import goals, host
from .subjects import service


def full_text(run, machine, arguments, interrupted, seconds):
    """The machine, the command and all tables."""
    return "\n".join([
        host.text(machine), "arguments: " + " ".join(arguments),
        *(["INTERRUPTED: the figures are partial"] if interrupted else []), "", tables(run),
        f"{seconds:.0f} s; servers on CPU 0, load and upstream on CPU 1; compare ratios only within this run"])


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
    """A cell that is aligned left."""


def us(ns):
    return f"{ns / 1e3:,.0f}"


def tables(run):
    of = lambda part: [row for row in run.rows if row["part"] == part]
    base = {(row["target"], row["connections"]): row["per_second"] for row in reversed(of("closed")) if service(row["server"]).endswith("-backend")}
    parts = [
        table("Closed loops (wrk): each response triggers the next request; medians of the rounds; ratio to the first backend",
              ["what", "connections", "server", "requests/s", "ratio", "p50 us", "p99 us", "CPU us/request"],
              [[Name(row["target"]), row["connections"], Name(row["server"]), f"{row['per_second']:,.0f}",
                f"{row['per_second'] / base[row['target'], row['connections']]:.2f}" if (row["target"], row["connections"]) in base else "–",
                us(row["p50_ns"]), us(row["p99_ns"]), f"{row['cpu_us']:.1f}"] for row in of("closed")]),
        table("Open loop (steady): requests at a fixed rate; latency counts from when a request was due",
              ["what", "server", "rate/s", "answered", "unanswered", "p50 us", "p99 us", "p99.9 us", "max us", "own p99 us"],
              [[Name(row["target"]), Name(row["server"]), row["rate"], row["answered"], row["unanswered"], us(row["p50_ns"]), us(row["p99_ns"]),
                us(row["p999_ns"]), us(row["max_ns"]), us(row["own_p99_ns"] or 0)] for row in of("rate")]),
        table("Idle keep-alive connections: Pss", ["server", "bytes each (slope)", "bytes kept after closing", "Pss bytes by number of connections"],
              [[Name(row["server"]), f"{row['per_connection']:,.0f}", f"{row['kept']:,}",
                "  ".join(f"{count}: {bytes:,}" for count, bytes in row["points"])] for row in of("idle")]),
        table("p99 of 64 active connections, without and with 1,000 idle ones", ["server", "without us", "with us", "ratio"],
              [[Name(row["server"]), us(row["p99_alone_ns"]), us(row["p99_beside_ns"]), f"{row['p99_beside_ns'] / row['p99_alone_ns']:.2f}"]
               for row in of("beside-idle")]),
        table("Event streams, 20 events/s each: lateness of the events, and Pss",
              ["server", "streams", "events", "p50 us", "p99 us", "max us", "bytes a stream", "bytes kept"],
              [[Name(row["server"]), row["streams"], row["events"], us(row["late_p50_ns"]), us(row["late_p99_ns"]), us(row["late_max_ns"]),
                *(f"{row[key]:,.0f}" if key in row else "–" for key in ("per_stream", "kept"))] for row in of("streams")]),
        table("Streams translated from chat completions, and those as they are (stream); closed loops with 16 connections",
              ["server", "what", "streams/s", "ratio", "CPU us/stream", "added us/event", "bytes a stream"],
              [[Name(row["server"]), Name(row["target"]), f"{row['per_second']:,.0f}", f"{row['ratio']:.2f}", f"{row['cpu_us']:,.0f}",
                f"{row['added_us']:.2f}", f"{row['bytes']:,.0f}"] for row in of("translated")]),
        table("Endurance: Pss after few and after many requests", ["server", "path", "requests", "Pss", "requests", "Pss", "growth"],
              [[Name(row["server"]), Name(row["path"]), f"{row['few']:,}", f"{row['pss_few']:,}", f"{row['many']:,}", f"{row['pss_many']:,}",
                f"{row['pss_many'] - row['pss_few']:,}"] for row in of("endurance")]),
        table("Goals", ["goal", "server", "verdict", "figure", "bound"],
              [[Name(row["name"]), Name(row["server"]), Name("met" if row["met"] else "missed"), f"{row['figure']:,.2f}",
                f"at most {row['at_most']:,}" if row["at_most"] is not None else f"at least {row['at_least']:,}"] for row in goals.judge(run)]),
        "\n".join(f"skipped: {name}: {why}" for name, why in run.skipped.items())]
    return "\n".join(part for part in parts if part)
