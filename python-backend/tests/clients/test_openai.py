"""The unmodified `openai` package against python-backend (PYTHON_BACKEND is its path), on a free port."""

import json
import os
import subprocess
import unittest

import openai

CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Good morning"}]}


class OpenAiClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "DEMO_DELAY": "5ms"}
        cls.service = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        cls.address = cls.log_line("listening")["address"]
        cls.client = openai.OpenAI(base_url=f"http://{cls.address}/v1", api_key="none", max_retries=0, timeout=20)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.service.terminate()
        assert cls.service.wait(20) == 0, "on TERM the service exits with status 0"
        cls.service.stderr.close()

    @classmethod
    def log_line(cls, needle):
        for line in cls.service.stderr:
            if needle in line:
                return json.loads(line)
        raise AssertionError(f"the log ended without {needle!r}")

    def test_models_are_listed_and_retrieved(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["demo"])
        self.assertEqual(self.client.models.retrieve("demo").id, "demo")

    def test_a_chat_is_answered_with_usage(self):
        answer = self.client.chat.completions.create(**CHAT)
        self.assertTrue(answer.choices[0].message.content.endswith("You said: Good morning"))
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertEqual(f"chatcmpl-{answer._request_id}", answer.id)

    def test_a_stream_has_the_same_text_and_then_the_usage(self):
        whole = self.client.chat.completions.create(**CHAT).choices[0].message.content
        chunks = list(self.client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole)
        self.assertGreater(len(chunks), 10)
        self.assertGreater(chunks[-1].usage.completion_tokens, 10)

    def test_a_response_is_whole_and_streamed_and_a_tool_is_called(self):
        ask = self.client.responses
        whole = ask.create(model="demo", input="Good morning")
        self.assertTrue(whole.output_text.endswith("You said: Good morning"))
        self.assertEqual(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens)
        with ask.stream(model="demo", input="Good morning") as stream:
            names = [event.type for event in stream]
            final = stream.get_final_response()
        self.assertEqual((final.output_text, names[0], names[-1]), (whole.output_text, "response.created", "response.completed"))
        tool = {"type": "function", "name": "f", "strict": False, "parameters": {"type": "object", "properties": {}}}
        call = ask.create(model="demo", input='/call f {"a": 1}', tools=[tool]).output[0]
        self.assertEqual((call.type, call.name, json.loads(call.arguments)), ("function_call", "f", {"a": 1}))
        with self.assertRaises(openai.BadRequestError) as caught:
            ask.create(model="demo", input="hi", store=True)
        self.assertEqual(caught.exception.param, "store")

    def test_errors_become_the_packages_own_with_message_param_and_code(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.chat.completions.create(**{**CHAT, "model": "gpt-9"})
        self.assertEqual((caught.exception.code, caught.exception.param), ("model_not_found", "model"))
        self.assertIn("gpt-9", str(caught.exception))
        self.assertTrue(caught.exception.request_id)
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(**{**CHAT, "messages": []})
        self.assertEqual((caught.exception.type, caught.exception.param), ("invalid_request_error", "messages"))
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.embeddings.create(model="demo", input="x")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_closing_a_stream_early_cancels_it_at_the_service(self):
        long = {**CHAT, "messages": [{"role": "user", "content": "word " * 2000}]}
        stream = self.client.chat.completions.create(**long, stream=True)
        request = stream.response.headers["x-request-id"]
        next(iter(stream))
        stream.close()
        line = self.log_line(f'"message":"request","service":"python-backend","request_id":"{request}"') # not the line of its usage
        self.assertIn("aborted", line)
        self.assertEqual(line["status"], 200)


if __name__ == "__main__":
    unittest.main()
