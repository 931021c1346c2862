// A hunt for leaks: two visitors pay for their own chats through both services, the upstream repeats their tokens wherever
// it can, the gateway crashes, and no secret may appear anywhere but at Hugging Face's router. The gateways find the router
// at its real name, because they see their own /etc/hosts. PYTHON_BACKEND is the path of the program.
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import http from "node:http"
import https from "node:https"
import { tmpdir } from "node:os"
import path from "node:path"
import { text } from "node:stream/consumers"
import { after, before, test } from "node:test"
import { createAuthClient } from "better-auth/client"
import { jwtClient } from "better-auth/client/plugins"
import { certificates } from "./support/certificates.mjs"
import { certified } from "./support/certified.mjs"
import { client, proxy, secrets, settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

const ROUTER = "router.huggingface.co", KEY = "a-key-of-enough-length"
const HF_TOKEN = "hf_of_the_owner_0123456789", OWN = "hf_of_a_program_0123456789"
/** Everything that clients, logs and other hosts got, with its name. */
const seen = []
const note = (name, ...parts) => { seen.push([name, parts.map(part => typeof part === "string" ? part : JSON.stringify(part)).join("\n")]); return parts[0] }

let arrived, folder, front, gateway, other, owners, program, provider, router, service, url
/** The tokens that arrived at the router, in order. */
const paid = []

/** A request whose answer never comes has arrived. */
const hangs = new Promise(resolve => { arrived = resolve })

/** An answer that repeats the token in every place, by the model's name. */
const faults = { "org/ended": 401, "org/poor": 402, "org/bad": 400, "org/down": 500 }
async function route(request, response) {
  const token = request.headers.authorization?.slice("Bearer ".length)
  const body = request.method === "POST" ? JSON.parse(await text(request)) : {}
  paid.push(token)
  const head = { "content-type": "application/json", "x-request-id": token, "server-timing": token, "www-authenticate": `Bearer ${token}` }
  const json = (status, value, more = head) => response.writeHead(status, more).end(JSON.stringify(value))
  const status = faults[body.model]
  if (status) return json(status, { error: { message: `rejected ${token}`, param: token, code: token, type: token } })
  if (body.model === "org/cut") {
    response.writeHead(200, { "content-type": "text/event-stream" })
    const chunk = { id: "1", choices: [{ index: 0, delta: { content: "a" }, finish_reason: null }] }
    return response.end(`data: ${JSON.stringify(chunk)}\n\ndata: ${JSON.stringify({ error: { message: `rejected ${token}` } })}\n\n`)
  }
  if (body.model === "org/event") {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(`event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n`)
    return response.end(`event: error\ndata: ${JSON.stringify({ type: "error", message: `rejected ${token}` })}\n\n`)
  }
  if (body.model === "org/hangs") return arrived()
  const plain = { "content-type": "application/json" }
  if (request.url === "/v1/models") return json(200, { object: "list", data: [{ id: "org/model", object: "model" }] }, plain)
  json(200, { id: "1", object: "chat.completion", created: 1, model: body.model, choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }] }, plain)
}

