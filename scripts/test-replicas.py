#!/usr/bin/env python3
"""Restarts replicas behind nginx under load: SIGTERM loses no request, SIGKILL only those in flight.

usage: scripts/test-replicas.py [BACKEND ...]     (default: both; requires nginx, and dist/ from scripts/build.sh)
nginx runs deploy/nginx.conf with other ports. The load comes from a few threads, on keep-alive connections and on
new ones, and with streams if the backend has them.
"""

import collections
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATIENCE = 60  # seconds to wait for an event before the test fails
AUTH = "http://127.0.0.1:7860"
COMMON = {"HOST": "127.0.0.1", "LOG_FORMAT": "json", "TRUSTED_PROXY_HOPS": "1"}
ENV = {
    "python-backend": {},
    "nodejs-backend": {"DEV_SIGN_IN": "yes", "AUTH_URL": AUTH, "AUTH_SECRET": "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=",
                       "SIGN_IN_RATE": "100000/s"},
}
JSON = {"content-type": "application/json"}


class Replica:
    """A process of the backend. Its replacement gets the same port."""

    def __init__(self, name, port=0):
        self.name, self.lines, self.logged = name, {}, threading.Condition()
        self.process = subprocess.Popen([os.path.join(ROOT, "dist", name)], stderr=subprocess.PIPE, text=True,
                                        env={**COMMON, **ENV[name], "PORT": str(port)})
        threading.Thread(target=self.read, daemon=True).start()
        self.port = int(self.line("listening")["address"].rpartition(":")[2])

    def read(self):
        with self.process.stderr as log:
            for line in log:
                if '"message":"request"' not in line:
                    with self.logged:
                        record = json.loads(line)
                        self.lines[record["message"]] = record
                        self.logged.notify_all()

    def line(self, message):
        """Waits for this log message and returns its fields."""
        with self.logged:
            assert self.logged.wait_for(lambda: message in self.lines, PATIENCE), f"{self.name}: no '{message}' among {self.lines}"
            return self.lines[message]

    def end(self, signal_number):
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE)


class Workers:
    """Threads that each run `work` with arguments of their own until `stopped`, and note results."""

    def __init__(self):
        self.changed, self.stopped, self.workers = threading.Condition(), False, []

    def start(self, arguments):
        self.workers = [threading.Thread(target=self.work, args=each) for each in arguments]
        for worker in self.workers:
            worker.start()

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def stop(self):
        self.stopped = True
        for worker in self.workers:
            worker.join()


class Load(Workers):
    """Requests until they are stopped, and their results."""

    def __init__(self, port, request, kinds):
        super().__init__()
        self.port, self.request = port, request
        self.answered, self.failed = collections.Counter(), []  # by (kind, port); (kind, begun, port, reason)
        self.streams, self.retried = collections.Counter(), 0   # streams in flight by port
        self.start((kind,) for kind in kinds)

    def work(self, kind):
        connection, turn = None, 0
        while not self.stopped:
            begun, replica, turn = time.monotonic(), None, turn + 1
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                method, path, body, headers, check = self.request(kind, turn)
                connection.request(method, path, body, {**headers, **({"connection": "close"} if kind == "fresh" else {})})
                response = connection.getresponse()
                tried = re.findall(r":(\d+)", response.headers["x-replica"] or "")
                replica = int(tried[-1]) if tried else None
                self.note(lambda: self.streams.update([replica]) if kind == "stream" else None)
                try:
                    content = response.read()
                finally:
                    self.note(lambda: self.streams.subtract([replica]) if kind == "stream" else None)
                if response.status != 200 or not check(content):
                    raise ValueError(f"{response.status} {content[-200:]!r}")
                self.note(lambda: self.answered.update([(kind, replica)]))
                self.retried += len(tried) > 1
            except (OSError, ValueError, http.client.HTTPException) as error:
                reason = f"{method} {path}: {type(error).__name__} {error}"
                self.note(lambda: self.failed.append((kind, begun, replica, reason)))
                connection.close()
                connection = None
            if kind == "fresh" and connection:
                connection.close()
                connection = None

    def until(self, what, condition):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), f"not within {PATIENCE} s: {what}; failed: {self.failed[:5]}"

    def by(self, port):
        return sum(count for (_, at), count in self.answered.items() if at == port)

    def served_by(self, port, more=30):
        enough = self.by(port) + more
        self.until(f"{more} responses from {port}", lambda: self.by(port) >= enough)


def free_port():
    """Returns an unused port, because nginx cannot report a port that it chose itself."""
    with socket.create_server(("127.0.0.1", 0)) as it:
        return it.getsockname()[1]


