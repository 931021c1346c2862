"""The unmodified `openai` and `anthropic` packages against python-backend (PYTHON_BACKEND) and llama-server (LLAMA_SERVER,
LLAMA_MODEL).

llama-server announces keep-alive but closes the connection after each stream. No client may notice that."""

import json
import os
import re
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "ba be bi"}], "temperature": 0, "max_tokens": 16}
STREAM = {**CHAT, "stream": True}
CITIES = ["babe", "bibo", "cuda"]
CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": CITIES}}, "required": ["city"], "additionalProperties": False}
TURNS = 20 # of a conversation: a question, a forced call of a tool and its result
END, CALL = 2, 259 # tokens of tiny_model.py: the end, and the beginning of a call
# How conversations with tools are written for the model, and its calls: JSON with a name and arguments.
TEMPLATE = r"""
{%- for tool in tools or [] %}{{- 'Tool: ' + (tool | tojson) + '\n' }}{%- endfor %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role }}
{%- if message.content %}{{- '\n' + message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + (call.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""


class Process:
    """A process whose log is read while it runs."""

    def __init__(self, args, env=None):
        self.child = subprocess.Popen(args, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        self.log, self.ended, self.grown = [], False, threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stderr:
            with self.grown:
                self.log.append(line)
                self.grown.notify_all()
        with self.grown:
            self.ended = True
            self.grown.notify_all()

    def line(self, pattern, since=0):
        """Waits for the first line that matches."""
        find = lambda: next(filter(None, (re.search(pattern, line) for line in self.log[since:])), None)
        with self.grown:
            self.grown.wait_for(lambda: find() or self.ended, timeout=60)
            found = find()
        assert found, f"no line has {pattern!r}:\n{''.join(self.log[-50:])}"
        return found

    def stop(self):
        self.child.terminate()
        return self.child.wait(30)


def serve(case, *options):
    """llama-server, and its port."""
    llama = Process([os.environ["LLAMA_SERVER"], "--model", os.environ["LLAMA_MODEL"], "--alias", "tiny", "--host", "127.0.0.1",
                     "--port", "0", "--ctx-size", "32768", "--parallel", "4", "--threads", "1", *options])
    case.addClassCleanup(llama.stop)
    return llama, llama.line(r"listening on http://127\.0\.0\.1:(\d+)")[1]


def start(case, port, **settings):
    """A gateway in front of llama-server, and its address."""
    env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "UPSTREAM_URL": f"http://127.0.0.1:{port}/v1", **settings}
    gateway = Process([os.environ["PYTHON_BACKEND"]], env)
    case.addClassCleanup(gateway.stop)
    return gateway, "http://" + gateway.line(r'"address":\s*"([^"]+)"')[1]


class Llama(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.llama, port = serve(cls, "--embeddings", "--pooling", "mean")
        cls.gateway, cls.url = start(cls, port)
        cls.client = openai.OpenAI(base_url=f"{cls.url}/v1", api_key="none", max_retries=0, timeout=60)
        cls.addClassCleanup(cls.client.close)
        cls.whole = cls.client.chat.completions.create(**CHAT)

    def counted(self):
        """The counts of responses, prompt tokens and completion tokens in /metrics."""
        text = urllib.request.urlopen(f"{self.url}/metrics").read().decode()
        count = lambda name: int(re.search(rf'^gateway_{name} (\d+)$', text, re.M)[1])
        row = 'caller="anonymous",model="tiny"'
        return [count(f"answers_total{{{row}}}")] + [count(f'tokens_total{{{row},kind="{kind}"}}') for kind in ("prompt", "completion")]

    def stream(self, _=None):
        """The text of a stream, which must end cleanly."""
        chunks = list(self.client.chat.completions.create(**STREAM))
        self.assertEqual([c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason], ["length"])
        self.assertTrue(all(chunk.choices for chunk in chunks), "usage that was not requested")
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)

    def test_models_are_listed(self):
        self.assertIn("tiny", [model.id for model in self.client.models.list()])

    def test_a_chat_is_answered_and_its_usage_counted(self):
        before = self.counted()
        answer = self.client.chat.completions.create(**CHAT)
        self.assertTrue(answer.choices[0].message.content.strip())
        self.assertEqual(answer.usage.completion_tokens, 16)
        more = [now - then for now, then in zip(self.counted(), before)]
        self.assertEqual(more, [1, answer.usage.prompt_tokens, 16])

    def test_two_hundred_streams_one_after_another_end_cleanly_and_are_counted(self):
        before = self.counted()
        texts = {self.stream() for _ in range(200)}
        self.assertEqual(texts, {self.whole.choices[0].message.content})
        more = [now - then for now, then in zip(self.counted(), before)]
        self.assertEqual(more, [200, 200 * self.whole.usage.prompt_tokens, 200 * 16])

    def test_twenty_streams_at_once_end_cleanly_and_are_counted(self):
        before = self.counted()
        with ThreadPoolExecutor(20) as pool:
            texts = list(pool.map(self.stream, range(20)))
        self.assertTrue(all(text.strip() for text in texts), texts)
        more = [now - then for now, then in zip(self.counted(), before)]
        self.assertEqual(more, [20, 20 * self.whole.usage.prompt_tokens, 20 * 16])

    def test_embeddings_are_returned_as_floats_and_as_base64(self):
        ask = {"model": "tiny", "input": ["ba be", "bi"]}
        packed = self.client.embeddings.create(**ask).data # the package requests base64
        floats = self.client.embeddings.create(**ask, encoding_format="float").data
        self.assertEqual([len(one.embedding) for one in packed], [64, 64])
        for one, other in zip(packed, floats):
            for a, b in zip(one.embedding, other.embedding):
                self.assertAlmostEqual(a, b, places=5)

    def test_a_stream_that_is_closed_early_is_cancelled_at_llama_server(self):
        since = len(self.llama.log)
        stream = self.client.chat.completions.create(**{**STREAM, "max_tokens": 3000})
        request = stream.response.headers["x-request-id"]
        next(iter(stream))
        stream.close()
        self.llama.line("cancel task", since)
        usage = json.loads(self.gateway.line(rf'.*"usage".*{request}.*')[0])
        self.assertLess(usage["completion_tokens"], 3000)
        self.gateway.line(rf'{request}.*"aborted"')

    def test_an_error_of_llama_server_becomes_the_packages_own(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(**{**CHAT, "messages": [{"role": "user", "content": "ba " * 5000}]})
        self.assertIn("context", caught.exception.message)


class Turns(unittest.TestCase):
    """Twenty streamed turns of each API, in which the model must call a tool. llama-server only chats, and so the gateway
    translates the others."""

    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".jinja") as template:
            template.write(TEMPLATE)
            template.flush()
            _, port = serve(cls, "--jinja", "--chat-template-file", template.name, "--logit-bias", f"{CALL}+100", "--logit-bias", f"{END}+200")
        _, cls.url = start(cls, port, UPSTREAM_API="chat")
        cls.client = openai.OpenAI(base_url=f"{cls.url}/v1", api_key="none", max_retries=0, timeout=60)
        cls.addClassCleanup(cls.client.close)

    def test_chat_is_parsed(self):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]
        force, messages = {"tool_choice": "required", "parallel_tool_calls": False}, []
        for turn in range(TURNS):
            messages.append({"role": "user", "content": f"ba be {turn}"})
            with self.client.chat.completions.stream(model="tiny", messages=messages, tools=tools, **force) as stream:
                message = stream.get_final_completion().choices[0].message
            [call] = message.tool_calls
            self.assertIn(json.loads(call.function.arguments)["city"], CITIES)
            answered = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {
                "name": call.function.name, "arguments": call.function.arguments}}]}
            messages += [answered, {"role": "tool", "tool_call_id": call.id, "content": "7 bi"}]

    def test_responses_are_parsed(self):
        tools = [{"type": "function", "name": "weather", "parameters": CITY, "strict": False}]
        force, items = {"tool_choice": "required", "parallel_tool_calls": False}, []
        for turn in range(TURNS):
            items.append({"role": "user", "content": f"ba be {turn}"})
            with self.client.responses.stream(model="tiny", input=items, tools=tools, **force) as stream:
                numbers = [event.sequence_number for event in stream]
                response = stream.get_final_response()
            self.assertEqual(numbers, list(range(len(numbers))))
            self.assertEqual(response.status, "completed")
            [call] = [item for item in response.output if item.type == "function_call"]
            self.assertIn(json.loads(call.arguments)["city"], CITIES)
            items += [*response.output, {"type": "function_call_output", "call_id": call.call_id, "output": "7 bi"}]

    def test_messages_are_parsed(self):
        tools = [{"name": "weather", "input_schema": CITY}]
        force, messages = {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, []
        results = []
        with anthropic.Anthropic(base_url=self.url, api_key="none", max_retries=0, timeout=60) as client:
            for turn in range(TURNS):
                question = {"type": "text", "text": f"ba be {turn}"}
                messages.append({"role": "user", "content": [*results, question]})
                with client.messages.stream(model="tiny", max_tokens=500, messages=messages, tools=tools, **force) as stream:
                    message = stream.get_final_message()
                self.assertEqual(message.stop_reason, "tool_use")
                [call] = [block for block in message.content if block.type == "tool_use"]
                self.assertIn(call.input["city"], CITIES)
                messages.append({"role": "assistant", "content": message.content})
                results = [{"type": "tool_result", "tool_use_id": call.id, "content": "7 bi"}]


if __name__ == "__main__":
    unittest.main()
