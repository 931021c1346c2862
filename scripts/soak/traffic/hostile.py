"""Bad callers. Each scenario says which outcomes are right; any other one is a failure."""

import asyncio
import itertools
import random
import time

from .. import services
from ..client import JSON, BrokenError, Connection, HangError, chat, request, within
from . import malformed, visitor

BODY_STRETCH = 30  # seconds within which 256 KiB of a body, or its end, must arrive
PATIENCE = 60


class UnexpectedError(Exception):
    """The service did something else than the table of limits says."""


class Peer:
    """One bad caller: an address, a target, and what came of its requests."""

    def __init__(self, tally, scenario, target, port, number, pause):
        self.tally, self.scenario, self.target, self.port, self.pause = tally, scenario, target, port, pause
        self.number, self.source, self.turns = number, f"127.0.66.{1 + number}", itertools.count()
        self.key = {"authorization": f"Bearer {services.BAD_KEYS[number % len(services.BAD_KEYS)]}"} if target == "gateway" else {}
        self.open = []

    async def run(self, stop):
        kind = f"{self.scenario.__name__.replace('_', ' ')}, {self.target}"
        while not stop.is_set():
            begun = time.monotonic()
            try:
                outcome = await within(PATIENCE, kind, self.scenario(self))
                self.tally.took(f"{kind}: {outcome}", begun)
            except (BrokenError, HangError, UnexpectedError, OSError, ValueError, KeyError, TypeError) as error:
                self.tally.failed(kind, self.target, "", begun, begun, f"{type(error).__name__} {error}",
                                  getattr(error, "headers", {}).get("x-replica", ""))
            finally:
                for connection in self.open:
                    connection.abort()
                self.open.clear()
            try:
                await asyncio.wait_for(stop.wait(), self.pause * random.uniform(0.5, 1.5))
            except asyncio.TimeoutError:
                pass

    async def connect(self, window=None):
        connection = await Connection.open(self.port, self.source, window)
        self.open.append(connection)
        return connection

    async def post(self, body, window=None):
        connection = await self.connect(window)
        await connection.send(request("POST", "/v1/chat/completions", {**self.key, **JSON}, body))
        return connection

    def head(self, length):
        """The head of a POST whose body is announced."""
        fields = {**self.key, **JSON, "content-length": str(length), "origin": f"http://127.0.0.1:{self.port}"}
        return request("POST", malformed.PATHS.get(self.target, "/v1/chat/completions"), fields)

    def got(self, status, headers, *right):
        """The status, if it is one of the right ones. A request that may be sent again must say when."""
        if status == 502 and self.target == "nginx" and status not in right: # a crash or a restart may explain it
            raise BrokenError("502", status, headers)
        if status not in right:
            raise UnexpectedError(f"{status} instead of {' or '.join(map(str, right))}")
        if status in (429, 503) and "retry-after" not in headers:
            raise UnexpectedError(f"{status} without Retry-After")
        return str(status)


async def rest(connection):
    """Reads to the end of the connection, and returns how many bytes were left."""
    count = 0
    try:
        while more := await connection.reader.read(1 << 16):
            count += len(more)
    except OSError:
        pass
    return count


async def slow_heads(peer):
    connection = await peer.connect()
    await connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
    answer = asyncio.ensure_future(connection.head())
    try:
        while not answer.done():
            connection.writer.write(b"y")
            await asyncio.wait([answer], timeout=0.2)
    finally:
        answer.cancel()
    return peer.got(*(await answer)[:2], 408)


async def slow_bodies(peer):
    """A byte now and then. The bytes of several such callers fit together, so each gets its time."""
    connection = await peer.connect()
    await connection.send(peer.head(9000) + b"{")
    answer = asyncio.ensure_future(connection.response("POST"))
    try:
        while not answer.done():
            connection.writer.write(b" ")
            await asyncio.wait([answer], timeout=0.5)
    finally:
        answer.cancel()
    response = await answer
    return peer.got(response.status, response.headers, 408)


async def held_bodies(peer):
    """Long bodies without their last bytes: each is held until its time is over, or rejected for want of a share."""
    async def one():
        connection = await peer.connect()
        length = services.MAX_BODY - 1000
        try:
            await connection.send(peer.head(length) + b" " * (length - 20))
        except OSError:
            pass # rejected while it was sent: the response says how
        response = await connection.response("POST")
        return peer.got(response.status, response.headers, 408, 429)
    return " ".join(sorted(await asyncio.gather(*(one() for _ in range(5)))))


async def slow_readers(peer):
    """Asks for 8 MiB and reads nothing. The service ends the connection; what arrived must not look complete."""
    connection = await peer.post(chat("huge", "huge"), window=4096)
    status, headers, _ = await connection.head()
    if status != 200:
        return peer.got(status, headers, 429)
    await asyncio.sleep(services.IDLE_TIMEOUT + 3)
    if peer.target == "nginx":
        return "stopped reading" # what nginx holds, it still sends
    connection.widen()
    left = await rest(connection)
    if left >= 8 << 20:
        raise UnexpectedError(f"a reader that had stopped got {left} bytes")
    return "closed"


