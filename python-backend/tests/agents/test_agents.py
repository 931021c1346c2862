"""Codex and Claude Code run a tool loop of two steps through the gateway, offline.

PYTHON_BACKEND is the binary. The agents are in node_modules. They run with an empty home folder, and their own settings
switch off telemetry and the search for updates.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).parent
MODULES = HERE / "node_modules"
CODEX = MODULES / "codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
CLAUDE = MODULES / "@anthropic-ai/claude-code-linux-x64/claude"
PATIENCE = 120
# The shell prints 42 only if it runs the command.
COMMAND = "echo the-answer-is-$((6*7))"
TOOLS = {"exec_command": {"cmd": COMMAND}, "Bash": {"command": COMMAND, "description": "Answers"}}
CODEX_CONFIG = """
model = "{model}"
model_provider = "space"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.space]
name = "space"
base_url = "{url}/v1"
env_key = "SPACE_KEY"
wire_api = "responses"
"""


class ChatOnly(ThreadingHTTPServer):
    """An upstream that has only chat completions. `cuts` streams of the second step break off."""

    daemon_threads = True

    def __init__(self, cuts=0, refuses=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts, self.refuses, self.paths = cuts, refuses, []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.paths.append(self.path)
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"detail": "Not Found"})
        if self.server.refuses:
            return self.reply(503, {"detail": "Overloaded"})
        results = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        if results:
            delta, reason = {"content": "The tool said: " + results[-1]}, "stop"
        else:
            name = next(tool["function"]["name"] for tool in body["tools"] if tool["function"]["name"] in TOOLS)
            function = {"name": name, "arguments": json.dumps(TOOLS[name])}
            delta, reason = {"tool_calls": [{"index": 0, "id": "call_1", "function": function}]}, "tool_calls"
        choice = {"index": 0, "finish_reason": reason}
        if not body.get("stream"):
            message = {"role": "assistant", "content": None, **delta}
            return self.reply(200, {"choices": [{**choice, "message": message}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        self.event({"choices": [{"index": 0, "delta": {"reasoning_content": "Let me see."}}]})
        self.event({"choices": [{"index": 0, "delta": delta}]})
        if results and self.server.cuts > 0:
            self.server.cuts -= 1
            return
        self.event({"choices": [{**choice, "delta": {}}]})
        self.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, chunk):
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def reply(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Agents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="agents-", ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        (self.home / "work").mkdir()

    def gateway(self, **settings):
        env = {"HOST": "127.0.0.1", "PORT": "0", "DEMO_DELAY": "0", **settings}
        process = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        for line in process.stderr:
            if '"listening"' in line:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return "http://" + json.loads(line)["address"]
        self.fail("the gateway did not start")

    def run_agent(self, command, **env):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "SHELL": "/bin/bash", **env}
        run = subprocess.run(
            command, env=env, cwd=self.home / "work", stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(run.returncode, 0, run.stderr[-2000:] + run.stdout[-2000:])
        return run.stdout

    def codex(self, url, model, prompt):
        config = self.home / "codex"
        config.mkdir()
        (config / "config.toml").write_text(CODEX_CONFIG.format(url=url, model=model))
        command = [CODEX, "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", prompt]
        return self.run_agent(command, CODEX_HOME=str(config), SPACE_KEY="none")

    def claude(self, url, model, prompt):
        names = ["MODEL", "DEFAULT_HAIKU_MODEL", "DEFAULT_SONNET_MODEL", "DEFAULT_OPUS_MODEL"]
        models = {f"ANTHROPIC_{name}": model for name in names}
        return self.run_agent(
            [CLAUDE, "-p", prompt, "--allowedTools", "Bash"], ANTHROPIC_BASE_URL=url, ANTHROPIC_AUTH_TOKEN="none",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_TELEMETRY="1", **models,
        )

    def check_loop(self, agent, cuts=0):
        upstream = ChatOnly(cuts)
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        url = self.gateway(UPSTREAM_URL=upstream.url)
        said = agent(url, "some/model", "What is the answer?")
        self.assertTrue(self.translates(url))
        self.assertIn("The tool said:", said)
        self.assertIn("the-answer-is-42", said)
        self.assertEqual(upstream.cuts, 0)
        self.assertLessEqual(sum(path != "/v1/chat/completions" for path in upstream.paths), 2, upstream.paths)

    def translates(self, url):
        """Whether the gateway has answered with a translated response."""
        with urllib.request.urlopen(url + "/metrics") as metrics:
            return b"\ngateway_translated_total{" in metrics.read()

    def check_native(self, agent, tool, before=()):
        """The second gateway's demo model speaks both APIs. The alias sends its name through the first."""
        upstreams = [*(upstream.url for upstream in before), self.gateway() + "/v1"]
        url = self.gateway(UPSTREAM_URL=",".join(upstreams), MODEL_ALIASES="far=demo")
        self.assertIn("the-answer-is-42", agent(url, "far", f"/call {tool} {json.dumps(TOOLS[tool])}"))
        self.assertFalse(self.translates(url))
        for upstream in before:
            self.assertIn("/v1/chat/completions", upstream.paths)

    def check_failover(self, agent, tool):
        upstream = ChatOnly(refuses=True)
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        self.check_native(agent, tool, [upstream])

    def test_codex_over_a_native_upstream(self):
        self.check_native(self.codex, "exec_command")

    def test_claude_code_over_a_native_upstream(self):
        self.check_native(self.claude, "Bash")

    def test_codex_over_a_chat_only_upstream_that_fails_over_to_a_native_one(self):
        self.check_failover(self.codex, "exec_command")

    def test_claude_code_over_a_chat_only_upstream_that_fails_over_to_a_native_one(self):
        self.check_failover(self.claude, "Bash")

    def test_codex_over_a_chat_only_upstream(self):
        self.check_loop(self.codex)

    def test_claude_code_over_a_chat_only_upstream(self):
        self.check_loop(self.claude)

    def test_codex_repeats_a_step_that_was_cut(self):
        self.check_loop(self.codex, cuts=1)

    def test_claude_code_repeats_a_step_that_was_cut(self):
        self.check_loop(self.claude, cuts=1)

    def test_codex_with_the_demo_model(self):
        said = self.codex(self.gateway(), "demo", "/call exec_command " + json.dumps(TOOLS["exec_command"]))
        self.assertIn("the-answer-is-42", said)

    def test_claude_code_with_the_demo_model(self):
        said = self.claude(self.gateway(), "demo", "/call Bash " + json.dumps(TOOLS["Bash"]))
        self.assertIn("the-answer-is-42", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
