"""Unmodified Python clients against python-backend (PYTHON_BACKEND is its path), in front of the upstream below."""

import json
import os
import subprocess
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

KEY = "a-key-of-enough-length"
WORDS = ["Hello ", "from ", "the ", "upstream."]
CHAT = {"model": "org/model", "messages": [{"role": "user", "content": "hi"}]}


class Upstream(BaseHTTPRequestHandler):
    """Responds like Hugging Face's router, with the lines that make the openai package fail."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [{"id": "org/model", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body["model"] == "org/broke":
            return self.answer(402, {"error": "You have exceeded your monthly included credits."})
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return self.answer(200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"id: 1\n\nretry: 3000\n\ndata: \n\n")
        for word in WORDS:
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "error": None,
                     "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
            self.wfile.write(f"data:{json.dumps(chunk)}\n\n".encode())
        if body["model"] == "org/model":
            chunk["choices"] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
            self.wfile.write(f"data:{json.dumps(chunk)}\n\ndata:[DONE]\n\n".encode())
        self.close_connection = True

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class GatewayClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=cls.upstream.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{cls.upstream.server_port}/v1"
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "UPSTREAM_URL": url, "API_KEYS": f"site:{KEY}"}
        cls.service = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        address = next(json.loads(line)["address"] for line in cls.service.stderr if "listening" in line)
        threading.Thread(target=cls.service.stderr.read, daemon=True).start()
        cls.base = f"http://{address}/v1"
        cls.openai = openai.OpenAI(base_url=cls.base, api_key=KEY, max_retries=0, timeout=20)
        cls.hub = InferenceClient(base_url=cls.base, api_key=KEY, timeout=20)

    @classmethod
    def tearDownClass(cls):
        cls.openai.close()
        cls.service.terminate()
        assert cls.service.wait(20) == 0, "on TERM the service exits with status 0"
        cls.upstream.shutdown()
        cls.upstream.server_close()

    def test_openai_lists_the_upstreams_models_chats_and_streams(self):
        self.assertEqual([model.id for model in self.openai.models.list()], ["org/model"])
        answer = self.openai.chat.completions.create(**CHAT)
        self.assertEqual(answer.choices[0].message.content, "".join(WORDS))
        chunks = self.openai.chat.completions.create(**CHAT, stream=True)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), "".join(WORDS))

    def test_openai_gets_an_error_for_a_stream_that_breaks_off(self):
        with self.assertRaises(openai.APIError) as caught:
            list(self.openai.chat.completions.create(**{**CHAT, "model": "org/cut"}, stream=True))
        self.assertIn("broke off", str(caught.exception))

    def test_openai_shows_the_upstreams_message(self):
        with self.assertRaises(openai.APIStatusError) as caught:
            self.openai.chat.completions.create(**{**CHAT, "model": "org/broke"})
        self.assertEqual(caught.exception.status_code, 402)
        self.assertIn("monthly included credits", str(caught.exception))

    def test_openai_with_a_wrong_key_is_rejected(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.openai.with_options(api_key="wrong").models.list()
        self.assertEqual(caught.exception.code, "invalid_api_key")

    def test_huggingface_hub_chats_and_streams(self):
        answer = self.hub.chat_completion(CHAT["messages"], model="org/model")
        self.assertEqual(answer.choices[0].message.content, "".join(WORDS))
        chunks = self.hub.chat_completion(CHAT["messages"], model="org/model", stream=True)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), "".join(WORDS))

    def test_huggingface_hub_shows_the_message_and_the_request_id(self):
        with self.assertRaises(HfHubHTTPError) as caught:
            self.hub.chat_completion(CHAT["messages"], model="org/broke")
        self.assertIn("monthly included credits", str(caught.exception))
        self.assertTrue(caught.exception.request_id)

    def test_huggingface_hub_gets_the_path_of_embeddings(self):
        with self.assertRaises(HfHubHTTPError) as caught:
            self.hub.feature_extraction("hi")
        self.assertIn("/v1/embeddings", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