async def slow_readers_of_a_stream(peer):
    connection = await peer.post(chat("endless", "endless", stream=True), window=4096)
    status, headers, _ = await connection.head()
    if status != 200:
        return peer.got(status, headers, 429)
    await asyncio.sleep(services.IDLE_TIMEOUT + 3)
    if peer.target == "nginx":
        return "stopped reading"
    connection.widen()
    left = await rest(connection)
    if left > 64 << 20:
        raise UnexpectedError(f"a reader that had stopped got {left} bytes")
    return "closed"


async def cut_connections(peer):
    """Resets in every part of a request and a response."""
    turn, body = next(peer.turns) % 5, chat("cut " * 200, "soak", stream=True)
    path = malformed.PATHS["sign-in"] if peer.target == "sign-in" else "/v1/chat/completions"
    whole, connection = request("POST", path, {**peer.key, **JSON}, body), await peer.connect()
    await connection.send(whole[:[10, 80, len(whole) - 20, len(whole), len(whole)][turn]])
    if turn == 4:
        await connection.head()
    connection.abort()
    return ["in a head", "in a head", "in a body", "after a request", "in a response"][turn]


async def malformed_requests(peer):
    key = "".join(f"{name}: {value}\r\n" for name, value in peer.key.items())
    cases = malformed.cases(malformed.PATHS[peer.target], malformed.LIMITS[peer.target], key)
    status, what, data = cases[next(peer.turns) % len(cases)]
    if peer.target == "sign-in":
        data = data.replace(b"content-type: application/json\r\n", b"content-type: application/json\r\norigin: http://127.0.0.1:%d\r\n" % peer.port)
    connection = await peer.connect()
    try:
        await connection.send(data)
    except OSError:
        pass
    response = await connection.response()
    try:
        peer.got(response.status, response.headers, status)
    except UnexpectedError as error:
        raise UnexpectedError(f"{what}: {error}: {response.body[:120]!r}") from None
    if status not in (404, 405, 421) and await rest(connection):
        raise UnexpectedError(f"{what}: more than one response")
    return str(status)


async def long_bodies(peer):
    """Through nginx, which passes them on."""
    connection = await peer.connect()
    body = b" " * (services.MAX_BODY + 1)
    await connection.send(request("POST", "/v1/chat/completions", JSON, body))
    response = await connection.response()
    return peer.got(response.status, response.headers, 413)


async def huge_responses(peer):
    connection = await peer.post(chat("huge", "huge"))
    response = await connection.response("POST")
    peer.got(response.status, response.headers, 200, 429)
    if response.status == 200 and len(response.json()["choices"][0]["message"]["content"]) != 8 << 20:
        raise UnexpectedError(f"{len(response.body)} bytes of a huge response")
    return str(response.status)


async def responses_that_are_too_long(peer):
    connection = await peer.post(chat("long", "too-huge"))
    response = await connection.response("POST")
    if response.status == 429 and b"this upstream fails" in response.body:
        return "429 of the upstream whose turn it is" # it was asked too, and the client gets one of the errors
    return peer.got(response.status, response.headers, 502, 429)


async def cancelled_requests(peer):
    """Leaves in the middle of a stream, or before the response begins."""
    connection = await peer.post(chat("slow", "slow", stream=True))
    if next(peer.turns) % 2:
        status, headers, _ = await connection.head()
        peer.got(status, headers, 200)
        try:
            await connection.reader.readuntil(b"word")
        except asyncio.IncompleteReadError as error:
            raise BrokenError(f"IncompleteReadError {error}", status) from None
    connection.close()
    return "left"


