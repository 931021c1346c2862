"""A small HTTP/1.1 client that knows whether a response was complete, and whose address the caller chooses."""

import asyncio
import json
import socket
import time


class BrokenError(Exception):
    """The connection ended before the response did. `status` is the response's, if it had begun."""

    def __init__(self, reason, status=None, headers=None, body=b""):
        super().__init__(reason)
        self.status, self.headers, self.body = status, headers or {}, body


class HangError(Exception):
    """Nothing came in time."""


class Response:
    def __init__(self, status, headers, body, cookies):
        self.status, self.headers, self.body, self.cookies = status, headers, body, cookies

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:160]!r}"


class Connection:
    """One connection. A small `window` makes the peer's send buffer fill soon."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.opened, self.used = reader, writer, time.monotonic(), 0

    @classmethod
    async def open(cls, port, source, window=None):
        it = socket.socket()
        try:
            if window:
                it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            it.setblocking(False)
            it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # a port in TIME_WAIT can be used again
            it.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(it, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=it, limit=window or 1 << 16)
        except BaseException:
            it.close()
            raise
        return cls(reader, writer)

    def is_open(self):
        return not self.reader.at_eof() and self.reader.exception() is None and not self.writer.is_closing()

    async def send(self, data):
        self.used += 1
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        """Reads a head. Interim responses are passed over."""
        while True:
            try:
                text = await self.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                raise BrokenError(f"closed after {len(error.partial)} bytes of a head") from None
            except OSError as error:
                raise BrokenError(f"{type(error).__name__} before a head") from None
            first, *lines = text.decode("latin-1").split("\r\n")
            status, headers, cookies = int(first.split()[1]), {}, []
            for line in filter(None, lines):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
                if name.lower() == "set-cookie":
                    cookies.append(value.strip())
            if status >= 200:
                return status, headers, cookies

    async def response(self, method="GET"):
        """Reads a whole response, or raises BrokenError."""
        status, headers, cookies = await self.head()
        body = bytearray()
        try:
            if method != "HEAD" and status not in (204, 304):
                await self._body(headers, body)
        except (asyncio.IncompleteReadError, OSError, ValueError) as error:
            body += getattr(error, "partial", b"")
            raise BrokenError(f"{type(error).__name__} in a response", status, headers, bytes(body)) from None
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Response(status, headers, bytes(body), cookies)

    async def _body(self, headers, body):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await self.reader.readuntil(b"\r\n")).strip(), 16):
                body += await self.reader.readexactly(size)
                if await self.reader.readexactly(2) != b"\r\n":
                    raise ValueError("a chunk without its end")
            await self.reader.readexactly(2)
        elif "content-length" in headers:
            body += await self.reader.readexactly(int(headers["content-length"]))
        else:
            while more := await self.reader.read(1 << 16):
                body += more

    def close(self):
        self.writer.close()

    def abort(self):
        """Ends the connection with a reset."""
        self.writer.transport.abort()


def request(method, path, headers=(), body=None, host="localhost"):
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in dict(headers).items())]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chat(text, model="soak", stream=False):
    return json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()


JSON = {"content-type": "application/json"}


async def within(seconds, what, work):
    try:
        return await asyncio.wait_for(work, seconds)
    except asyncio.TimeoutError:
        raise HangError(f"{what}: nothing within {seconds:g} s") from None
