"""Three upstreams that fail in turn. The model of a request says what they do with it; the mode of the one whose turn it is
makes its requests fail before their response begins, so that another one can take over."""

import asyncio
import collections
import json

MODES = ["refused", "status 500", "status 503", "reset", "page", "half", "status 429", "silent", "busy"]
MODELS = ["soak", "patient", "huge", "too-huge", "cut", "slow", "endless"]
FILLER = "x" * 65536


def completion(model, text):
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def event(delta, finish=None):
    return b"data: " + json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "soak",
                                   "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Upstream:
    def __init__(self, group):
        self.group, self.mode, self.server, self.port = group, None, None, 0
        self.idle = set() # kept connections without a request

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    async def turn(self, mode):
        """Fails in this way from now on, or no more."""
        self.mode = mode
        if mode == "refused":
            self.server.close()
            for writer in self.idle.copy():
                writer.transport.abort()
        elif not self.server.is_serving():
            await self.listen()

    async def serve(self, reader, writer):
        try:
            while True:
                self.idle.add(writer)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
                body = await reader.readexactly(length)
                self.idle.discard(writer)
                self.group.counts["open"] += 1
                try:
                    await self.answer(head.split()[1], json.loads(body) if body else {}, reader, writer)
                finally:
                    self.group.counts["open"] -= 1
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, OSError, ValueError):
            pass
        finally:
            self.idle.discard(writer)
            writer.close()

    async def answer(self, path, body, reader, writer):
        model, stream = body.get("model"), body.get("stream", False)
        if not body or path.startswith("/v1/models"):
            return await self.whole(writer, 200, json.dumps({"object": "list", "data": [
                {"id": name, "object": "model", "created": 1, "owned_by": "soak"} for name in MODELS]}))
        if self.mode and (self.mode != "silent" or model == "patient"):
            self.group.counts[f"failed: {self.mode}"] += 1
            return await self.fail(reader, writer, stream)
        text = body["messages"][-1]["content"]
        self.group.counts["answered"] += 1
        if model == "too-huge":
            return await self.endless_whole(writer)
        if model in ("cut", "slow", "endless") or stream:
            return await self.stream(reader, writer, model, text)
        await self.whole(writer, 200, json.dumps(completion(model, "x" * (8 << 20) if model == "huge" else text)))

    async def whole(self, writer, status, text, headers="", kind="application/json"):
        writer.write(f"HTTP/1.1 {status} S\r\ncontent-type: {kind}\r\n{headers}content-length: {len(text)}\r\n\r\n".encode() + text.encode())
        await writer.drain()

    async def fail(self, reader, writer, stream):
        error = json.dumps({"error": {"message": "this upstream fails", "type": "server_error"}})
        if self.mode == "reset" or self.mode == "refused":
            writer.transport.abort()
        elif self.mode == "page":
            await self.whole(writer, 200, "<html>moved</html>", kind="text/html")
        elif self.mode == "half":
            text = json.dumps(completion("soak", "only half of it"))
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text[:60]}".encode())
            await writer.drain()
            writer.close()
        elif self.mode == "silent":
            await self.until_closed(reader, writer)
        elif self.mode == "busy":
            await self.whole(writer, 429, error, headers="retry-after: 1\r\n")
        else:
            await self.whole(writer, int(self.mode.split()[1]), error)

    async def until_closed(self, reader, writer):
        await reader.read(1)
        self.group.counts["cancelled"] += 1
        writer.close()

    async def endless_whole(self, writer):
        """A whole answer of 80 MiB, unless the client ends it."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b'{"a":"'))
        for _ in range(1280):
            writer.write(chunk(FILLER.encode()))
            await writer.drain()
        writer.write(chunk(b'"}') + b"0\r\n\r\n")
        await writer.drain()

    async def stream(self, reader, writer, model, text):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(event({"role": "assistant", "content": ""})))
        closed = asyncio.ensure_future(reader.read(1)) # a client sends no second request before the end
        try:
            words = {"slow": ["word "] * 150, "endless": [FILLER] * 100_000}.get(model) or [word + " " for word in text.split()]
            for number, word in enumerate(words):
                if closed.done():
                    self.group.counts["cancelled"] += 1
                    return writer.close()
                if model == "cut" and number == 3:
                    return writer.transport.abort()
                writer.write(chunk(event({"content": word})))
                await writer.drain()
                if model != "endless":
                    await asyncio.wait([closed], timeout=0.2 if model == "slow" else 0.005)
            writer.write(chunk(event({}, "stop")) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
            await writer.drain()
        finally:
            closed.cancel()
            try:
                await closed
            except (asyncio.CancelledError, OSError):
                pass


class Upstreams:
    """The three, and what they counted."""

    def __init__(self):
        self.counts, self.all = collections.Counter(), [Upstream(self) for _ in range(3)]

    async def listen(self):
        for upstream in self.all:
            await upstream.listen()
        return [upstream.port for upstream in self.all]

    async def fail_in_turn(self, seconds):
        """Each fails for so long, one after another, each time in another way."""
        number = 0
        try:
            while True:
                upstream = self.all[number % len(self.all)]
                await upstream.turn(MODES[number % len(MODES)])
                self.counts[f"turns: {MODES[number % len(MODES)]}"] += 1
                await asyncio.sleep(seconds)
                await upstream.turn(None)
                number += 1
        finally:
            for upstream in self.all:
                await upstream.turn(None)
