// Tests that our services and their peers behave alike, so that the figures compare like with like: one contract for
// gateways, one for sign-in services.
// usage: PEERS="$(scripts/peers.sh)" PYTHON_BACKEND=FILE NODEJS_BACKEND=FILE node --test contract.test.mjs
import assert from "node:assert/strict"
import { createHash, createPublicKey, verify } from "node:crypto"
import { test } from "node:test"
import { TOKEN, upstream } from "./contract/upstream.mjs"
import { CLIENT, provider } from "./contract/provider.mjs"
import { start } from "./contract/subject.mjs"

const peers = Object.fromEntries((process.env.PEERS ?? "").split("\n").filter(Boolean).map(line => line.split("\t")))
const of = (ours, ...names) => ({ [ours]: process.env[ours.replace("-", "_").toUpperCase()], ...Object.fromEntries(names.map(name => [name, peers[name]])) })
const gateways = of("python-backend", "fastapi"), signIns = of("nodejs-backend", "better-auth")
const bare = Object.fromEntries(["nginx", "go", "node-http", "axum", "hyper"].map(name => [name, peers[name]]))
const SECRET = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA="

const json = async response => {
  assert.match(response.headers.get("content-type"), /^application\/json/)
  return response.json()
}
const chat = (url, body, headers = {}) => fetch(`${url}/v1/chat/completions`, {
  method: "POST", headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ messages: [{ role: "user", content: "two words" }], ...body }),
})
/** Returns the data of a stream's events, and checks that they have no other fields. */
const events = async response => {
  assert.equal(response.status, 200)
  assert.match(response.headers.get("content-type"), /^text\/event-stream/)
  const text = await response.text()
  assert.ok(text.endsWith("\n\n"), "the stream ends after a complete event")
  return text.trimEnd().split("\n\n").map(event => /^data: (.*)$/.exec(event)[1])
}
const contentOf = chunks => chunks.map(chunk => chunk.choices[0].delta.content ?? "").join("")

for (const [name, command] of Object.entries({ ...gateways, ...signIns, ...bare })) {
  test(`${name}: /health returns status and uptime as JSON`, async t => {
    const { url } = await start(t, command, { AUTH_SECRET: SECRET, DEV_SIGN_IN: "yes" })
    const response = await fetch(`${url}/health`)
    assert.equal(response.status, 200)
    const health = await json(response)
    const status = name === "python-backend" ? "degraded" : "ok" // it has only the demo model
    assert.deepEqual([health.status, health.service, typeof health.version, typeof health.uptime_seconds], [status, name, "string", "number"])
  })
}

for (const [name, command] of Object.entries({ ...gateways, ...signIns })) {
  test(`${name}: / is a page, also for HEAD, and SIGTERM stops the service`, async t => {
    const { url, end } = await start(t, command, { AUTH_SECRET: SECRET, DEV_SIGN_IN: "yes" })
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(url, { method, headers: { accept: "text/html" } })
      assert.equal(response.status, 200)
      assert.match(response.headers.get("content-type"), /^text\/html/)
      assert.equal((await response.text()).startsWith("<!doctype html>"), method === "GET")
    }
    await end()
  })
}

for (const [name, command] of Object.entries(gateways)) {
  test(`${name}: without configuration it serves the demo model, with and without a stream`, async t => {
    const { url } = await start(t, command)
    const { object, data } = await json(await fetch(`${url}/v1/models`))
    assert.deepEqual([object, data.map(model => [model.id, model.object])], ["list", [["demo", "model"]]])

    const response = await chat(url, { model: "demo" })
    assert.equal(response.status, 200)
    const answer = await json(response)
    assert.deepEqual(Object.keys(answer).sort(), ["choices", "created", "id", "model", "object", "usage"])
    const [{ message, finish_reason, index }] = answer.choices
    assert.deepEqual([answer.object, index, message.role, finish_reason], ["chat.completion", 0, "assistant", "stop"])
    assert.ok(message.content.endsWith("You said: two words"), message.content)
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage
    assert.deepEqual([prompt_tokens, total_tokens], [2, 2 + completion_tokens])

    const streamed = await events(await chat(url, { model: "demo", stream: true }))
    assert.equal(streamed.pop(), "[DONE]")
    const chunks = streamed.map(JSON.parse)
    assert.ok(chunks.every(chunk => chunk.object === "chat.completion.chunk" && chunk.id === chunks[0].id))
    assert.equal(contentOf(chunks), message.content)
    assert.equal(chunks.length, completion_tokens + 2, "one chunk for the role, one per word, one for the end")
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop")
  })

  test(`${name}: a chat is sent upstream with the server's token, never with the client's`, async t => {
    const behind = await upstream(t)
    // UPSTREAM_API_KEYS as well, because python-backend sends HF_TOKEN only to Hugging Face's own hosts.
    const { url } = await start(t, command, { UPSTREAM_URL: `${behind.url}/v1`, HF_TOKEN: TOKEN, UPSTREAM_API_KEYS: TOKEN, ACCESS: "open" })
    const { data } = await json(await fetch(`${url}/v1/models`))
    assert.deepEqual(data.map(model => model.id), ["org/model"])
    const credentials = { authorization: "Bearer the-clients-own", "x-api-key": "the-clients-own" }
    const answer = await json(await chat(url, { model: "org/model" }, credentials))
    assert.equal(answer.choices[0].message.content, "from the upstream")
    const streamed = await events(await chat(url, { model: "org/model", stream: true }, credentials))
    assert.equal(streamed.pop(), "[DONE]")
    assert.equal(contentOf(streamed.map(JSON.parse)), "from the upstream")
    assert.deepEqual(behind.seen.map(({ method, path }) => `${method} ${path}`), ["GET /v1/models", "POST /v1/chat/completions", "POST /v1/chat/completions"])
    for (const { headers, body } of behind.seen) {
      assert.equal(headers.authorization, `Bearer ${TOKEN}`)
      assert.ok(!JSON.stringify([headers, body]).includes("the-clients-own"))
    }
    assert.deepEqual(behind.seen.slice(1).map(({ body }) => JSON.parse(body).model), ["org/model", "org/model"])
  })

  test(`${name}: an upstream's error reaches the client, and an unreachable upstream is a 502`, async t => {
    const behind = await upstream(t)
    const { url } = await start(t, command, { UPSTREAM_URL: `${behind.url}/v1`, HF_TOKEN: TOKEN, UPSTREAM_API_KEYS: TOKEN, ACCESS: "open" })
    const rejected = await chat(url, { model: "org/broke" })
    assert.equal(rejected.status, 402)
    assert.match((await json(rejected)).error.message, /no credits/)
    behind.stop()
    const unreachable = await chat(url, { model: "org/model" })
    assert.equal(unreachable.status, 502)
    assert.equal((await json(unreachable)).error.code, "upstream_error")
  })
}

