// The oracle: what @copilotkit/aimock answers natively on /v1/responses and /v1/messages, and what the gateway makes of its
// chat completions for the same requests and fixtures, have the same events and members, after ids, times, and the
// differences listed here are removed.
import test, { after, before } from "node:test"
import assert from "node:assert/strict"
import { gateway, mockOf, stopAll } from "./setup.mjs"

const usage = { prompt_tokens: 21, completion_tokens: 8, total_tokens: 29 }
const call = (name, args, id) => ({ name, arguments: JSON.stringify(args), id })
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

/** What the mock answers to a message of this text. */
const FIXTURES = {
  text: { content: "Hello from the mock, word by word, so that it streams in several chunks." },
  "a tool": { toolCalls: [call("weather", { city: "Oslo", days: [1, 2] }, "call_1")] },
  "parallel tools": { toolCalls: [call("weather", { city: "Oslo" }, "call_1"), call("clock", {}, "call_2"), call("weather", { city: "Rome" }, "call_3")] },
  "text and a tool": { content: "Let me look.", toolCalls: [call("weather", { city: "Oslo" }, "call_1")] },
  image: { content: "A pixel." },
  reasoning: { content: "Therefore 42.", reasoning: "Six times seven,\nas everyone knows." },
  "reasoning and a tool": { toolCalls: [call("clock", {}, "call_1")], reasoning: "It is late." },
  length: { content: "This was cut", finishReason: "length" },
  refusal: { content: "I cannot help with that.", finishReason: "content_filter" },
  unicode: { content: "Grüße 😀 — \u2028 \"quotes\" \\ back\\slash, tab\t, zero\u0000, 中文, \u{1F468}\u200D\u{1F469}" },
  "unicode in a tool": { toolCalls: [call("weather", { city: "Žďár \"😀\"\n\\ 中" }, "call_1")] },
  "200 KB of arguments": { toolCalls: [call("weather", { city: "é\"\\".repeat(50_000) }, "call_1")] },
}
const NAMES = ["weather", "clock"]
const CITY = { type: "object", properties: { city: { type: "string" } } }

const ASK = {
  responses: (text, stream) => {
    const image = { type: "input_image", image_url: "data:image/png;base64," + PIXEL }
    const content = [{ type: "input_text", text }, ...text === "image" ? [image] : []]
    const tools = NAMES.map(name => ({ type: "function", name, parameters: CITY }))
    return { model: "o3-mini", stream, input: [{ role: "user", content }], tools, store: false }
  },
  messages: (text, stream) => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } }
    const content = [{ type: "text", text }, ...text === "image" ? [image] : []]
    const tools = NAMES.map(name => ({ name, input_schema: CITY }))
    return { model: "o3-mini", max_tokens: 999, stream, messages: [{ role: "user", content }], tools }
  },
}

let upstream, native, translated
before(async () => {
  const fixtures = Object.entries(FIXTURES).map(([userMessage, response]) => ({ match: { userMessage }, response: { usage, ...response } }))
  upstream = await mockOf(fixtures, "-c", "64")
  native = await gateway(upstream, { UPSTREAM_API: "native" })
  translated = await gateway(upstream, { UPSTREAM_API: "chat" })
})
after(stopAll)

async function ask(server, api, text, stream) {
  const response = await fetch(`${server.base}/${api}`, { method: "POST", body: JSON.stringify(ASK[api](text, stream)), headers: { "content-type": "application/json" } })
  const body = await response.text()
  assert.equal(response.status, 200, body)
  return stream ? events(body) : JSON.parse(body)
}

/** The events of a stream, with the deltas of one part joined. */
function events(text) {
  const joined = []
  for (const block of text.split("\n\n").filter(block => block && !block.startsWith(":"))) {
    const event = JSON.parse(block.split("\n").find(line => line.startsWith("data: ")).slice(6))
    const last = joined.at(-1)
    if (last?.type === event.type && typeof event.delta === "string") last.delta += event.delta
    else if (last?.type === event.type && event.type === "content_block_delta" && last.delta.type === event.delta.type) {
      for (const name of ["text", "thinking", "partial_json"]) if (name in event.delta) last.delta[name] += event.delta[name]
    } else joined.push(event)
  }
  return joined
}

/**
 * Each difference: its path, what the mock says, what the gateway says. docs/decisions/dialects.md has the reasons. The
 * mock is not always right: it completes a response that was cut, and knows no stop reason \`refusal\`.
 */
const DIFFERENCES = [
  [/encrypted_content$/, /^./, /^python-backend\/reasoning_content$/],
  [/signature$/, /^./, /^python-backend\/reasoning_content$/],
  [/(output|item)\.status$/, /^completed$/, /^incomplete$/],
  [/^type$/, /^response\.completed$/, /^response\.incomplete$/],
  [/^(response\.)?status$/, /^failed$/, /^incomplete$/],
  [/stop_reason$/, /^content_filter$/, /^refusal$/],
  [/^message\.usage\.input_tokens$/, /^21$/, /^\d+$/],
  [/^message\.usage\.output_tokens$/, /^8$/, /^1$/],
]
/** Members that the mock omits, and that both real APIs have. */
const OMITTED = `background cache_creation_input_tokens cache_read_input_tokens error incomplete_details input_tokens
  input_tokens_details instructions logprobs max_output_tokens metadata output_tokens_details parallel_tool_calls
  previous_response_id reasoning sequence_number store temperature text tool_choice tools top_p truncation usage`
const added = new Set()
const used = new Set()
const IDS = /^(id|call_id|item_id|created_at)$/

function compare(one, other, path) {
  const is = value => value !== null && typeof value === "object"
  if (is(one) && is(other)) {
    if (Array.isArray(one)) assert.equal(other.length, one.length, path)
    const below = key => Array.isArray(one) ? path : path ? path + "." + key : key
    for (const key in other) if (!(key in one) && !Array.isArray(one)) added.add(key)
    for (const key in one) if (!IDS.test(key)) compare(one[key], other[key], below(key))
  } else if (one !== other) {
    const rule = DIFFERENCES.find(([at, from, to]) => at.test(path) && from.test(one) && to.test(other))
    assert.ok(rule, `${path} is ${JSON.stringify(other)} instead of ${JSON.stringify(one)}`)
    used.add(rule)
  }
}

for (const api in ASK) for (const text in FIXTURES) test(`${api}: ${text}`, async () => {
  for (const stream of [false, true]) compare(await ask(native, api, text, stream), await ask(translated, api, text, stream), "")
})

test("each listed difference occurs, and no other member is added", () => {
  assert.deepEqual([...added].sort(), OMITTED.split(/\s+/))
  assert.deepEqual(DIFFERENCES.filter(rule => !used.has(rule)), [])
})

test("an image reaches the chat as it was sent", async () => {
  const requests = await (await fetch(upstream + "/_requests")).json()
  const chats = requests.filter(request => request.path === "/v1/chat/completions" && JSON.stringify(request.body).includes(PIXEL))
  assert.equal(chats.length, 4)
  for (const { body } of chats) assert.deepEqual(body.messages.at(-1).content.at(-1), { type: "image_url", image_url: { url: "data:image/png;base64," + PIXEL } })
})
