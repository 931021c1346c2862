"""Streams of /v1/responses and /v1/messages that the gateway translates, beside the same streams of chat completions."""

import statistics

from . import generators
from .measurements import memory_of_streams
from .server import Server
from .subjects import UPSTREAM
from .targets import request

TARGETS = ["stream", "responses", "messages"]
EVENTS = 100  # in a stream; the upstream sends them all at once


def measure(run):
    """Closed loops of whole streams, in which the three take turns, and then the memory of slow streams."""
    words = [run.steady.program, "upstream", "127.0.0.1:{port}", "--seconds", "0.0001", "--events", str(EVENTS * 10_000)]
    upstream = Server(UPSTREAM, words, {}, cpu=1)
    try:
        for name in run.subjects.supporting("proxy"):
            if name.startswith("python-backend"):
                run.attempt(name, "translated streams", lambda: measure_build(run, name, upstream))
    finally:
        upstream.stop()


def measure_build(run, name, upstream):
    found = {target: [] for target in TARGETS}
    with run.subjects.running([name], {"UPSTREAM_API": "chat", "UPSTREAM_URL": f"http://{upstream.address}/v1"}) as servers:
        for server in servers:
            for number in range(run.rounds + 1):  # the first one warms up
                for target in TARGETS:
                    began = server.cpu()
                    loop = generators.wrk(server.address, request(target, server), 16, run.seconds)
                    if number:
                        cpu_us = (server.cpu() - began) * 1e6 / max(loop["requests"], 1)
                        found[target].append({**loop, "cpu_us": cpu_us})
    medians = {target: {key: statistics.median(loop[key] for loop in loops) for key in loops[0]} for target, loops in found.items() if loops}
    chat = medians["stream"]
    for target in TARGETS:
        with run.subjects.running([name], {"UPSTREAM_API": "chat"}) as servers:
            for server in servers:
                each = memory_of_streams(run, server, request(target, server))["per_stream"]
        own = medians[target]
        added = (own["cpu_us"] - chat["cpu_us"]) / EVENTS
        run.row("translated", server=name, target=target, added_us=added, bytes=each, ratio=own["per_second"] / chat["per_second"], **own)
        if target != "stream":
            run.figure("translated-added-us-per-event", name, added)
            run.figure("translated-rps-per-chat", name, own["per_second"] / chat["per_second"])
            run.figure("translated-stream-bytes", name, each)