for (const [name, command] of Object.entries(signIns)) {
  test(`${name}: a sign-in at the provider creates a session and a token that other services can verify`, async t => {
    const issuer = await provider(t)
    const { url } = await start(t, command, {
      AUTH_SECRET: SECRET, OPENID_PROVIDER_URL: issuer.url, OAUTH_CLIENT_ID: CLIENT.id, OAUTH_CLIENT_SECRET: CLIENT.secret,
      OAUTH_SCOPES: "openid profile email",
    })
    const cookies = new Map()
    const request = async (to, init = {}) => {
      const cookie = [...cookies].map(pair => pair.join("=")).join("; ")
      const response = await fetch(new URL(to, url), { redirect: "manual", ...init, headers: { cookie, origin: url, ...init.headers } })
      for (const set of response.headers.getSetCookie()) {
        const [, key, value] = /^([^=]+)=([^;]*)/.exec(set)
        if (/max-age=0/i.test(set)) cookies.delete(key)
        else cookies.set(key, value)
      }
      return response
    }
    assert.equal(await json(await request("/api/auth/get-session")), null, "signed out at first")
    assert.equal((await request("/api/auth/token")).status, 401)

    const begun = await request("/api/auth/sign-in/social", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ provider: "huggingface", callbackURL: "/done" }),
    })
    assert.equal(begun.status, 200)
    const { url: to, redirect } = await json(begun)
    const query = Object.fromEntries(new URL(to).searchParams)
    assert.equal(redirect, true)
    assert.ok(to.startsWith(`${issuer.url}/authorize?`), to)
    assert.deepEqual([query.response_type, query.client_id, query.code_challenge_method], ["code", CLIENT.id, "S256"])
    assert.equal(Buffer.from(query.code_challenge, "base64url").length, 32)
    assert.ok(query.state.length >= 16 && query.scope.split(" ").includes("openid"))
    assert.equal(new URL(query.redirect_uri).origin, url)

    const back = new URL(query.redirect_uri)
    back.search = new URLSearchParams({ code: issuer.agree(query), state: query.state, iss: issuer.url })
    const done = await request(back)
    assert.equal(new URL(done.headers.get("location"), url).href, `${url}/done`)
    assert.equal(createHash("sha256").update(issuer.tokenRequest.code_verifier).digest("base64url"), query.code_challenge)

    const { user, session } = await json(await request("/api/auth/get-session"))
    assert.deepEqual([user.name, session.userId], ["Ann Example", user.id])
    assert.ok(new Date(session.expiresAt) > new Date())

    const { token } = await json(await request("/api/auth/token"))
    const [head, claims, signature] = token.split(".")
    const { alg, kid } = JSON.parse(Buffer.from(head, "base64url"))
    const payload = JSON.parse(Buffer.from(claims, "base64url"))
    assert.deepEqual([alg, payload.sub, payload.iss, payload.aud, payload.exp - payload.iat], ["EdDSA", user.id, url, url, 900])
    const key = (await json(await request("/api/auth/jwks"))).keys.find(key => key.kid === kid)
    assert.ok(verify(null, `${head}.${claims}`, createPublicKey({ key, format: "jwk" }), Buffer.from(signature, "base64url")))
    assert.equal(key.d, undefined, "the private key is not published")
  })

  test(`${name}: a callback with an unknown state creates no session`, async t => {
    const issuer = await provider(t)
    const { url } = await start(t, command, { AUTH_SECRET: SECRET, OPENID_PROVIDER_URL: issuer.url, OAUTH_CLIENT_ID: CLIENT.id, OAUTH_CLIENT_SECRET: CLIENT.secret })
    const query = new URLSearchParams({ code: issuer.agree({}), state: "an-unknown-state-0123456789", iss: issuer.url })
    const rejected = await fetch(`${url}/api/auth/callback/huggingface?${query}`, { redirect: "manual" })
    assert.match(rejected.headers.get("location"), /error/)
    assert.ok(rejected.headers.getSetCookie().every(cookie => !/session/.test(cookie.split("=")[0]) || /max-age=0/i.test(cookie)))
    assert.equal(issuer.tokenRequest, undefined, "the code is not exchanged")
  })
}
