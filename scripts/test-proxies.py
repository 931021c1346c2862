#!/usr/bin/env python3
"""Sends malformed and ambiguous messages to python-backend through proxies: no request gets another request's response.

usage: scripts/test-proxies.py [--table] [PROXY ...]     (default: all that are installed, and the service alone)
It requires dist/python-backend from scripts/build.sh.
On one connection, each message is followed by two valid requests, P1 and P2. Then a second client uses the same proxy,
and with it the same connections to the service. A request may be rejected, but it neither vanishes nor is answered with
the response to another. --table prints what became of each message, as the table in docs/decisions/hostile-peers.md.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATIENCE = 30  # seconds to wait for an event before the test fails
WAIT = 2  # seconds after which each proxy gives up a message that it takes for incomplete

CHAT = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hi"}]}).encode()
GET = b"GET /v1/models/M HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: M\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: M\r\nContent-Type: application/json\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(CHAT), CHAT)
HIDDEN = b"GET /v1/models/hidden HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: hidden\r\n\r\n"


def lengths(*values):
    return POST + b"".join(b"Content-Length: %b\r\n" % value for value in values) + b"\r\n" + CHAT


def coded(*values, body=CHUNK + b"0\r\n\r\n"):
    return POST + b"".join(b"Transfer-Encoding: %b\r\n" % value for value in values) + b"\r\n" + body


LENGTH = b"%d" % len(CHAT)
MESSAGES = {
    "valid: GET": GET + b"\r\n",
    "valid: length": lengths(LENGTH),
    "valid: chunked": coded(b"chunked"),
    "LF ends every line": (GET + b"\r\n").replace(b"\r\n", b"\n"),
    "LF ends one field": GET + b"X: y\n\r\n",
    "LF ends the head": GET + b"\n",
    "folded field": GET + b"X: y\r\n z\r\n\r\n",
    "space before a colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
    "NUL in a field": GET + b"X: y\0z\r\n\r\n",
    "CR in a field": GET + b"X: y\rTransfer-Encoding: chunked\r\n\r\n",
    "two Hosts": GET + b"Host: other\r\n\r\n",
    "same length twice": lengths(LENGTH, LENGTH),
    "two lengths": lengths(LENGTH, b"3"),
    "lengths in one field": lengths(LENGTH + b", " + LENGTH),
    "length with a sign": lengths(b"+" + LENGTH),
    "length in hexadecimal": lengths(b"0x%x" % len(CHAT)),
    "length beyond 64 bits": lengths(b"18446744073709551617"),
    "length, then chunked": POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(HIDDEN)) + HIDDEN,
    "chunked, then length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + CHUNK + b"0\r\n\r\n",
    "gzip, chunked": coded(b"gzip, chunked"),
    "chunked, gzip": coded(b"chunked, gzip"),
    "chunked, chunked": coded(b"chunked, chunked"),
    "chunked in two fields": coded(b"chunked", b"chunked"),
    "identity": coded(b"identity"),
    "xchunked": coded(b"xchunked"),
    "chunked after VT": coded(b"\x0bchunked"),
    "chunked in quotes": coded(b'"chunked"'),
    "chunked in HTTP/1.0": coded(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "extension": coded(b"chunked", body=b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)),
    "extension with LF": coded(b"chunked", body=b"%x;a\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)),
    "long extension": coded(b"chunked", body=b"%x;%b\r\n%b\r\n0\r\n\r\n" % (len(CHAT), b"a" * 20000, CHAT)),
    "size with a space": coded(b"chunked", body=b"%x \r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)),
    "size with 0x": coded(b"chunked", body=b"0x%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)),
    "size beyond 64 bits": coded(b"chunked", body=b"10000000000000002\r\n%b\r\n0\r\n\r\n" % CHAT),
    "no CRLF behind a chunk": coded(b"chunked", body=b"%x\r\n%bxx0\r\n\r\n" % (len(CHAT), CHAT)),
    "trailer": coded(b"chunked", body=CHUNK + b"0\r\nX: y\r\n\r\n"),
    "last chunk, LF": coded(b"chunked", body=CHUNK + b"0\r\n\n"),
    "last chunk, LF, CRLF": coded(b"chunked", body=CHUNK + b"0\n\r\n"),
    "body of a GET": GET + b"Content-Length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN),
    "absolute form": GET.replace(b" /", b" http://localhost/", 1) + b"\r\n",
    "absolute form, another Host": GET.replace(b" /", b" http://other/", 1) + b"\r\n",
    "# in the target": GET.replace(b"/M", b"/M#x") + b"\r\n",
    "raw UTF-8 in the target": GET.replace(b"/M", "/M?ü".encode()) + b"\r\n",
    "space in the target": GET.replace(b"/M", b"/M M") + b"\r\n",
    "head of 10 KB": GET + b"X: %b\r\n\r\n" % (b"a" * 10000),
    "head of 40 KB": GET + b"X: %b\r\n\r\n" % (b"a" * 40000),
    "HTTP/1.0, keep-alive": GET.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Connection: keep-alive\r\n\r\n",
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    "HTTP/0.9": b"GET /v1/models/M\r\n",
    "HTTP/1.2": GET.replace(b"HTTP/1.1", b"HTTP/1.2") + b"\r\n",
    "expects 100-continue": lengths(LENGTH).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
    "upgrade to h2c": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
    "Connection lists a length": lengths(LENGTH).replace(b"\r\n\r\n", b"\r\nConnection: content-length\r\n\r\n"),
}


def valid(name):
    return f"GET /v1/models/{name} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {name}\r\n\r\n".encode()


class Response:
    """A response as a client reads it."""

    def __init__(self, stream):
        line = stream.readline().decode("latin-1")
        if not line:
            raise EOFError
        self.status = int(line.split()[1])
        self.fields = {}
        while (field := stream.readline().strip()):
            name, _, value = field.decode("latin-1").partition(":")
            self.fields[name.lower()] = value.strip()
        self.id = self.fields.get("x-request-id")
        self.closes = self.fields.get("connection", "").lower() == "close"
        if self.status < 200 or self.status in (204, 304):
            self.body = b""
        elif self.fields.get("transfer-encoding") == "chunked":
            self.body = b""
            while (size := int(stream.readline(), 16)):
                self.body += stream.read(size)
                stream.readline()
            stream.readline()
        elif "content-length" in self.fields:
            self.body = stream.read(int(self.fields["content-length"]))
        else:
            self.body, self.closes = stream.read(), True


def converse(port, message, last):
    """Sends the message, and reads responses until the last one's or the end of the connection."""
    responses, is_old = [], b"HTTP/1.0\r\n" in message and b"keep-alive" not in message
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection, connection.makefile("rb") as stream:
        try:
            connection.sendall(message)
            while not responses or responses[-1].id != last:
                response = Response(stream)
                response.closes |= is_old  # a proxy need not say so
                if response.status >= 200:
                    responses.append(response)
        except (EOFError, ConnectionError, ValueError, IndexError):
            pass
    return responses


