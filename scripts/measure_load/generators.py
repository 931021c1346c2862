"""The load generators, both on CPU 1: wrk, and steady (benches/src/steady)."""

import json
import re
import resource
import subprocess
import tempfile

from .errors import MeasurementError

CPU = ["taskset", "-c", "1"]
UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}


def wrk(address, request, connections, seconds):
    """Returns the rate, the number of requests, and latencies in ns. Fails unless every response is a 2xx."""
    path, body, headers = request
    words = [*CPU, "wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if body is not None:
            script.write(f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [[{body}]]\n')
            script.flush()
            words += ["-s", script.name]
        for header in headers:
            words += ["-H", header]
        ran = subprocess.run([*words, f"http://{address}{path}"], capture_output=True, text=True, timeout=seconds + 60)
    text = ran.stdout + ran.stderr
    if ran.returncode or "Non-2xx" in text or "Socket errors" in text:
        wrong = [line.strip() for line in text.splitlines() if "Non-2xx" in line or "Socket errors" in line]
        raise MeasurementError("; ".join(wrong) or text.strip()[-200:])

    def latency(percent):
        found = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.M)
        if not found:  # wrk prints no number if no request ended in time
            raise MeasurementError(f"wrk measured no latency: {text.strip()[-200:]}")
        return float(found[1]) * UNITS[found[2]]

    return {"per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "requests": int(re.search(r"(\d+) requests in", text).group(1)), "p50_ns": latency(50), "p99_ns": latency(99)}


class Steady:
    def __init__(self, program):
        self.program = program

    def words(self, mode, address, request=("/health", None, []), **options):
        path, body, headers = request
        words = [*CPU, self.program, mode, address, "--path", path]
        if body is not None:
            words += ["--body", body]
        for header in headers:
            words += ["--header", header]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        return words

    def run(self, *args, **options):
        """Runs it to the end and returns the last line of its output, parsed as JSON."""
        ran = subprocess.run(self.words(*args, **options), capture_output=True, text=True, timeout=600)
        if ran.returncode:
            raise MeasurementError(ran.stderr.strip())
        return json.loads(ran.stdout.splitlines()[-1])

    def begin(self, *args, **options):
        """Starts it and returns the process and its first line of output."""
        process = subprocess.Popen(self.words(*args, **options), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        line = process.stdout.readline().strip()
        if not line:
            raise MeasurementError(process.communicate()[1].strip())
        return process, line


class IdleConnections:
    """Holds idle keep-alive connections while its context is entered."""

    def __init__(self, steady, server, count):
        self.steady, self.server, self.count, self.process = steady, server, count, None

    def __enter__(self):
        if self.count:
            self.process, _ = self.steady.begin("hold", self.server.address, connections=self.count)
        return self

    def __exit__(self, kind, *_):
        if not self.process:
            return
        out, _ = self.process.communicate(timeout=60)
        still = json.loads(out.splitlines()[-1])["open"] if out else 0
        if kind is None and still != self.count:
            raise MeasurementError(f"{self.server.name} closed {self.count - still} of {self.count} idle connections")


def raise_file_limit():
    """Raises the limit of open files, which wrk and the servers inherit, because 10,000 connections need it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