async def held_slots(peer):
    """More requests than a caller's share of slots and queue at three replicas, to an upstream that does not answer."""
    answers = [asyncio.ensure_future((await peer.post(chat("wait", "silent", stream=True))).head())
               for _ in range(3 * (services.SLOTS + services.QUEUE) // 2 + 60)]
    done, pending = await asyncio.wait(answers, timeout=1.5) # before HEARTBEAT begins the responses
    for task in pending:
        task.cancel()
    if not done:
        raise UnexpectedError(f"one caller got {len(answers)} slots and places in the queue")
    return " ".join(sorted({peer.got(*(await task)[:2], 200, 429) for task in done}))


async def streams_that_break_off(peer):
    """The upstream breaks off: the client gets an error event, and the connection is aborted."""
    connection = await peer.post(chat("cut " * 10, "cut", stream=True))
    try:
        response = await connection.response("POST")
    except BrokenError as error:
        if error.status != 200:
            raise
        if b"[DONE]" in error.body:
            raise UnexpectedError("[DONE] after a stream that broke off") from None
        return "broken off" + (" with an error event" if b'"error"' in error.body else "")
    raise UnexpectedError(f"a stream that broke off looks complete: {response.body[-120:]!r}")


async def wrong_keys(peer):
    """More failures than an address may have, then a pause."""
    statuses = set()
    for _ in range(80):
        connection = await peer.connect()
        await connection.send(request("POST", "/v1/chat/completions", {**JSON, "authorization": "Bearer wrong-key-wrong-key-0"}, chat("x")))
        response = await connection.response("POST")
        statuses.add(peer.got(response.status, response.headers, 401, 429))
        connection.close()
    return " ".join(sorted(statuses))


async def too_many_requests(peer):
    """More than RATE_LIMIT with one key."""
    async def one():
        connection = await peer.connect()
        await connection.send(request("GET", "/v1/models", peer.key))
        response = await connection.response()
        return peer.got(response.status, response.headers, 200, 429)
    return " ".join(sorted(set(await asyncio.gather(*(one() for _ in range(services.RATE * 2))))))


async def too_many_connections(peer):
    """More than the half of MAX_CONNECTIONS, each with a head that is almost complete."""
    accepted, rejected = 0, 0
    begun, connections = time.monotonic(), []
    for _ in range(services.MAX_CONNECTIONS // 2 + 30):
        connections.append(connection := await peer.connect())
        try:
            await connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 12_000)
        except OSError:
            pass # rejected already
    is_late = time.monotonic() - begun > services.HEADER_TIMEOUT * 0.8 # the first ones are closed by now
    for connection in connections:
        status, headers, _ = await connection.head()
        peer.got(status, headers, 408, 429 if peer.target == "gateway" else 503)
        accepted, rejected = accepted + (status == 408), rejected + (status != 408)
    if not rejected and is_late:
        return "408, too late for more"
    if not rejected or not is_late and accepted > services.MAX_CONNECTIONS // 2:
        raise UnexpectedError(f"{accepted} connections of one address, {rejected} rejected")
    return "408 and 429" if peer.target == "gateway" else "408 and 503"


async def too_many_sign_ins(peer):
    statuses = set()
    for _ in range(90):
        response = await visitor.begin(peer.port, peer.source, {})
        statuses.add(peer.got(response.status, response.headers, 200, 429))
    return " ".join(sorted(statuses))


async def sign_ins_that_fail(peer):
    """The provider fails, or the callback's state is made up: no session."""
    cookies = {}
    response = await visitor.begin(peer.port, peer.source, cookies)
    if response.status == 429:
        return peer.got(response.status, response.headers, 429)
    url = response.json()["url"]
    response = await visitor.finish(peer.port, peer.source, cookies, url, "unlucky")
    peer.got(response.status, response.headers, 302, 303)
    if not response.headers["location"].startswith("/failed") and "/failed?" not in response.headers["location"]:
        raise UnexpectedError(f"a failed sign-in went to {response.headers['location']}")
    if any("session" in name for name in cookies):
        raise UnexpectedError(f"a failed sign-in has the cookies {sorted(cookies)}")
    return "failed"


async def forged_sessions(peer):
    forged = {"cookie": "better-auth.session_token=" + "A" * 300}
    response = await visitor.ask(peer.port, peer.source, "GET", "/api/auth/get-session", forged)
    if response.status != 200 or response.json() is not None:
        raise UnexpectedError(f"a forged session: {response}")
    return "null"


# Scenario, its targets, how many callers at once, and seconds between two turns of one.
SCENARIOS = [
    (slow_heads, ["gateway", "sign-in"], 4, 0.5),
    (slow_bodies, ["gateway", "sign-in"], 3, 1),
    (held_bodies, ["gateway"], 1, 5),
    (slow_readers, ["gateway", "nginx"], 2, 1),
    (slow_readers_of_a_stream, ["gateway", "nginx"], 2, 1),
    (cut_connections, ["gateway", "sign-in", "nginx"], 2, 0.3),
    (malformed_requests, ["gateway", "sign-in"], 2, 0.3),
    (long_bodies, ["nginx"], 1, 2),
    (huge_responses, ["gateway", "nginx"], 1, 2),
    (responses_that_are_too_long, ["gateway"], 1, 20),
    (cancelled_requests, ["gateway", "nginx"], 2, 0.3),
    (held_slots, ["nginx"], 1, 15),
    (streams_that_break_off, ["gateway", "nginx"], 2, 0.5),
    (wrong_keys, ["gateway"], 1, 15),
    (too_many_requests, ["gateway"], 1, 5),
    (too_many_connections, ["gateway", "sign-in"], 1, 20),
    (too_many_sign_ins, ["sign-in"], 1, 20),
    (sign_ins_that_fail, ["sign-in"], 1, 3),
    (forged_sessions, ["sign-in"], 1, 1),
]


def callers(tally, ports):
    numbers = itertools.count()
    for scenario, targets, count, pause in SCENARIOS:
        for target in targets:
            for _ in range(count):
                yield Peer(tally, scenario, target, ports[target], next(numbers), pause)
