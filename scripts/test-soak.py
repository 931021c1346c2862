#!/usr/bin/env python3
"""The soak test notices what it is there for: a fake service does one thing wrong at a time.
usage: scripts/test-soak.py"""

import asyncio
import json
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from soak import services, upstreams, verdict  # noqa: E402
from soak.traffic import good, hostile  # noqa: E402
from soak.traffic.tally import Tally  # noqa: E402

EVENTS = "text/event-stream"


def plain(status, body, kind="application/json", more=""):
    """A response with its length."""
    return f"HTTP/1.1 {status} S\r\ncontent-type: {kind}\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


def chunked(*chunks, end=True):
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {EVENTS}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(map(upstreams.chunk, chunks)) + (b"0\r\n\r\n" if end else b"")


def events(text):
    return [upstreams.event({"content": word + " "}) for word in text.split()]


FINISH, DONE = upstreams.event({}, "stop"), b"data: [DONE]\n\n"


class Fake:
    """A service that answers with what `answer` makes of the message, and then closes the connection. It is `early` if it
    does not wait for the end of the request."""

    def __init__(self, answer, early=False):
        self.answer, self.early = answer, early

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            if self.early:
                await reader.read(1 << 16)
                return writer.write(self.answer(""))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0] or 0))
            answer = self.answer(json.loads(body)["messages"][-1]["content"] if body.startswith(b"{\"model") else "")
            if answer is None:
                await reader.read()
            writer.write(answer or b"")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass # the caller has gone, or the test is over
        finally:
            writer.close()


def ask(kind, answer, target="nginx", times=1):
    """Lets a good caller ask a fake service, and returns its tally."""
    async def run():
        tally = Tally()
        async with Fake(answer) as port:
            caller = good.Caller(tally, kind, target, port, 1)
            for _ in range(times):
                await caller.one(*caller.next())
        return tally
    return asyncio.run(run())


def attack(scenario, answer, early=False):
    """Lets a bad caller meet a fake service, and returns what it counted and what it complained about."""
    async def run():
        tally, stop = Tally(), asyncio.Event()
        async with Fake(answer, early) as port:
            peer = hostile.Peer(tally, scenario, "gateway", port, 1, 0)
            task = asyncio.ensure_future(peer.run(stop))
            while not tally.counts and not tally.failures:
                await asyncio.sleep(0)
            stop.set()
            await task
        return tally
    return asyncio.run(run())


class GoodCallers(unittest.TestCase):
    def test_a_right_answer_is_no_failure(self):
        whole = lambda text: plain(200, json.dumps(upstreams.completion("soak", text)).encode())
        stream = lambda text: chunked(*events(text), FINISH, DONE)
        models = lambda _: plain(200, b'{"data":[{"id":"soak"}],"status":"ok"}')
        for kind, answer in (("chat", whole), ("stream", stream), ("plain", models)):
            tally = ask(kind, answer, times=3)
            self.assertEqual((tally.failures, sum(tally.counts.values())), ([], 3), kind)

    def test_each_wrong_answer_is_noticed(self):
        whole = lambda text: plain(200, json.dumps(upstreams.completion("soak", text)).encode())
        cases = [
            ("another caller's text", "chat", lambda text: whole(text.replace("caller 1", "caller 2"))),
            ("a shortened text", "chat", lambda text: whole(text[:-1])),
            ("a page", "chat", lambda _: plain(200, b"<html></html>", "text/html")),
            ("an error with status 200", "chat", lambda _: plain(200, b'{"error":{}}')),
            ("an error", "chat", lambda _: plain(500, b"{}")),
            ("a rejection", "chat", lambda _: plain(429, b"{}", more="retry-after: 1\r\n")),
            ("half of a body", "chat", lambda text: whole(text)[:-5]),
            ("no response", "chat", lambda _: b""),
            ("another model list", "plain", lambda _: plain(200, b'{"data":[],"status":"failing"}')),
            ("a stream without its end, presented as complete", "stream", lambda text: chunked(*events(text))),
            ("a stream without [DONE]", "stream", lambda text: chunked(*events(text), FINISH)),
            ("a stream without a reason for its end", "stream", lambda text: chunked(*events(text), DONE)),
            ("a stream without its last word", "stream", lambda text: chunked(*events(text)[:-1], FINISH, DONE)),
            ("a stream with a word of another one", "stream", lambda text: chunked(*events(text + " other"), FINISH, DONE)),
            ("an event behind the end", "stream", lambda text: chunked(*events(text), FINISH, DONE, *events("more"))),
            ("an error event", "stream", lambda text: chunked(*events(text), b'data: {"error":{"message":"x"}}\n\n', FINISH, DONE)),
            ("a stream that breaks off", "stream", lambda text: chunked(*events(text)[:3], end=False)),
        ]
        for what, kind, answer in cases:
            tally = ask(kind, answer)
            self.assertEqual((len(tally.failures), tally.counts.total()), (1, 0), what)

    def test_a_service_that_does_not_answer_hangs(self):
        with mock.patch.object(good, "PATIENCE", 0.2):
            tally = ask("chat", lambda _: None)
        self.assertIn("HangError", tally.failures[0]["reason"])

    def test_only_a_get_without_a_proxy_is_sent_again_and_only_once(self):
        for kind, target, tries in (("plain", "gateway", 2), ("plain", "nginx", 1), ("chat", "gateway", 1)):
            self.assertEqual(len(ask(kind, lambda _: b"", target).failures), tries, (kind, target))


