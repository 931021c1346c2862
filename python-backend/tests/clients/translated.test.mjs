// Clients of /v1/responses and /v1/messages over an upstream that has only chat completions: a text, a stream and a tool
// loop of two steps with each. The upstream is the demo model of a second gateway.
import test, { after, before } from "node:test"
import assert from "node:assert/strict"
import OpenAI from "openai"
import OpenAILatest from "openai-latest"
import Anthropic from "@anthropic-ai/sdk"
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai"
import { createOpenAI } from "@ai-sdk/openai"
import { createAnthropic } from "@ai-sdk/anthropic"
import { gateway, stopAll } from "./setup.mjs"

const CALL = '/call weather {"city": "Oslo"}'
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false }
const SAID = /You said: Good morning$/, RETURNED = /The tool returned: 7 degrees in Oslo$/
const weather = ({ city }) => `7 degrees in ${city}`
let server

before(async () => {
  const upstream = await gateway("", { DEMO_DELAY: "1ms" })
  server = await gateway(upstream.base, { UPSTREAM_API: "chat", MODEL_ALIASES: "far=demo" })
})
after(stopAll)

/** How many requests of an API were translated. */
async function translated(api) {
  const lines = (await (await fetch(server.origin + "/metrics")).text()).split("\n")
  const counts = lines.filter(line => line.startsWith("gateway_translated_total{") && line.includes(`api="${api}"`))
  return counts.reduce((sum, line) => sum + Number(line.split(" ").pop()), 0)
}

for (const [name, Client] of [["openai 6", OpenAI], ["openai latest", OpenAILatest]]) {
  test(`${name}: responses`, async () => {
    const before = await translated("responses")
    const { responses } = new Client({ baseURL: server.base, apiKey: "none", maxRetries: 0 })
    assert.match((await responses.create({ model: "far", input: "Good morning" })).output_text, SAID)
    const texts = []
    for await (const event of await responses.create({ model: "far", input: "Good morning", stream: true })) {
      if (event.type === "response.output_text.delta") texts.push(event.delta)
      if (event.type === "response.completed") assert.equal(event.response.output[0].content[0].text, texts.join(""))
    }
    assert.match(texts.join(""), SAID)
    assert.ok(texts.length > 4)
    const tools = [{ type: "function", name: "weather", strict: true, parameters: CITY }]
    const input = [{ role: "user", content: CALL }]
    const first = await responses.stream({ model: "far", input, tools }).finalResponse()
    assert.deepEqual(first.output.map(item => [item.type, item.name]), [["function_call", "weather"]])
    const [{ call_id, arguments: text }] = first.output
    const output = { type: "function_call_output", call_id, output: weather(JSON.parse(text)) }
    const last = await responses.create({ model: "far", input: [...input, ...first.output, output], tools })
    assert.match(last.output_text, RETURNED)
    assert.equal(await translated("responses") - before, 4)
  })
}

test("@anthropic-ai/sdk: messages", async () => {
  const before = await translated("messages")
  const { messages: ask } = new Anthropic({ baseURL: server.origin, apiKey: "none", maxRetries: 0 })
  const rest = { model: "far", max_tokens: 500 }
  const morning = [{ role: "user", content: "Good morning" }]
  assert.match((await ask.create({ ...rest, messages: morning })).content[0].text, SAID)
  const texts = [], stream = ask.stream({ ...rest, messages: morning })
  stream.on("text", text => texts.push(text))
  const whole = await stream.finalText()
  assert.equal(texts.join(""), whole)
  assert.ok(texts.length > 4)
  assert.ok((await ask.countTokens({ model: "far", messages: morning })).input_tokens > 3)
  const tools = [{ name: "weather", input_schema: CITY }], messages = [{ role: "user", content: CALL }]
  const { content, stop_reason } = await ask.stream({ ...rest, messages, tools }).finalMessage()
  assert.deepEqual([stop_reason, content.length, content[0].name], ["tool_use", 1, "weather"])
  const result = { type: "tool_result", tool_use_id: content[0].id, content: weather(content[0].input) }
  messages.push({ role: "assistant", content }, { role: "user", content: [result] })
  assert.match((await ask.create({ ...rest, messages, tools })).content[0].text, RETURNED)
  assert.equal(await translated("messages") - before, 4)
})

for (const [api, create] of [["responses", createOpenAI], ["messages", createAnthropic]]) {
  test(`AI SDK: ${api}`, async () => {
    const before = await translated(api)
    const model = create({ baseURL: server.base, apiKey: "none" })("far")
    const ask = { model, maxRetries: 0, maxOutputTokens: 500 }
    assert.match((await generateText({ ...ask, prompt: "Good morning" })).text, SAID)
    const parts = await Array.fromAsync(streamText({ ...ask, prompt: "Good morning" }).textStream)
    assert.match(parts.join(""), SAID)
    assert.ok(parts.length > 4)
    const tools = { weather: tool({ description: "The weather of a city", inputSchema: jsonSchema(CITY), execute: weather }) }
    const loop = streamText({ ...ask, prompt: CALL, tools, stopWhen: stepCountIs(3) })
    assert.match(await loop.text, RETURNED)
    assert.equal((await loop.steps).length, 2)
    assert.equal(await translated(api) - before, 4)
  })
}