def judge(responses):
    """What is wrong with the responses to a message, P1 and P2, and a short text on what became of the message."""
    expected, first = ["M", "hidden", "P1", "P2"], "closed"
    for number, response in enumerate(responses):
        if number and responses[number - 1].closes:
            return "a response behind the last", first
        is_rejection = response.status >= 400 and (response.id is None or re.fullmatch("[0-9a-f]{32}", response.id))
        if response.id in expected:
            at = expected.index(response.id)
            skipped = [name for name in expected[:at] if name != "hidden"]
            if skipped:
                return f"{response.id} is answered, but {skipped[0]} is not", first
            if response.id in ("P1", "P2") and response.id.encode() not in response.body:
                return f"{response.id} got another response", first
            expected = expected[at + 1:]
        elif is_rejection:
            expected = [name for name in expected if name != "hidden"][1:]
        else:
            return f"a response to nothing: {response.status} {response.id}", first
        if number == 0:
            by = "" if response.status in (200, 404) and response.id else " by the " + ("service" if response.id else "proxy")
            first = f"{response.status}{by}"
    if expected and responses:
        last = responses[-1]
        if not (last.closes or is_rejection or last.id == "M" and last.status not in (200, 404)):
            return f"{expected[-1]} got no response", first
        first += ", closed"
    return "", first