class BadCallers(unittest.TestCase):
    def complains(self, scenario, answer, word, early=False):
        tally = attack(scenario, answer, early)
        self.assertEqual((len(tally.failures), tally.counts.total()), (1, 0))
        self.assertIn(word, tally.failures[0]["reason"])

    def test_another_status_than_the_tables_is_noticed(self):
        self.complains(hostile.malformed_requests, lambda _: plain(200, b"{}"), "200 instead of 400")
        self.complains(hostile.slow_heads, lambda _: plain(400, b"{}"), "400 instead of 408", early=True)
        self.complains(hostile.held_bodies, lambda _: plain(413, b"{}"), "413 instead of 408 or 429", early=True)
        self.complains(hostile.responses_that_are_too_long, lambda _: plain(200, b"{}"), "200 instead of 502")
        self.complains(hostile.responses_that_are_too_long, lambda _: plain(429, b"{}"), "429 without Retry-After")

    def test_a_stream_that_broke_off_and_looks_complete_is_noticed(self):
        self.complains(hostile.streams_that_break_off, lambda text: chunked(*events(text)[:3]), "looks complete")
        self.complains(hostile.streams_that_break_off, lambda text: chunked(*events(text)[:3], DONE, end=False), "[DONE]")
        broken = attack(hostile.streams_that_break_off, lambda text: chunked(*events(text)[:3], b'data: {"error":{}}\n\n', end=False))
        self.assertEqual((broken.failures, list(broken.counts)), ([], ["streams that break off, gateway: broken off with an error event"]))

    def test_what_was_not_reached_is_named(self):
        counts = {f"{scenario}: {outcome}": 1 for scenario, outcome in verdict.NEEDED}
        self.assertEqual(verdict.uncovered(counts, verdict.NEEDED), [])
        for left_out in counts:
            self.assertEqual(len(verdict.uncovered({key: 1 for key in counts if key != left_out}, verdict.NEEDED)), 1, left_out)


