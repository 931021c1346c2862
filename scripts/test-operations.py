#!/usr/bin/env python3
"""Checks what an operator relies on: the metrics of both backends as promtool reads them, the alert rules with series
that fire them and series that do not, and that rules and dashboard name only metrics that exist.

usage: scripts/test-operations.py [--check]      (PYTHON_BACKEND and NODEJS_BACKEND name other binaries than dist's)
  --check   only reports whether promtool is there: exit status 1 and the reason if not
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EVENT = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
LOCAL = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json"}


class Upstream(BaseHTTPRequestHandler):
    """Streams one event for the model `good`, and fails otherwise."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200 if body["model"] == "good" else 500)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if body["model"] == "good":
            self.wfile.write(f"data: {json.dumps(EVENT)}\n\ndata: [DONE]\n\n".encode())


class Backend:
    """A running backend."""

    def __init__(self, name, **env):
        program = os.environ.get(name.upper().replace("-", "_"), f"{ROOT}/dist/{name}")
        self.process = subprocess.Popen([program], env=LOCAL | env, stderr=subprocess.PIPE, text=True)
        line = next(line for line in self.process.stderr if '"listening"' in line)
        self.port = int(json.loads(line)["address"].rpartition(":")[2])
        self.reader = threading.Thread(target=self.process.stderr.read)
        self.reader.start()

    def request(self, method, path, body=None, **headers):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        client.request(method, path, body and json.dumps(body), {"content-type": "application/json", **headers})
        try:
            response = client.getresponse()
            return response.status, response.read().decode()
        finally:
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.reader.join()
        self.process.stderr.close()


def scrape():
    """The metrics of both backends after requests of every kind."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    texts = {}
    with Backend("python-backend", ACCESS="open", UPSTREAM_URL=f"http://127.0.0.1:{upstream.server_port}/v1", UPSTREAM_TRIES="1") as gateway:
        for model in ["good", *["bad"] * 6]:
            gateway.request("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True})
        gateway.request("GET", "/nothing")
        texts["python-backend"] = gateway.request("GET", "/metrics")[1]
    with Backend("nodejs-backend", DEV_SIGN_IN="yes", AUTH_URL="http://127.0.0.1:7861") as sign_in:
        for path in ("/", "/nothing", "/api/auth/get-session", "/health"):
            sign_in.request("GET", path)
        texts["nodejs-backend"] = sign_in.request("GET", "/metrics")[1]
    upstream.shutdown()
    upstream.server_close()
    return texts


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = scrape()
        cls.names = {name for text in cls.texts.values() for name in re.findall(r"^# TYPE (\w+)", text, re.M)}

    def promtool(self, *arguments, text=None):
        run = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=120)
        self.assertEqual((run.returncode, run.stderr), (0, ""), f"promtool {' '.join(arguments)}:\n{run.stdout}{text or ''}")

    def test_promtool_finds_nothing_wrong_with_the_metrics(self):
        for name, text in self.texts.items():
            with self.subTest(name):
                self.assertIn("# TYPE", text)
                self.promtool("check", "metrics", text=text)

    def test_a_failing_upstream_shows_in_the_series_of_the_rules(self):
        text = self.texts["python-backend"]
        for pattern in (
            r'^gateway_upstream_tries_total\{upstream="[^"]+",model="other",outcome="refused",code="500"\} 6$',
            r'^gateway_breaker_open\{upstream="[^"]+"\} 1$',
            r'^gateway_time_to_first_token_seconds_count\{upstream="[^"]+"\} 1$',
            r'^space_http_requests_total\{method="POST",route="/v1/chat/completions",code="500"\} 6$',
        ):
            self.assertRegex(text, re.compile(pattern, re.M))

    def test_each_alert_fires_for_its_series_and_for_no_others(self):
        self.promtool("check", "rules", f"{ROOT}/deploy/alerts.yml")
        run = subprocess.run(["promtool", "test", "rules", f"{ROOT}/deploy/alerts-test.yml"], capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        with open(f"{ROOT}/deploy/alerts.yml", encoding="utf-8") as rules, open(f"{ROOT}/deploy/alerts-test.yml", encoding="utf-8") as tests:
            alerts, tested = re.findall(r"- alert: (\w+)", rules.read()), tests.read()
        self.assertEqual(len(alerts), 5)
        for alert in alerts:
            for expected in (rf"alertname: {alert}, exp_alerts: \[\]", rf"alertname: {alert}\n +exp_alerts:\n"):
                self.assertRegex(tested, expected)

    def test_rules_and_dashboard_name_only_metrics_that_exist(self):
        for file in ("alerts.yml", "dashboard.json"):
            with open(f"{ROOT}/deploy/{file}", encoding="utf-8") as opened:
                named = set(re.findall(r"\b(?:space|gateway|process)_[a-z0-9_]+", opened.read()))
            named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
            self.assertTrue(named)
            self.assertEqual(named - self.names, set(), file)

    def test_the_dashboard_is_what_its_script_writes(self):
        with open(f"{ROOT}/deploy/dashboard.json", encoding="utf-8") as file:
            written = subprocess.check_output([f"{ROOT}/scripts/dashboard.py"], text=True, timeout=300)
            self.assertEqual(file.read(), written, "run: scripts/dashboard.py >deploy/dashboard.json")

    def test_the_manual_lists_every_metric(self):
        with open(f"{ROOT}/docs/operations.md", encoding="utf-8") as file:
            listed = set(re.findall(r"`(\w+)`", file.read()))
        self.assertEqual(self.names - listed, set())


if __name__ == "__main__":
    reason = None if shutil.which("promtool") else "promtool is not installed: scripts/setup.sh operations"
    if "--check" in sys.argv[1:]:
        print(reason or "promtool is there")
        sys.exit(1 if reason else 0)
    if reason:
        sys.exit(f"test-operations: {reason}")
    unittest.main(verbosity=2)
