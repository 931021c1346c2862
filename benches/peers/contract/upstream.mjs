// An upstream with OpenAI's API that records its requests.
import { once } from "node:events"
import http from "node:http"
import { text } from "node:stream/consumers"

export const TOKEN = "hf_the-servers-own"
const WORDS = ["from ", "the ", "upstream"]

export async function upstream(t) {
  const seen = []
  const server = http.createServer(async (request, response) => {
    const body = await text(request)
    seen.push({ method: request.method, path: request.url, headers: request.headers, body })
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    if (request.url === "/v1/models") return json({ object: "list", data: [{ id: "org/model", object: "model", created: 0, owned_by: "org" }] })
    const { model, stream } = JSON.parse(body)
    if (model === "org/broke") return json({ error: { message: "no credits left", type: "billing", param: null, code: "no_credits" } }, 402)
    const frame = { id: "1", created: 1, model }
    if (!stream) {
      const choice = { index: 0, message: { role: "assistant", content: WORDS.join("") }, finish_reason: "stop" }
      return json({ ...frame, object: "chat.completion", choices: [choice], usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } })
    }
    response.writeHead(200, { "content-type": "text/event-stream" })
    const event = (delta, finish_reason = null) =>
      response.write(`data: ${JSON.stringify({ ...frame, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] })}\n\n`)
    for (const content of WORDS) event({ content })
    event({}, "stop")
    response.end("data: [DONE]\n\n")
  })
  const { url, stop } = await serve(t, server)
  return { url, seen, stop }
}

/** Listens on a free port until the test ends. */
export async function serve(t, server) {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const stop = () => { server.closeAllConnections(); server.close() }
  t.after(stop)
  return { url: `http://127.0.0.1:${server.address().port}`, stop }
}
