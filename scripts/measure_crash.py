"""Measures how soon a service that crashed answers again: from kill(2) to the first byte of the next 200, on a new
connection. scripts/measure-startup.sh calls it.

usage: python3 scripts/measure_crash.py [--runs N] [NAME<tab>COMMAND ...]
Our services restart in place. nginx's worker is replaced by its master. Every COMMAND is restarted at once by a loop of
this script, which is faster than any supervisor, and is asked again every millisecond until it listens.
"""

import contextlib
import os
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATIENCE = 60  # seconds until a service must answer
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
STARTABLE = {"DEV_SIGN_IN": "yes", "AUTH_SECRET": "only-for-measurements-0123456789-ABCDEF"}


def port_of_nothing():
    with socket.create_server(("127.0.0.1", 0)) as it:
        return it.getsockname()[1]


def answered(port):
    """Asks until the answer is a 200, and returns the time of its first byte."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(REQUEST)
            first, at = connection.recv(1024), time.perf_counter()
            if first.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
                while connection.recv(65536):
                    pass
                return at
        time.sleep(0.001)
    sys.exit(f"measure_crash: nothing answers with 200 at port {port}")


class Ours:
    """A service that restarts itself."""

    def __init__(self, name):
        self.port = port_of_nothing()
        env = {**STARTABLE, "HOST": "127.0.0.1", "PORT": str(self.port), "CRASH_BURST": "1000000/60s", "AUTH_URL": f"http://127.0.0.1:{self.port}"}
        self.process = subprocess.Popen([f"{ROOT}/dist/{name}"], env=env, stderr=subprocess.DEVNULL)
        answered(self.port)

    def crash(self):
        self.process.send_signal(signal.SIGSEGV)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Nginx(Ours):
    """A master that replaces its worker."""

    def __init__(self, folder):
        self.port = port_of_nothing()
        paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"daemon off; pid {folder}/pid; error_log /dev/null; worker_processes 1; worker_rlimit_core 0; events {{}}\n"
                       f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{self.port}; location / {{ return 200 ok; }} }} }}\n")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", "/dev/null"])
        answered(self.port)

    def crash(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            os.kill(int(children.read().split()[0]), signal.SIGSEGV)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Looped(Ours):
    """A command that is started again as soon as it has ended."""

    def __init__(self, command):
        self.port, self.command = port_of_nothing(), shlex.split(command)
        self.start()
        answered(self.port)

    def start(self):
        env = {**os.environ, **STARTABLE, "HOST": "127.0.0.1", "PORT": str(self.port)}
        self.process = subprocess.Popen(self.command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def crash(self):
        self.process.send_signal(signal.SIGSEGV)
        self.process.wait()
        self.start()


def measure(service, runs):
    """Milliseconds from the signal to the first byte, sorted."""
    times = []
    try:
        for _ in range(runs):
            begun = time.perf_counter()
            service.crash()
            times.append((answered(service.port) - begun) * 1000)
    finally:
        service.stop()
    return sorted(times)


def main():
    words = sys.argv[1:]
    runs = int(words[1]) if words[:1] == ["--runs"] else 300
    commands = [line.split("\t") for line in words if "\t" in line]
    with open(f"{ROOT}/benches/goals.toml", "rb") as file:
        goals = {row["percentile"]: row["at_most_ms"] for row in tomllib.load(file)["crash"]}
    print(f"fault to next 200 (kill(2) with SEGV, then a new connection), ms, n = {runs}")
    print(f"{'':16}{'p50':>9}{'p99':>9}{'max':>9}")
    with tempfile.TemporaryDirectory() as folder:
        subjects = [(name, lambda name=name: Ours(name), runs) for name in sorted(os.listdir(f"{ROOT}/dist")) if name.endswith("-backend")]
        if os.path.exists("/usr/sbin/nginx"):
            subjects.append(("nginx worker", lambda: Nginx(folder), runs))
        subjects += [(name, lambda command=command: Looped(command), max(runs // 30, 5)) for name, command in commands]
        for name, make, count in subjects:
            times = measure(make(), count)
            found = {"p50": statistics.median(times), "p99": times[min(len(times) - 1, len(times) * 99 // 100)]}
            verdict = ""
            if re.search("-backend$", name):
                verdict = "  " + ", ".join(f"{which} goal {goals[which]} {'met' if found[which] <= goals[which] else 'missed'}" for which in found)
            print(f"{name:16}{found['p50']:9.2f}{found['p99']:9.2f}{times[-1]:9.2f}{f'  n = {count}' if count != runs else ''}{verdict}", flush=True)


if __name__ == "__main__":
    main()