class Nginx:
    """Runs deploy/nginx.conf with these replicas, and adds a header with the replica that answered."""

    def __init__(self, work, replicas, connections=512):
        self.port = free_port()
        with open(os.path.join(ROOT, "deploy/nginx.conf"), encoding="utf-8") as file:
            text = file.read().replace("listen 127.0.0.1:7860;", f"listen 127.0.0.1:{self.port};")
        for number, replica in enumerate(replicas, 7861):
            assert f"server 127.0.0.1:{number} " in text
            text = text.replace(f"server 127.0.0.1:{number} ", f"server 127.0.0.1:{replica.port} ")
        paths = " ".join(f"{kind}_temp_path {work}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # Root's worker would be another user, who may not enter a temporary folder of root.
        user = "user root; " if os.geteuid() == 0 else ""
        config = os.path.join(work, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"{user}daemon off; pid {work}/pid; error_log {work}/error.log; events {{ worker_connections {connections}; }}\n"
                       f"http {{ access_log off; {paths} add_header X-Replica $upstream_addr always;\n{text}}}\n")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", config, "-e", f"{work}/error.log"])
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, "nginx does not listen"

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def chats(_):
    """Requests to the gateway: GET and POST without a stream, and streams of about half a second."""
    def request(kind, turn):
        words = "word " * (40 if kind == "stream" else 5)
        chat = {"model": "demo", "stream": kind == "stream", "messages": [{"role": "user", "content": words}]}
        if kind == "stream":
            return "POST", "/v1/chat/completions", json.dumps(chat), JSON, lambda it: it.count(b"word ") == 40 and it.endswith(b"data: [DONE]\n\n")
        if turn % 2:
            return "GET", "/v1/models", None, {}, lambda it: json.loads(it)["data"][0]["id"] == "demo"
        return "POST", "/v1/chat/completions", json.dumps(chat), JSON, lambda it: words.strip() in json.loads(it)["choices"][0]["message"]["content"]
    return request


def sessions(port):
    """Requests to the sign-in service: read a session created before the restarts, get a token for it, start a sign-in."""
    def send(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request(method, path, body, {"origin": AUTH, **(headers or {})})
        response = connection.getresponse()
        content = response.read().decode()
        cookies = [it.split(";")[0] for it in response.headers.get_all("set-cookie", []) if "Max-Age=0;" not in it]
        connection.close()
        return response, content, {"cookie": "; ".join(cookies)}
    begin = json.dumps({"provider": "huggingface", "callbackURL": "/"})
    _, content, flow = send("POST", "/api/auth/sign-in/social", begin, JSON)
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(json.loads(content)["url"]).query)["state"][0]
    form = urllib.parse.urlencode({"state": state, "callback_path": "callback", "username": "ann", "name": "Ann"})
    response, _, _ = send("POST", "/dev/sign-in", form, {"content-type": "application/x-www-form-urlencoded"})
    session = send("GET", response.headers["location"], headers=flow)[2]
    assert session["cookie"], "the sign-in created no session"
    requests = [("GET", "/api/auth/get-session", None, session, lambda it: json.loads(it)["user"]["id"] == "dev-ann"),
            ("GET", "/api/auth/token", None, session, lambda it: json.loads(it)["token"].count(".") == 2),
            ("POST", "/api/auth/sign-in/social", begin, {**JSON, "origin": AUTH}, lambda it: "state=" in json.loads(it)["url"])]
    return lambda _, turn: requests[turn % len(requests)]


def rolling(name, replicas, load):
    """Restarts the replicas by SIGTERM, one after another; each replacement serves before the next restart."""
    in_flight = []
    for at, replica in enumerate(replicas):
        load.served_by(replica.port)
        if name == "python-backend":
            load.until("a stream in flight", lambda port=replica.port: load.streams[port] > 0)
        status = replica.end(signal.SIGTERM)
        replica.line("stopped")
        assert status == 0, status
        in_flight.append(replica.line("draining")["in_flight"])
        replicas[at] = Replica(name, replica.port)
        load.served_by(replica.port)
    assert not load.failed, f"{len(load.failed)} failed while replicas restarted: {load.failed[:10]}"
    return in_flight


def killed(name, replicas, load):
    """Kills one replica: only requests that were in flight there fail."""
    victim = replicas[0]
    if name == "python-backend":
        load.until("a stream in flight", lambda: load.streams[victim.port] > 0)
    victim.end(signal.SIGKILL)
    dead = time.monotonic()
    for other in replicas[1:]:
        load.served_by(other.port, 100)
    replicas[0] = Replica(name, victim.port)
    load.served_by(victim.port)
    for kind, begun, port, reason in load.failed:
        assert begun < dead and port in (None, victim.port), f"failed, but was not in flight at the killed replica: {kind} {port} {reason}"
    if name == "python-backend":
        assert any(kind == "stream" for kind, *_ in load.failed), "the stream in flight at the killed replica did not fail"
    return len(load.failed)


def test(name):
    kinds = ["kept"] * 6 + ["fresh"] * 3 + (["stream"] * 6 if name == "python-backend" else [])
    started = time.monotonic()
    replicas, nginx, load = [Replica(name) for _ in range(3)], None, None
    with tempfile.TemporaryDirectory() as work:
        try:
            nginx = Nginx(work, replicas)
            load = Load(nginx.port, (chats if name == "python-backend" else sessions)(nginx.port), kinds)
            in_flight = rolling(name, replicas, load)
            restarts, by_kind = sum(load.answered.values()), collections.Counter()
            for (kind, _), count in load.answered.items():
                by_kind[kind] += count
            lost = killed(name, replicas, load)
        finally:
            if load:
                load.stop()
            if nginx:
                nginx.stop()
            for replica in replicas:
                replica.process.kill()
    print(f"{name}: {restarts} requests ({', '.join(f'{count} {kind}' for kind, count in sorted(by_kind.items()))}), 0 failed while 3 replicas "
          f"restarted by SIGTERM with {', '.join(map(str, in_flight))} requests in flight; {load.retried} were retried at a second replica")
    print(f"{name}: {lost} failed by a SIGKILL, of {len(kinds)} in flight at the three; {sum(load.answered.values()) - restarts} "
          f"requests since, in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    for what, exists in [("/usr/sbin/nginx", os.path.exists("/usr/sbin/nginx"))] + [
            (f"dist/{it}", it in ENV and os.path.exists(os.path.join(ROOT, "dist", it))) for it in sys.argv[1:] or ENV]:
        if not exists:
            sys.exit(f"test-replicas: {what} is missing; install nginx with scripts/setup.sh test, build the backends with scripts/build.sh")
    for each in sys.argv[1:] or ENV:
        test(each)
