"""The unmodified AzureOpenAI and Anthropic clients against python-backend (PYTHON_BACKEND is its path), in front of one
server that is strict like both APIs: each wants its own key in its own header, Azure's a query, Anthropic's a version."""

import json
import os
import subprocess
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import anthropic
import openai

KEY = "a-key-of-enough-length"
AZURE, ANTHROPIC = "key-of-the-azure-resource", "key-of-the-anthropic-account"
MESSAGES = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve({})

    def do_POST(self):
        self.serve(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def serve(self, body):
        url = urlsplit(self.path)
        credentials = {name: self.headers.get(name) for name in ("api-key", "x-api-key", "authorization")}
        if url.path.startswith("/anthropic/v1/"):
            expected, version = {"x-api-key": ANTHROPIC}, self.headers.get("anthropic-version", "").startswith("20")
        else:
            expected, version = {"api-key": AZURE}, parse_qs(url.query).get("api-version") == ["preview"]
        if {name: value for name, value in credentials.items() if value} != expected:
            return self.answer(401, {"error": {"message": "wrong credentials"}})
        if not version:
            return self.answer(400, {"error": {"message": "wrong version"}})
        served = url.path.removeprefix("/anthropic").removeprefix("/openai")
        if served == "/v1/models":
            name = "claude-x" if url.path.startswith("/anthropic") else "gpt-x"
            return self.answer(200, {"object": "list", "data": [{"id": name, "object": "model"}]})
        model = body.get("model")
        if model not in ("gpt-x", "embed-x", "claude-x"):
            return self.answer(404, {"type": "error", "error": {"type": "not_found_error", "message": f"model: {model}"}})
        events, whole = ANSWERS[served](model)
        if not body.get("stream"):
            return self.answer(200, whole)
        text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" if name else f"data: {json.dumps(data)}\n\n"
                       for name, data in events) + ("" if events[0][0] else "data: [DONE]\n\n")
        self.answer(200, text, "text/event-stream")

    def answer(self, status, body, kind="application/json"):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def chat(model):
    base = {"id": "1", "created": 1, "model": model}
    chunk = lambda delta, reason: (None, {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    message = {"role": "assistant", "content": f"from {model}"}
    whole = {**base, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    return [chunk(message, None), chunk({}, "stop")], whole


def embeddings(model):
    return [], {"object": "list", "model": model, "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}], "usage": USAGE}


def responses(model):
    part = {"type": "output_text", "text": f"from {model}", "annotations": []}
    output = [{"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}]
    whole = {"id": "r", "object": "response", "created_at": 1, "model": model, "status": "completed", "output": output,
             "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    delta = {"type": "response.output_text.delta", "sequence_number": 0, "item_id": "m", "output_index": 0, "content_index": 0, "delta": f"from {model}", "logprobs": []}
    return [(delta["type"], delta), ("response.completed", {"type": "response.completed", "sequence_number": 1, "response": whole})], whole


def messages(model):
    whole = {"id": "m", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn", "stop_sequence": None,
             "content": [{"type": "text", "text": f"from {model}"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    events = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"from {model}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events], whole


ANSWERS = {
    "/v1/chat/completions": chat,
    "/v1/embeddings": embeddings,
    "/v1/responses": responses,
    "/v1/messages": messages,
    "/v1/messages/count_tokens": lambda _: ([], {"input_tokens": 7}),
}


class ProviderClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=cls.upstream.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{cls.upstream.server_port}"
        env = {
            "HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "API_KEYS": f"site:{KEY}", "MODEL_ALIASES": "fast=gpt-x",
            "UPSTREAM_URL": f"{host}/openai/v1?api-version=preview,{host}/anthropic/v1",
            "UPSTREAM_API_KEYS": f"api-key:{AZURE},x-api-key:{ANTHROPIC}",
            "UPSTREAM_MODELS": "gpt-* embed-x,claude-*",
        }
        cls.service = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        cls.address = next(json.loads(line)["address"] for line in cls.service.stderr if "listening" in line)
        threading.Thread(target=cls.service.stderr.read, daemon=True).start()
        options = {"api_key": KEY, "max_retries": 0, "timeout": 20}
        cls.azure = openai.AzureOpenAI(azure_endpoint=f"http://{cls.address}", api_version="2024-10-21", **options)
        cls.deployed = openai.AzureOpenAI(azure_endpoint=f"http://{cls.address}", azure_deployment="fast", api_version="2024-10-21", **options)
        cls.azure_v1 = openai.OpenAI(base_url=f"http://{cls.address}/openai/v1/", **options)
        cls.anthropic = anthropic.Anthropic(base_url=f"http://{cls.address}", **options)

    @classmethod
    def tearDownClass(cls):
        for client in (cls.azure, cls.deployed, cls.azure_v1, cls.anthropic):
            client.close()
        cls.service.terminate()
        assert cls.service.wait(20) == 0, "on TERM the service exits with status 0"
        cls.upstream.shutdown()
        cls.upstream.server_close()

    def test_azures_client_chats_and_streams_by_deployment(self):
        for client, model in ((self.azure, "gpt-x"), (self.azure, "fast"), (self.deployed, "anything"), (self.azure_v1, "gpt-x")):
            answer = client.chat.completions.create(model=model, messages=MESSAGES)
            self.assertEqual(answer.choices[0].message.content, "from gpt-x")
            chunks = client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
            self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), "from gpt-x")

    def test_azures_client_gets_embeddings_responses_and_models(self):
        self.assertEqual(self.azure.embeddings.create(model="embed-x", input="hi").data[0].embedding, [0.5, 0.25])
        for client in (self.azure, self.deployed, self.azure_v1):
            self.assertEqual(client.responses.create(model="gpt-x", input="hi").output_text, "from gpt-x")
            events = client.responses.create(model="gpt-x", input="hi", stream=True)
            self.assertEqual("".join(event.delta for event in events if event.type.endswith("text.delta")), "from gpt-x")
            self.assertEqual([model.id for model in client.models.list()], ["fast", "gpt-x", "claude-x", "embed-x"])

    def test_azures_client_with_a_wrong_key_or_deployment_is_rejected(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.azure.with_options(api_key="wrong").chat.completions.create(model="gpt-x", messages=MESSAGES)
        self.assertEqual(caught.exception.code, "invalid_api_key")
        with self.assertRaises(openai.NotFoundError) as caught:
            self.azure.chat.completions.create(model="gpt-y", messages=MESSAGES)
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_anthropics_client_sends_messages_streams_and_counts(self):
        question = {"model": "claude-x", "max_tokens": 9, "messages": MESSAGES}
        self.assertEqual(self.anthropic.messages.create(**question).content[0].text, "from claude-x")
        with self.anthropic.messages.stream(**question) as stream:
            self.assertEqual("".join(stream.text_stream), "from claude-x")
        self.assertEqual(self.anthropic.messages.count_tokens(model="claude-x", messages=MESSAGES).input_tokens, 7)
        self.assertIn("claude-x", [model.id for model in self.anthropic.models.list()])

    def test_anthropics_client_shows_errors_in_its_own_form(self):
        with self.assertRaises(anthropic.AuthenticationError) as caught:
            self.anthropic.with_options(api_key="wrong").messages.create(model="claude-x", max_tokens=9, messages=MESSAGES)
        self.assertEqual(caught.exception.body["error"]["type"], "authentication_error")
        with self.assertRaises(anthropic.NotFoundError) as caught:
            self.anthropic.messages.create(model="claude-y", max_tokens=9, messages=MESSAGES)
        self.assertIn("claude-y", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