class Service:
    """python-backend with only the demo model."""

    def __init__(self):
        env = {"HOST": "127.0.0.1", "PORT": "0", "ALLOWED_HOSTS": "*", "LOG_FORMAT": "json", "DEMO_DELAY": "0",
               "HEADER_TIMEOUT": f"{WAIT}s"}
        self.process = subprocess.Popen([os.path.join(ROOT, "dist/python-backend")], env=env, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if '"listening"' in line:
                self.port = int(json.loads(line)["address"].rpartition(":")[2])
                break
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()


NGINX = """
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off; keepalive_timeout {wait}s; client_header_timeout {wait}s; client_body_timeout {wait}s;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    upstream backend {{ server 127.0.0.1:{service}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host; {more}
        }}
    }}
}}
"""
HAPROXY = """
global
    maxconn 64
defaults
    mode http
    timeout connect 5s
    timeout client {wait}s
    timeout server 30s
    timeout http-request {wait}s
    timeout http-keep-alive {wait}s
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    {more}
    default_backend back
backend back
    server one 127.0.0.1:{service} pool-max-conn 1
"""
CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}
    servers {{
        timeouts {{
            read_header {wait}s
            read_body {wait}s
            idle {wait}s
        }}
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{service} {{
        {more}
    }}
}}
"""
# Name: program, Debian's package, configuration, what is added to it, arguments.
PROXIES = {
    "nginx": ("nginx", "nginx-light", NGINX, "", ["-p", "{folder}", "-e", "stderr", "-c", "{file}"]),
    "nginx-streaming": ("nginx", "nginx-light", NGINX, "proxy_request_buffering off;", ["-p", "{folder}", "-e", "stderr", "-c", "{file}"]),
    "haproxy": ("haproxy", "haproxy", HAPROXY, "", ["-f", "{file}"]),
    "haproxy-lenient": ("haproxy", "haproxy", HAPROXY, "option accept-invalid-http-request", ["-f", "{file}"]),
    "caddy": ("caddy", "caddy", CADDY, "", ["run", "--adapter", "caddyfile", "--config", "{file}"]),
}

ALONE = "service"  # without a proxy


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Proxy:
    """A proxy with a free port, in a folder of its own."""

    def __init__(self, name, service):
        program, _, template, more, arguments = PROXIES[name]
        self.folder = tempfile.mkdtemp()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        file = os.path.join(self.folder, "config")
        with open(file, "w") as config:
            config.write(template.format(port=self.port, service=service, wait=WAIT, more=more, folder=self.folder))
        arguments = [argument.format(folder=self.folder, file=file) for argument in arguments]
        env = {"PATH": os.environ.get("PATH", ""), "HOME": self.folder}
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.process = subprocess.Popen([find(program), *arguments], stdout=self.log, stderr=self.log, env=env)
        for _ in range(PATIENCE * 50):
            try:
                return socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    break
                threading.Event().wait(0.02)
        self.log.seek(0)
        raise SystemExit(f"{name} does not start:\n{self.log.read()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()
        shutil.rmtree(self.folder)


def run(name, service):
    """Sends every message through a proxy, or to the service itself. Returns what became of each, and the problems."""
    proxy, cells, problems = Proxy(name, service.port) if name in PROXIES else None, {}, []
    port = proxy.port if proxy else service.port
    try:
        for what, message in MESSAGES.items():
            problem, cells[what] = judge(converse(port, message + valid("P1") + valid("P2"), "P2"))
            for other in ("S1", "S2", "S3"):
                responses = converse(port, valid(other), other)
                ids = [response.id for response in responses]
                if ids != [other] or other.encode() not in responses[0].body:
                    problem = problem or f"another client's {other} is answered by {ids}"
            if problem:
                problems.append(f"{name}, {what}: {problem}")
            if what.startswith("valid") and cells[what] not in ("200", "404"):
                problems.append(f"{name}, {what}: {cells[what]}")
    finally:
        if proxy:
            proxy.stop()
    return cells, problems


def test_judge():
    """The rule itself notices what it is for."""

    def response(status, name, body=b"", closes=False):
        made = Response.__new__(Response)
        made.status, made.id, made.body, made.closes = status, name, body or (name or "").encode(), closes
        return made

    good = [[(200, "M"), (404, "P1"), (404, "P2")], [(400, None, b"", True)], [(400, "0" * 32), (404, "P1"), (404, "P2")]]
    bad = [[(200, "M"), (404, "P2")], [(404, "P1"), (404, "P2")], [(200, "M"), (404, "P1", b"P2"), (404, "P2")],
           [(200, "M"), (404, "P2"), (404, "P1")], [(200, "M"), (404, "P1")], [(200, "X")]]
    for replies, is_good in [(replies, True) for replies in good] + [(replies, False) for replies in bad]:
        assert (judge([response(*reply) for reply in replies])[0] == "") is is_good, replies


def main():
    arguments = sys.argv[1:]
    shows = "--table" in arguments
    wanted = [argument for argument in arguments if argument != "--table"] or [*PROXIES, ALONE]
    if unknown := [name for name in wanted if name not in (*PROXIES, ALONE)]:
        raise SystemExit(f"unknown: {' '.join(unknown)}; valid are: --table {' '.join(PROXIES)} {ALONE}")
    test_judge()
    service, table, problems = Service(), {}, []
    try:
        for name in wanted:
            if name != ALONE and not find(PROXIES[name][0]):
                print(f"{name}: skipped, because {PROXIES[name][1]} is not installed")
                continue
            table[name], found = run(name, service)
            problems += found
            print(f"{name}: {len(table[name])} messages, {len(found)} problems")
    finally:
        service.process.terminate()
        service.process.wait(PATIENCE)
    if shows:
        print("| message |" + "".join(f" {name} |" for name in table) + "\n|---|" + "---|" * len(table))
        for what in MESSAGES:
            print(f"| {what} |" + "".join(f" {cells[what]} |" for cells in table.values()))
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
