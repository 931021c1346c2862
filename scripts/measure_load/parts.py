"""The measurements. Each gives rows for its table and figures for the goals; who cannot be measured is noted."""

import json
import statistics
import time

from . import drive
from .contenders import kind
from .server import Missing
from .targets import request


def closed(run, target):
    """As many requests at a time as there are connections: an answer brings the next request. In turn, in rounds."""
    with run.contenders.running(run.contenders.able(target)) as servers:
        requests = {server: asked for server in servers if (asked := run.attempt(server.name, target, lambda: request(target, server)))}
        if target == "proxy": # what the upstream takes by itself
            requests[run.upstream] = request(target, run.upstream)
        for connections in run.connections:
            seen = {}
            warm_up = not run.quick or connections == run.connections[0]
            for number in range(0 if warm_up else 1, run.rounds + 1):
                for server, asked in requests.items():
                    seconds = run.seconds if number else 1
                    began = server.cpu()
                    found = run.attempt(server.name, f"{target}, {connections} connections",
                                        lambda: drive.wrk(server.address, asked, connections, seconds))
                    if found and number:
                        found["cpu_us"] = (server.cpu() - began) * 1e6 / max(found["requests"], 1)
                        seen.setdefault(server.name, []).append(found)
            for name, all_rounds in seen.items():
                middle = {key: statistics.median(found[key] for found in all_rounds) for key in all_rounds[0]}
                run.row("closed", target=target, connections=connections, server=name, **middle, raw=all_rounds)


def rate(run):
    """Requests at one rate, whatever is answered: a slow answer makes the next ones late, and that counts."""
    for target in ("health", "proxy", "session"):
        with run.contenders.running(run.contenders.able(target)) as servers:
            for server in servers:
                asked = run.attempt(server.name, target, lambda: request(target, server))
                found = asked and run.attempt(server.name, f"{target} at {run.rate}/s", lambda: run.steady.run(
                    "requests", server.address, asked, rate=run.rate, seconds=run.seconds, connections=64))
                if found:
                    run.row("rate", target=target, server=server.name, rate=run.rate, answered=found["answered"], unanswered=found["unanswered"],
                            not_200=found["not_200"], p999_ns=found["p999_ns"], own_p99_ns=(found["own_delay"] or {}).get("p99_ns"),
                            **{key: found["latency"][key] for key in ("p50_ns", "p99_ns", "max_ns")})


def idle(run):
    """Kept-alive connections that do nothing: memory for each, what stays after they are closed, and who waits for them."""
    for name in run.contenders.able("health"):
        with run.contenders.running([name]) as servers:
            for server in servers:
                run.attempt(name, "idle connections", lambda: memory_of_idle(run, server))
                if kind(name).endswith("-backend") or kind(name) == "nginx":
                    run.attempt(name, "p99 beside idle connections", lambda: beside_idle(run, server))


def memory_of_idle(run, server):
    run.steady.run("requests", server.address, count=1000, connections=1)
    time.sleep(run.settle)
    before, points = server.pss(), []
    for count in run.idle:
        run.attempt(server.name, f"{count} idle connections", lambda: points.append(idle_point(run, server, count)))
    time.sleep(run.settle)
    kept = server.pss() - before
    if len(points) < 3:
        raise Missing("too few counts could be held for a slope")
    slope = statistics.linear_regression(*zip(*points)).slope
    run.row("idle", server=server.name, before=before, points=points, per_connection=slope, kept=kept)
    run.figure("idle-bytes-per-connection", server.name, slope)
    run.figure("idle-bytes-kept", server.name, kept)


def idle_point(run, server, count):
    with drive.Held(run.steady, server, count):
        time.sleep(run.settle / 2)
        return count, server.pss()


def beside_idle(run, server, idle=1000, active=64):
    """In turn, and the middle of the rounds: p99 is the noisiest of all figures here."""
    asked, seen = request("health", server), {0: [], idle: []}
    for _ in range(run.rounds):
        for count, found in seen.items():
            with drive.Held(run.steady, server, count):
                found.append(drive.wrk(server.address, asked, active, run.seconds)["p99_ns"])
    alone, beside = (statistics.median(found) for found in seen.values())
    run.row("beside-idle", server=server.name, active=active, idle=idle, p99_alone_ns=alone, p99_beside_ns=beside, raw=seen)
    run.figure("p99-beside-idle-ratio", server.name, beside / alone)


def streams(run):
    """Event streams through a gateway: how late events are, memory for each stream, and what stays afterwards."""
    direct = run.attempt(run.upstream.name, "streams", lambda: run.steady.run(
        "streams", run.upstream.address, request("stream", run.upstream), connections=run.streams, seconds=run.stream_seconds))
    if direct:
        run.row("streams", server=run.upstream.name, streams=run.streams, events=direct["events"], **lateness(direct))
    for name in run.contenders.able("proxy"):
        with run.contenders.running([name]) as servers:
            for server in servers:
                run.attempt(name, "streams", lambda: streams_through(run, server))


def streams_through(run, server):
    asked = request("stream", server)
    drive.wrk(server.address, request("proxy", server), 1, 1)
    time.sleep(run.settle)
    before = server.pss()
    process, _ = run.steady.begin("streams", server.address, asked, connections=run.streams, seconds=run.stream_seconds)
    during = server.pss()
    out, said = process.communicate(timeout=run.stream_seconds + 60)
    if process.returncode:
        raise Missing(said.strip())
    found = json.loads(out.splitlines()[-1])
    time.sleep(run.settle)
    each, kept = (during - before) / run.streams, server.pss() - before
    run.row("streams", server=server.name, streams=run.streams, events=found["events"], **lateness(found), before=before,
            per_stream=each, kept=kept)
    run.figure("stream-late-p99-ms", server.name, found["lateness"]["p99_ns"] / 1e6)
    run.figure("stream-bytes", server.name, each)
    run.figure("stream-bytes-kept", server.name, kept)


def lateness(found):
    return {f"late_{key}": found["lateness"][key] for key in ("p50_ns", "p99_ns", "max_ns")}


def endurance(run):
    """Memory after very many requests, against after a few."""
    for name in [name for name in run.contenders.commands if kind(name).endswith("-backend")]:
        with run.contenders.running([name]) as servers:
            for server in servers:
                run.attempt(name, "endurance", lambda: memory_of_many(run, server))


def memory_of_many(run, server):
    asked = request("proxy" if kind(server.name) == "python-backend" else "session", server)
    few, many = run.endurance
    seen = []
    for count in (few, many - few):
        found = run.steady.run("requests", server.address, asked, count=count, connections=64)
        if found["not_200"]:
            raise Missing(f"{found['not_200']} answers were no 200")
        time.sleep(run.settle)
        seen.append(server.pss())
    run.row("endurance", server=server.name, path=asked[0], few=few, many=many, pss_few=seen[0], pss_many=seen[1])
    if many >= 1_000_000:
        run.figure("endurance-growth-bytes", server.name, seen[1] - seen[0])
