"""The measurements. Each adds rows for its table and figures for the goals; run.attempt notes what fails."""

import json
import statistics
import time

from . import generators
from .errors import MeasurementError
from .subjects import service
from .targets import request


def closed(run, target):
    """Each response triggers the next request of its connection. The servers take turns in each round."""
    with run.subjects.running(run.subjects.supporting(target)) as servers:
        requests = {server: asked for server in servers if (asked := run.attempt(server.name, target, lambda: request(target, server)))}
        if target == "proxy": # the base to subtract: the upstream without a gateway
            requests[run.upstream] = request(target, run.upstream)
        for connections in run.connections:
            found_by_server = {}
            warm_up = not run.quick or connections == run.connections[0]
            for number in range(0 if warm_up else 1, run.rounds + 1):
                for server, asked in requests.items():
                    seconds = run.seconds if number else 1
                    began = server.cpu()
                    found = run.attempt(server.name, f"{target}, {connections} connections",
                                        lambda: generators.wrk(server.address, asked, connections, seconds))
                    if found and number:
                        found["cpu_us"] = (server.cpu() - began) * 1e6 / max(found["requests"], 1)
                        found_by_server.setdefault(server.name, []).append(found)
            for name, all_rounds in found_by_server.items():
                medians = {key: statistics.median(found[key] for found in all_rounds) for key in all_rounds[0]}
                run.row("closed", target=target, connections=connections, server=name, **medians, raw=all_rounds)


def rate(run):
    """Requests at a fixed rate, independent of the responses, so that a slow response delays the next ones."""
    for target in ("health", "proxy", "session"):
        with run.subjects.running(run.subjects.supporting(target)) as servers:
            for server in servers:
                asked = run.attempt(server.name, target, lambda: request(target, server))
                found = asked and run.attempt(server.name, f"{target} at {run.rate}/s", lambda: run.steady.run(
                    "requests", server.address, asked, rate=run.rate, seconds=run.seconds, connections=64))
                if found:
                    run.row("rate", target=target, server=server.name, rate=run.rate, answered=found["answered"], unanswered=found["unanswered"],
                            not_200=found["not_200"], p999_ns=found["p999_ns"], own_p99_ns=(found["own_delay"] or {}).get("p99_ns"),
                            **{key: found["latency"][key] for key in ("p50_ns", "p99_ns", "max_ns")})


def idle(run):
    """Idle keep-alive connections: memory of each, memory kept after they close, and the delay of active ones."""
    for name in run.subjects.supporting("health"):
        with run.subjects.running([name]) as servers:
            for server in servers:
                run.attempt(name, "idle connections", lambda: memory_of_idle(run, server))
                if service(name).endswith("-backend") or service(name) == "nginx":
                    run.attempt(name, "p99 with idle connections", lambda: beside_idle(run, server))


def memory_of_idle(run, server):
    run.steady.run("requests", server.address, count=1000, connections=1)
    time.sleep(run.settle)
    before, points = server.pss(), []
    for count in run.idle:
        run.attempt(server.name, f"{count} idle connections", lambda: points.append(idle_point(run, server, count)))
    time.sleep(run.settle)
    kept = server.pss() - before
    if len(points) < 3:
        raise MeasurementError("fewer than three points for the slope")
    slope = statistics.linear_regression(*zip(*points)).slope
    run.row("idle", server=server.name, before=before, points=points, per_connection=slope, kept=kept)
    run.figure("idle-bytes-per-connection", server.name, slope)
    run.figure("idle-bytes-kept", server.name, kept)


def idle_point(run, server, count):
    with generators.IdleConnections(run.steady, server, count):
        time.sleep(run.settle / 2)
        return count, server.pss()


def beside_idle(run, server, idle=1000, active=64):
    """Alternates rounds without and with idle connections and takes medians, because p99 is noisy."""
    asked, by_count = request("health", server), {0: [], idle: []}
    for _ in range(run.rounds):
        for count, found in by_count.items():
            with generators.IdleConnections(run.steady, server, count):
                found.append(generators.wrk(server.address, asked, active, run.seconds)["p99_ns"])
    alone, beside = (statistics.median(found) for found in by_count.values())
    run.row("beside-idle", server=server.name, active=active, idle=idle, p99_alone_ns=alone, p99_beside_ns=beside, raw=by_count)
    run.figure("p99-beside-idle-ratio", server.name, beside / alone)


def streams(run):
    """Event streams through a gateway: lateness of the events, memory of each stream, and memory kept afterwards."""
    direct = run.attempt(run.upstream.name, "streams", lambda: run.steady.run(
        "streams", run.upstream.address, request("stream", run.upstream), connections=run.streams, seconds=run.stream_seconds))
    if direct:
        run.row("streams", server=run.upstream.name, streams=run.streams, events=direct["events"], **lateness(direct))
    for name in run.subjects.supporting("proxy"):
        with run.subjects.running([name]) as servers:
            for server in servers:
                run.attempt(name, "streams", lambda: streams_through(run, server))


def streams_through(run, server):
    found = memory_of_streams(run, server, request("stream", server))
    run.row("streams", server=server.name, streams=run.streams, events=found["events"], **lateness(found), before=found["before"],
            per_stream=found["per_stream"], kept=found["kept"])
    run.figure("stream-late-p99-ms", server.name, found["lateness"]["p99_ns"] / 1e6)
    run.figure("stream-bytes", server.name, found["per_stream"])
    run.figure("stream-bytes-kept", server.name, found["kept"])


def memory_of_streams(run, server, asked):
    """Reads streams to their end. Returns what steady found, and the Pss before, of each stream, and afterwards."""
    generators.wrk(server.address, request("proxy", server), 1, 1)
    time.sleep(run.settle)
    before = server.pss()
    process, _ = run.steady.begin("streams", server.address, asked, connections=run.streams, seconds=run.stream_seconds)
    during = server.pss()
    out, errors = process.communicate(timeout=run.stream_seconds + 60)
    if process.returncode:
        raise MeasurementError(errors.strip())
    found = json.loads(out.splitlines()[-1])
    time.sleep(run.settle)
    return {**found, "before": before, "per_stream": (during - before) / run.streams, "kept": server.pss() - before}


def lateness(found):
    return {f"late_{key}": found["lateness"][key] for key in ("p50_ns", "p99_ns", "max_ns")}


def endurance(run):
    """Compares the memory after many requests with that after a few."""
    for name in [name for name in run.subjects.commands if service(name).endswith("-backend")]:
        with run.subjects.running([name]) as servers:
            for server in servers:
                run.attempt(name, "endurance", lambda: memory_of_many(run, server))


def memory_of_many(run, server):
    asked = request("proxy" if service(server.name) == "python-backend" else "session", server)
    few, many = run.endurance
    pss = []
    for count in (few, many - few):
        found = run.steady.run("requests", server.address, asked, count=count, connections=64)
        if found["not_200"]:
            raise MeasurementError(f"{found['not_200']} responses were not 200")
        time.sleep(run.settle)
        pss.append(server.pss())
    run.row("endurance", server=server.name, path=asked[0], few=few, many=many, pss_few=pss[0], pss_many=pss[1])
    if many >= 1_000_000:
        run.figure("endurance-growth-bytes", server.name, pss[1] - pss[0])