async function listen(server) {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return server
}

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "leaks-"))
  const { authority, tls } = certificates([ROUTER])
  router = await listen(https.createServer(tls, route))
  other = await listen(http.createServer(async (request, response) => {
    note("the other upstream", request.rawHeaders, await text(request))
    response.writeHead(200, { "content-type": "application/json" }).end('{"id":"2","choices":[{"index":0,"message":{"role":"assistant","content":"elsewhere"},"finish_reason":"stop"}]}')
  }))
  writeFileSync(path.join(folder, "hosts"), `127.0.0.1 localhost ${ROUTER}\n`)
  program = path.join(folder, "gateway")
  const own = process.getuid() === 0 ? "" : "--user --map-root-user "
  writeFileSync(program, `#!/bin/sh\nexec unshare ${own}--mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' ${folder}/hosts "${process.env.PYTHON_BACKEND}" "$@"\n`)
  chmodSync(program, 0o755)

  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`], undefined, {
    issueRefreshToken: () => true, ttl: { AccessToken: context => context.oidc.params.grant_type === "refresh_token" ? 3600 : 4 },
  })
  const common = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LOG_LEVEL: "debug" }
  const signIn = settings(url, provider.issuer, { ...common, KEEP_PROVIDER_TOKEN: "gateway", GATEWAY_SECRET: secrets[1] })
  service = { env: signIn, ...await start(signIn) }
  front.target.port = service.port
  const upstreams = {
    ...common, SSL_CERT_FILE: authority, UPSTREAM_URL: `https://${ROUTER}:${router.address().port}/v1,http://127.0.0.1:${other.address().port}/v1`,
    UPSTREAM_MODELS: "org/model org/ended org/poor org/bad org/down org/cut org/event org/hangs,org/elsewhere", UPSTREAM_TRIES: "1",
    JWT_ISSUER: url, JWT_AUDIENCE: url, JWT_ALLOW: "*",
  }
  const callers = { ...upstreams, PAYER: "caller", GATEWAY_SECRET: secrets[1] }
  const mixed = { ...upstreams, ACCESS: "jwt,keys,hf_token", API_KEYS: `site:${KEY}`, HF_TOKEN }
  gateway = { env: callers, ...await start(callers, program) }
  owners = { env: mixed, ...await start(mixed, program) }
})
after(async () => {
  for (const one of [gateway, owners, service]) await one?.stop()
  for (const server of [router, other]) { server?.closeAllConnections(); server?.close() }
  provider?.stop()
  front?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function visit(name) {
  const visitor = new Visitor()
  const auth = createAuthClient({ baseURL: url, plugins: [jwtClient()], fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/done" })
  await visitor.follow(data.url, to => to.origin === url && to.pathname === "/done")
  const get = async (where, init) => {
    const response = await visitor.fetch(url + where, init)
    return note(`${name}: ${where}`, await response.text(), [...response.headers])
  }
  const { token } = JSON.parse(await get("/api/auth/token"))
  note(`${name}: the decoded token`, Buffer.from(token.split(".")[1], "base64url").toString())
  note(`${name}: cookies`, visitor.cookies(new URL(url).host))
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: '{"useAccountCookie":true}' }
  for (const where of ["/", "/api/auth/get-session", "/api/auth/list-accounts", "/nothing"]) await get(where)
  for (const where of ["/api/auth/get-access-token", "/api/auth/refresh-token"]) await get(where, post)
  return token
}

async function ask(name, at, bearer, where, model, more = {}) {
  const response = await fetch(`http://127.0.0.1:${at.port}/v1/${where}`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${bearer}`, "x-hf-bill-to": "org" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], input: "hi", max_tokens: 9, ...more }),
  })
  const body = await response.text().catch(error => `${error}`) // a stream that fails is cut
  note(`${name}: ${where} ${model}`, body, [...response.headers])
  return [response.status, body]
}

async function probe(name, at) {
  for (const where of ["/", "/metrics", "/health", "/openapi.json", "/nothing", "/v1/models"]) {
    const response = await fetch(`http://127.0.0.1:${at.port}${where}`, { headers: { accept: "text/html, */*" } })
    note(`${name}: ${where}`, await response.text(), [...response.headers])
  }
}

test("no secret appears anywhere but at the router", async () => {
  const visitors = { ann: await visit("ann"), bob: await visit("bob") }
  const owner = {}
  for (const [name, token] of Object.entries(visitors)) {
    assert.equal((await ask(name, gateway, token, "chat/completions", "org/model"))[0], 200)
    owner[name] = paid.at(-1)
  }
  assert.ok(owner.ann && owner.bob && owner.ann !== owner.bob, JSON.stringify(owner))
  for (const [name, token] of Object.entries(visitors)) {
    for (const [model, status] of Object.entries({ "org/ended": 401, "org/poor": 402, "org/bad": 400, "org/down": 500, "org/elsewhere": 200 }))
      for (const where of ["chat/completions", "responses", "messages"]) assert.equal((await ask(name, gateway, token, where, model))[0], status, `${where} ${model}`)
    for (const where of ["chat/completions", "responses", "messages"]) await ask(name, gateway, token, where, "org/cut", { stream: true })
    await ask(name, gateway, token, "responses", "org/event", { stream: true })
    assert.ok(paid.slice(-5).every(one => one === owner[name]), "each visitor pays alone")
  }
  // Who brings an own token, and whom the owner pays for.
  for (const [bearer, pays] of [[OWN, OWN], [KEY, HF_TOKEN], [visitors.ann, HF_TOKEN]]) {
    assert.equal((await ask("owners", owners, bearer, "chat/completions", "org/model"))[0], 200)
    assert.equal(paid.at(-1), pays)
    for (const model of ["org/ended", "org/poor", "org/bad", "org/down"]) await ask("owners", owners, bearer, "chat/completions", model)
    await ask("owners", owners, bearer, "chat/completions", "org/cut", { stream: true })
  }
  await ask("owners", owners, KEY, "chat/completions", "org/elsewhere")
  for (const [name, at] of Object.entries({ gateway, owners, service })) await probe(name, at)

  // A crash while a request is at the router.
  const hanging = ask("ann", gateway, visitors.ann, "chat/completions", "org/hangs").catch(() => {})
  await hangs
  gateway.child.kill("SIGSEGV")
  await hanging
  const [status] = await ask("ann", gateway, visitors.ann, "chat/completions", "org/model")
  assert.equal(status, 200, "it goes on, with the same token")
  assert.ok(gateway.log.some(line => line.includes("SIGSEGV") || line.includes("crash")), gateway.log.slice(-3).join("\n"))
  for (const [name, at] of Object.entries({ gateway, owners, service })) {
    // Only what the operator put there.
    const environment = readFileSync(`/proc/${at.child.pid}/environ`, "utf8").split("\0").filter(pair => at.env[pair.split("=")[0]] === undefined)
    note(`${name}: further environment`, environment)
    note(`${name}: command line`, readFileSync(`/proc/${at.child.pid}/cmdline`, "utf8"))
    const file = at === service ? process.env.NODEJS_BACKEND : program
    for (const command of ["check", "--help"]) note(`${name}: ${command}`, execFileSync(file, [command], { env: at.env, stdio: ["ignore", "pipe", "pipe"] }).toString())
    note(`${name}: log`, at.log)
  }

  const names = seen.map(([name]) => name)
  for (const place of ["ann: the decoded token", "the other upstream", "gateway: /metrics", "gateway: log", "service: check"]) assert.ok(names.includes(place), place)
  const hidden = { ...owner, HF_TOKEN, OWN, GATEWAY_SECRET: secrets[1], AUTH_SECRET: secrets[0], "client secret": client.secret }
  for (const [what, secret] of Object.entries(hidden)) {
    const forms = [secret, Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("base64url"), encodeURIComponent(secret)]
    for (const [name, content] of seen) for (const form of forms) assert.ok(!content.includes(form), `${what} is in ${name}: ${content.slice(0, 600)}`)
  }
})
