"""Good callers: plain requests, whole chats, streamed chats, sessions and tokens. Every response is checked for its content."""

import asyncio
import base64
import itertools
import json
import random
import time

from ..client import JSON, BrokenError, Connection, HangError, chat, request, within
from ..services import GOOD_KEYS
from . import visitor

PATIENCE = 45  # seconds until a good request counts as hanging
PAUSE = 0.1    # seconds between two requests of a caller


class WrongError(Exception):
    """A response that is complete, and not what was asked for."""


def check(condition, response):
    if not condition:
        raise WrongError(str(response))


def words(number, length):
    return f"caller {number} " + " ".join(f"{random.getrandbits(32):08x}" for _ in range(length))


def events(body):
    """The text of a stream, which must end in order."""
    text, finished, done = "", False, False
    for line in body.decode().split("\n"):
        if not line.startswith("data: "):
            if line and not line.startswith(":"):
                raise WrongError(f"a line of a stream: {line[:80]!r}")
            continue
        if done:
            raise WrongError("an event after the end")
        if line == "data: [DONE]":
            done = True
            continue
        data = json.loads(line[6:])
        if "error" in data:
            raise WrongError(f"an error event: {line[:200]}")
        for choice in data["choices"]:
            text += choice["delta"].get("content") or ""
            finished = finished or choice["finish_reason"] == "stop"
    if not done or not finished:
        raise WrongError(f"a complete response with half of a stream: {body[-80:]!r}")
    return text


class Caller:
    """One caller with an address, who repeats one kind of request."""

    def __init__(self, tally, kind, target, port, number, headers=None):
        self.tally, self.kind, self.target, self.port, self.number = tally, kind, target, port, number
        self.source, self.headers, self.connection = f"127.0.0.{10 + number}", headers or {}, None
        self.turns = itertools.count(number)

    async def run(self, stop):
        while not stop.is_set():
            method, path, body, verify = self.next()
            await self.one(method, path, body, verify)
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
        if self.connection:
            self.connection.close()

    async def one(self, method, path, body, verify, again=True):
        begun, opened, replicas, kind = time.monotonic(), None, "", f"{self.kind}, {self.target}"
        try:
            if not self.connection or not self.connection.is_open():
                self.connection = await within(PATIENCE, "connect", Connection.open(self.port, self.source))
            opened = self.connection.opened
            await self.connection.send(request(method, path, {**self.headers, **(JSON if body else {})}, body, host=f"127.0.0.1:{self.port}"))
            response = await within(PATIENCE, kind, self.connection.response(method))
            replicas = response.headers.get("x-replica", "")
            if response.status != 200:
                raise BrokenError(str(response), response.status, response.headers)
            verify(response)
            self.tally.took(kind, begun)
            if next(self.turns) % 8 == 0:
                self.connection.close()
        except (BrokenError, HangError, OSError, WrongError, ValueError, KeyError, TypeError) as error:
            replicas = getattr(error, "headers", {}).get("x-replica", "") or replicas
            # A GET of a caller without a proxy in front may be sent again, once: nothing else is.
            final = not (again and method == "GET" and self.target != "nginx")
            reason = f"{method} {path}: {type(error).__name__} {error}"
            self.tally.failed(kind if final else kind + ", sent again", self.target, method, begun, opened, reason, replicas)
            if self.connection:
                self.connection.abort()
            self.connection = None
            if not final:
                await self.one(method, path, body, verify, again=False)

    def next(self):
        turn = next(self.turns)
        if self.kind == "plain":
            if turn % 2:
                return "GET", "/health/live", None, lambda it: check(it.json()["status"] == "ok", it)
            return "GET", "/v1/models", None, lambda it: check("soak" in [row["id"] for row in it.json()["data"]], it)
        if self.kind == "chat":
            text = words(self.number, 2000 if turn % 20 == 0 else 20)
            return "POST", "/v1/chat/completions", chat(text), lambda it: check(it.json()["choices"][0]["message"]["content"] == text, it)
        if self.kind == "stream":
            text = words(self.number, 30)
            return "POST", "/v1/chat/completions", chat(text, stream=True), lambda it: check(events(it.body).strip() == text, it)
        if self.kind == "patient chat":
            text = words(self.number, 5)
            return "POST", "/v1/chat/completions", chat(text, "patient"), lambda it: check(it.json()["choices"][0]["message"]["content"] == text, it)
        raise ValueError(self.kind)


class Visitor(Caller):
    """A visitor with a session, who asks for it and for tokens."""

    async def run(self, stop):
        self.user = f"good-{self.number}"
        cookies = await visitor.sign_in(self.port, self.source, self.user)
        self.headers = {"cookie": visitor.header(cookies)}
        await super().run(stop)

    def next(self):
        if self.kind == "session":
            return "GET", "/api/auth/get-session", None, lambda it: check(it.json()["user"]["name"] == self.user, it)
        return "GET", "/api/auth/token", None, lambda it: check(self.claims(it)["preferred_username"] == self.user, it)

    @staticmethod
    def claims(response):
        part = response.json()["token"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Guest(Caller):
    """Signs in, asks for the session, signs out, and finds the old cookie rejected, also later."""

    async def run(self, stop):
        old = []
        for turn in itertools.count():
            if stop.is_set():
                return
            begun, user, kind = time.monotonic(), f"guest-{self.number}-{turn}", f"{self.kind}, {self.target}"
            try:
                cookies = await within(PATIENCE, kind, visitor.sign_in(self.port, self.source, user))
                header = {"cookie": visitor.header(cookies)}
                await self.ask("GET", "/api/auth/get-session", header, None, lambda it: check(it.json()["user"]["name"] == user, it))
                await self.ask("POST", "/api/auth/sign-out", {**header, **JSON, "origin": f"http://127.0.0.1:{self.port}"}, b"{}",
                               lambda it: check(it.json()["success"], it))
                old = [header, *old[:20]]
                for each in old[:1] + random.sample(old, 1):
                    await self.ask("GET", "/api/auth/get-session", each, None, lambda it: check(it.json() is None, it))
                self.tally.took(kind, begun)
            except (BrokenError, HangError, OSError, WrongError, ValueError, KeyError, TypeError) as error:
                self.tally.failed(kind, self.target, "POST", begun, None, f"{type(error).__name__} {error}")
            await asyncio.sleep(5) # SIGN_IN_RATE is 60/min

    async def ask(self, method, path, headers, body, verify):
        connection = await Connection.open(self.port, self.source)
        try:
            await connection.send(request(method, path, headers, body, host=f"127.0.0.1:{self.port}"))
            response = await within(PATIENCE, path, connection.response(method))
            check(response.status == 200, response)
            verify(response)
        finally:
            connection.close()


def callers(tally, ports):
    numbers = itertools.count()
    for kind in ("plain", "chat", "stream"):
        for _ in range(3):
            yield Caller(tally, kind, "nginx", ports["nginx"], next(numbers))
        for _ in range(2):
            number = next(numbers)
            yield Caller(tally, kind, "gateway", ports["gateway"], number, {"authorization": f"Bearer {GOOD_KEYS[number % len(GOOD_KEYS)]}"})
    yield Caller(tally, "patient chat", "nginx", ports["nginx"], next(numbers))
    for kind in ("session", "token"):
        for _ in range(2):
            yield Visitor(tally, kind, "sign-in", ports["sign-in"], next(numbers))
    yield Guest(tally, "sign-in and sign-out", "sign-in", ports["sign-in"], next(numbers))
