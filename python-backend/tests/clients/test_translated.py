"""Clients of /v1/responses and /v1/messages over an upstream that has only chat completions: a text, a stream and a tool
loop of two steps with each. PYTHON_BACKEND is the binary. The upstream is the demo model of a second gateway."""

import asyncio
import json
import os
import subprocess
import unittest
import urllib.request

import agents
import anthropic
import langchain_anthropic
import openai

CALL = '/call weather {"city": "Oslo"}'
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
SAID, RETURNED = "You said: Good morning", "The tool returned: 7 degrees in Oslo"


def weather(city):
    """The weather of a city."""
    return f"7 degrees in {city}"


class Gateway:
    """A python-backend on a free port."""

    def __init__(self, **settings):
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "LOG_LEVEL": "info", "DEMO_DELAY": "1ms", **settings}
        self.process = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        self.url = "http://" + next(json.loads(line)["address"] for line in self.process.stderr if "listening" in line)

    def stop(self):
        self.process.terminate()
        self.process.communicate()

    def translated(self, api):
        """How many requests of an API were translated."""
        with urllib.request.urlopen(self.url + "/metrics") as metrics:
            lines = metrics.read().decode().splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("gateway_translated_total{") and f'api="{api}"' in line)


class Translated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Gateway()
        cls.addClassCleanup(cls.upstream.stop)
        cls.gateway = Gateway(UPSTREAM_URL=cls.upstream.url + "/v1", UPSTREAM_API="chat", MODEL_ALIASES="far=demo")
        cls.addClassCleanup(cls.gateway.stop)
        cls.openai = {"base_url": cls.gateway.url + "/v1", "api_key": "none", "max_retries": 0, "timeout": 20}
        cls.anthropic = {**cls.openai, "base_url": cls.gateway.url}

    def assert_translated(self, api, before, requests):
        self.assertEqual(self.gateway.translated(api) - before, requests)

    def test_openai_responses(self):
        before = self.gateway.translated("responses")
        with openai.OpenAI(**self.openai) as client:
            ask = client.responses
            self.assertTrue(ask.create(model="far", input="Good morning").output_text.endswith(SAID))
            with ask.stream(model="far", input="Good morning") as stream:
                texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
                self.assertEqual("".join(texts), stream.get_final_response().output_text)
            self.assertGreater(len(texts), 4)
            tools = [{"type": "function", "name": "weather", "strict": True, "parameters": CITY}]
            items = [{"role": "user", "content": CALL}]
            with ask.stream(model="far", input=items, tools=tools) as stream:
                first = stream.get_final_response()
            [call] = first.output
            result = {"type": "function_call_output", "call_id": call.call_id, "output": weather(**json.loads(call.arguments))}
            last = ask.create(model="far", input=[*items, *first.output, result], tools=tools)
            self.assertTrue(last.output_text.endswith(RETURNED), last.output_text)
        self.assert_translated("responses", before, 4)

    def test_anthropic_messages(self):
        before = self.gateway.translated("messages")
        ask = {"model": "far", "max_tokens": 500}
        messages = [{"role": "user", "content": "Good morning"}]
        with anthropic.Anthropic(**self.anthropic) as client:
            self.assertTrue(client.messages.create(**ask, messages=messages).content[0].text.endswith(SAID))
            with client.messages.stream(**ask, messages=messages) as stream:
                texts = list(stream.text_stream)
                self.assertEqual("".join(texts), stream.get_final_text())
            self.assertGreater(len(texts), 4)
            self.assertGreater(client.messages.count_tokens(model="far", messages=messages).input_tokens, 3)
            tools = [{"name": "weather", "input_schema": CITY}]
            messages = [{"role": "user", "content": CALL}]
            with client.messages.stream(**ask, messages=messages, tools=tools) as stream:
                first = stream.get_final_message()
            self.assertEqual(first.stop_reason, "tool_use")
            [call] = first.content
            result = {"type": "tool_result", "tool_use_id": call.id, "content": weather(**call.input)}
            messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
            last = client.messages.create(**ask, messages=messages, tools=tools)
            self.assertTrue(last.content[0].text.endswith(RETURNED), last.content)
        self.assert_translated("messages", before, 4)

    def test_openai_agents(self):
        before = self.gateway.translated("responses")
        agents.set_tracing_disabled(True)

        async def run():
            async with openai.AsyncOpenAI(**self.openai) as client:
                model = agents.OpenAIResponsesModel(model="far", openai_client=client)
                agent = agents.Agent(name="Agent", instructions="Be brief.", model=model, tools=[agents.function_tool(weather)])
                said = (await agents.Runner.run(agent, "Good morning")).final_output
                stream = agents.Runner.run_streamed(agent, CALL)
                names = [event.data.type async for event in stream.stream_events() if event.type == "raw_response_event"]
                return said, names, stream.final_output

        said, names, returned = asyncio.run(run())
        self.assertTrue(said.endswith(SAID), said)
        self.assertEqual(names.count("response.completed"), 2)
        self.assertTrue(returned.endswith(RETURNED), returned)
        self.assert_translated("responses", before, 3)

    def test_langchain_anthropic(self):
        before = self.gateway.translated("messages")
        model = langchain_anthropic.ChatAnthropic(model="far", base_url=self.gateway.url, api_key="none", max_retries=0)
        self.assertTrue(model.invoke("Good morning").text.endswith(SAID))
        chunks = list(model.stream("Good morning"))
        self.assertTrue("".join(chunk.text for chunk in chunks).endswith(SAID))
        self.assertGreater(len(chunks), 4)
        tools = model.bind_tools([{"name": "weather", "description": "The weather of a city.", "input_schema": CITY}])
        first = tools.invoke(CALL)
        [call] = first.tool_calls
        result = {"role": "tool", "tool_call_id": call["id"], "content": weather(**call["args"])}
        last = tools.invoke([{"role": "user", "content": CALL}, first, result])
        self.assertTrue(last.text.endswith(RETURNED), last.text)
        self.assert_translated("messages", before, 4)


if __name__ == "__main__":
    unittest.main()
