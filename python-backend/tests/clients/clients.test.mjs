// Unmodified clients against the gateway: models, chat, stream, errors, limits, abort.
import test, { after, before } from "node:test"
import assert from "node:assert/strict"
import OpenAI from "openai"
import OpenAILatest from "openai-latest"
import { InferenceClient } from "@huggingface/inference"
import { generateText, streamText } from "ai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { KEY, TEXT, gateway, mock, stopAll } from "./setup.mjs"

const ask = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] }
let upstream, open, keyed, limited

before(async () => {
  upstream = await mock("-l", "5")
  open = await gateway(upstream, { MODEL_ALIASES: "fast=gpt-4o" })
  keyed = await gateway(upstream, { API_KEYS: `site:${KEY}`, MODELS: "gpt-4o" })
  limited = await gateway(upstream, { RATE_LIMIT: "1/min" })
})
after(async () => {
  for (const one of [open, keyed, limited]) assert.equal(await one.stop(), 0, "on TERM it exits with status 0")
  stopAll()
})

for (const [name, Client] of [["openai 6", OpenAI], ["openai latest", OpenAILatest]]) {
  const client = (server, options) => new Client({ baseURL: server.base, apiKey: KEY, maxRetries: 0, ...options })

  test(`${name}: models, chat and stream`, async () => {
    const models = await Array.fromAsync(client(keyed).models.list())
    assert.deepEqual(models.map(model => model.id), ["gpt-4o"])
    const answer = await client(keyed).chat.completions.create(ask)
    assert.equal(answer.choices[0].message.content, TEXT)
    assert.ok(answer._request_id)
    let text = "", chunks = 0
    for await (const chunk of await client(keyed).chat.completions.create({ ...ask, stream: true })) {
      assert.equal(chunk.choices.length, 1, "no chunk that was not requested")
      text += chunk.choices[0].delta.content ?? ""
      chunks += 1
    }
    assert.equal(text, TEXT)
    assert.ok(chunks > 4, "it is streamed in chunks")
  })

  test(`${name}: usage if it is requested`, async () => {
    const body = { ...ask, stream: true, stream_options: { include_usage: true } }
    const chunks = await Array.fromAsync(await client(open).chat.completions.create(body))
    assert.ok(chunks.some(chunk => chunk.choices.length > 0))
  })

  test(`${name}: embeddings are numbers`, async () => {
    const { data } = await client(open).embeddings.create({ model: "text-embedding-3-small", input: "hello" })
    assert.ok(data[0].embedding.length > 10)
    assert.ok(data[0].embedding.every(Number.isFinite))
  })

  test(`${name}: errors become the client's own, with message, code and param`, async () => {
    const wrong = client(keyed, { apiKey: "wrong" }).chat.completions.create(ask)
    await assert.rejects(wrong, error => error.status === 401 && error.code === "invalid_api_key")
    const unknown = client(keyed).chat.completions.create({ ...ask, model: "gpt-9" })
    await assert.rejects(unknown, error =>
      error.status === 404 && error.code === "model_not_found" && error.param === "model" && /gpt-9/.test(error.message))
  })

  test(`${name}: an abort reaches the gateway`, async () => {
    const abort = new AbortController()
    const stream = await client(open).chat.completions.create({ ...ask, stream: true }, { signal: abort.signal })
    for await (const _ of stream) abort.abort()
    assert.match(await open.line("aborted"), /chat\/completions/)
  })
}

test("openai: a 429 has the time to wait", async () => {
  const client = new OpenAI({ baseURL: limited.base, apiKey: KEY, maxRetries: 0 })
  const { response } = await client.chat.completions.create(ask).withResponse()
  assert.equal(response.headers.get("x-ratelimit-remaining-requests"), "0")
  await assert.rejects(client.chat.completions.create(ask), error => {
    assert.equal(error.status, 429)
    assert.equal(error.code, "rate_limit_exceeded")
    assert.equal(error.headers.get("retry-after-ms"), "60000")
    return true
  })
})

test("@huggingface/inference: chat, stream and errors, and a 429 does not cause a retry storm", async () => {
  const client = new InferenceClient(KEY, { endpointUrl: keyed.base })
  assert.equal((await client.chatCompletion(ask)).choices[0].message.content, TEXT)
  let text = ""
  for await (const chunk of client.chatCompletionStream(ask)) text += chunk.choices[0]?.delta?.content ?? ""
  assert.equal(text, TEXT)
  await assert.rejects(client.chatCompletion({ ...ask, model: "gpt-9" }))
  const before = limited.lines.length
  await assert.rejects(new InferenceClient(KEY, { endpointUrl: limited.base }).chatCompletion(ask))
  assert.equal(limited.lines.length - before, 1, "one request, one response")
})

test("Vercel AI SDK: text, stream and errors", async () => {
  const provider = createOpenAICompatible({ name: "space", baseURL: keyed.base, apiKey: KEY })
  const { text } = await generateText({ model: provider("gpt-4o"), prompt: "hello" })
  assert.equal(text, TEXT)
  const parts = []
  for await (const part of streamText({ model: provider("gpt-4o"), prompt: "hello" }).textStream) parts.push(part)
  assert.equal(parts.join(""), TEXT)
  assert.ok(parts.length > 4)
  const unknown = generateText({ model: provider("gpt-9"), prompt: "hello", maxRetries: 0 })
  await assert.rejects(unknown, error => error.statusCode === 404 && /gpt-9/.test(error.message))
})

test("a faulty upstream causes whole answers or clear errors, never short answers", async () => {
  const chaos = await mock("--chaos-drop", "0.2", "--chaos-disconnect", "0.15", "--chaos-malformed", "0.1", "--chaos-ratelimit", "0.1", "--log-level", "info")
  const server = await gateway(chaos, { UPSTREAM_TIMEOUT: "10s" })
  const client = new OpenAI({ baseURL: server.base, apiKey: KEY, maxRetries: 0 })
  let whole = 0
  for (let n = 0; n < 40; n++) {
    try {
      let text = ""
      for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) text += chunk.choices[0]?.delta?.content ?? ""
      assert.equal(text, TEXT)
      whole += 1
    } catch (error) {
      assert.ok(error instanceof OpenAI.APIError, String(error))
      assert.notEqual(error.status, 503)
    }
  }
  assert.ok(whole >= 30, `${whole} of 40 were whole`)
  await server.stop()
})