class Excuses(unittest.TestCase):
    def setUp(self):
        self.crash = mock.Mock(kind="crash by SIGSEGV", target="gateway", port=1111, begun=10, ended=11)
        self.of_replica = mock.Mock(kind="crash by SIGSEGV", target="replica 1", port=2222, begun=10, ended=11)
        self.restart = mock.Mock(kind="restart by TERM", target="replica 2", port=3333, begun=10, ended=15)

    def unexplained(self, of_good=True, **changes):
        failure = {"kind": "chat", "target": "gateway", "method": "POST", "begun": 9, "ended": 10.5, "opened": 5, "replicas": "",
                   "reason": "POST /: BrokenError closed after 0 bytes of a head", **changes}
        _, unexplained = verdict.split([failure], [self.crash, self.of_replica, self.restart], of_good)
        return len(unexplained)

    def test_a_crash_explains_what_was_in_progress_in_its_process_only(self):
        self.assertEqual(self.unexplained(), 0)
        self.assertEqual(self.unexplained(target="sign-in"), 1, "another service")
        self.assertEqual(self.unexplained(ended=9.5), 1, "before the crash")
        self.assertEqual(self.unexplained(begun=12.5, ended=13), 1, "after the crash")
        self.assertEqual(self.unexplained(begun=11.2, ended=11.5), 0, "on a connection from before the crash")
        self.assertEqual(self.unexplained(begun=11.2, ended=11.5, opened=11.1), 1, "on a connection from after the crash")

    def test_a_crash_explains_no_wrong_answer_no_hang_and_no_refused_connection(self):
        for reason in ("WrongError 200 b'other'", "HangError chat: nothing within 45 s", "BrokenError 500 b'{}'", "ConnectionRefusedError"):
            self.assertEqual(self.unexplained(reason=f"POST /: {reason}"), 1, reason)
            self.assertEqual(self.unexplained(of_good=False, reason=f"POST /: {reason}"), 1, reason)

    def test_behind_nginx_a_crash_explains_only_a_post_to_the_replica_that_crashed(self):
        lost = {"target": "nginx", "replicas": "127.0.0.1:2222", "reason": "POST /: BrokenError 502 b''"}
        self.assertEqual(self.unexplained(**lost), 0)
        self.assertEqual(self.unexplained(**{**lost, "method": "GET"}), 1)
        self.assertEqual(self.unexplained(**{**lost, "replicas": "127.0.0.1:4444"}), 1)
        self.assertEqual(self.unexplained(**{**lost, "replicas": "127.0.0.1:22220"}), 1)

    def test_a_restart_explains_only_a_post_behind_nginx_that_takes_longer_than_the_drain(self):
        lost = {"target": "nginx", "replicas": "127.0.0.1:3333", "reason": "POST /: BrokenError 502 b''"}
        self.assertEqual(self.unexplained(**lost), 1, "within the drain")
        self.assertEqual(self.unexplained(of_good=False, **lost), 0)
        late = {**lost, "ended": 10.1 + services.DRAIN_TIMEOUT}
        self.assertEqual(self.unexplained(**late), 0)
        self.assertEqual(self.unexplained(**{**late, "method": "GET"}), 1, "nginx repeats it")
        self.assertEqual(self.unexplained(**{**late, "replicas": "127.0.0.1:4444"}), 1, "another replica")
        self.assertEqual(self.unexplained(**{**late, "target": "replica 2"}), 1, "without nginx")
        self.assertEqual(self.unexplained(**{**late, "begun": 16.5, "ended": 17}), 1, "after the restart")


class Memory(unittest.TestCase):
    PROGRAM = """
import socket, sys
kept = []
for line in sys.stdin:
    if "file" in line: kept.append(open("/dev/null"))
    if "memory" in line: kept.append(bytearray(b"x" * (1 << 20)))
    if "connection" in line: kept.append(socket.create_connection(("127.0.0.1", int(line.split()[1]))))
    print("done", flush=True)
"""

    def test_a_leak_of_descriptors_memory_or_connections_is_noticed(self):
        with subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            def after(line):
                process.stdin.write(line + "\n")
                process.stdin.flush()
                process.stdout.readline()
                return {"fake": (*services.descriptors(process.pid), services.memory(process.pid)[2])}
            before = after("nothing")
            self.assertEqual(verdict.memory(before, after("nothing"), 512 << 10), [])
            self.assertIn("descriptors", verdict.memory(before, after("file"), 512 << 10)[0])
            before = after("nothing")
            self.assertIn("private memory", verdict.memory(before, after("memory"), 512 << 10)[0])
            before = after("nothing")
            with services.test_crash.replicas.socket.create_server(("127.0.0.1", 0)) as server:
                found = verdict.memory(before, after(f"connection {server.getsockname()[1]}"), 512 << 10)
            self.assertEqual(len(found), 1)
            self.assertIn("connections", found[0])
            process.stdin.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
