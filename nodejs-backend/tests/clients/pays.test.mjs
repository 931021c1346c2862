// A complete site whose visitors pay for themselves: exactly the page that the manual prints, in Chromium with
// third-party cookies blocked, Firefox and WebKitGTK, with the settings that the manual lists. huggingface.co is a certified provider here, and
// the router checks whose access token arrives.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { text } from "node:stream/consumers"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { agree, agreeIn } from "./support/agree.mjs"
import { certificates } from "./support/certificates.mjs"
import { certified } from "./support/certified.mjs"
import { chromium } from "./support/chromium.mjs"
import { browsers } from "./support/drivers.mjs"
import { isOwnNetwork, serveHosts } from "./support/internet.mjs"
import { client, secrets, start } from "./support/service.mjs"

const [hub, router, signIn, inference, site] = ["huggingface.co", "router.huggingface.co", "owner-sign-in.hf.space", "owner-inference.hf.space", "site.example"]
const manual = readFileSync(new URL("../../README.md", import.meta.url), "utf8").split("\n## Let visitors pay\n")[1]
const page = manual.split("\n```html\n")[1].split("\n```")[0]
const model = page.match(/model = "([^"]+)"/)[1]
const origin = `https://${signIn}`

if (isOwnNetwork(fileURLToPath(import.meta.url), [hub, router, signIn, inference, site])) {
  let browser, gateway, provider, service, stop, stopHosts
  const hosts = {}
  /** Whose token each request to the router had, with its scopes, and the tokens themselves. */
  const paid = [], tokens = []

  before(async () => {
    const { authority, tls } = certificates(["localhost", ...[hub, router, signIn, inference, site]])
    provider = await certified([`${origin}/api/auth/callback/huggingface`], tls, {
      scopes: ["openid", "profile", "offline_access", "inference-api"],
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id, preferred_username: id }) }),
    }, hub)
    hosts[hub] = (request, response) => provider.server.emit("request", request, response)
    hosts[router] = async (request, response) => {
      const token = request.headers.authorization?.replace("Bearer ", "")
      const found = token && await provider.oidc.AccessToken.find(token)
      const json = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      if (!found?.scope.includes("inference-api")) return json(401, { error: "Invalid username or password." })
      if (request.url === "/v1/models") return json(200, { object: "list", data: [{ id: model, object: "model" }] })
      const { stream, messages } = JSON.parse(await text(request))
      paid.push([found.accountId, request.url])
      tokens.push(token)
      const message = { role: "assistant", content: `${found.accountId} paid for: ${messages.at(-1).content}` }
      const common = { id: "1", created: 1, model, usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }
      if (!stream) return json(200, { ...common, object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }] })
      const chunk = { ...common, object: "chat.completion.chunk", choices: [{ index: 0, delta: message, finish_reason: "stop" }] }
      response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`)
    }
    hosts[site] = (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page)
    stopHosts = await serveHosts(tls, hosts)

    const platform = { SSL_CERT_FILE: authority, GATEWAY_SECRET: secrets[1] }
    service = await start({
      ...platform, SPACE_ID: "owner/sign-in", SPACE_HOST: signIn, OPENID_PROVIDER_URL: `https://${hub}`, OAUTH_CLIENT_ID: client.id,
      OAUTH_CLIENT_SECRET: client.secret, OAUTH_SCOPES: "openid profile inference-api",
      AUTH_SECRET: secrets[0], TRUSTED_ORIGINS: `https://${site},https://${inference}`, KEEP_PROVIDER_TOKEN: "gateway",
    })
    gateway = await start({
      ...platform, SPACE_ID: "owner/inference", SPACE_HOST: inference, JWT_ISSUER: origin, JWT_AUDIENCE: origin, JWT_ALLOW: "*", PAYER: "caller",
    }, process.env.PYTHON_BACKEND)
    Object.assign(hosts, { [signIn]: service.port, [inference]: gateway.port })
    ;({ browser, stop } = await chromium({ blocked: true, resolver: "MAP * 127.0.0.1" }))
  })
  after(async () => { await stop?.(); await gateway?.stop(); await service?.stop(); provider?.stop(); stopHosts?.() })

  async function open(host = site) {
    const page = await (await browser.createBrowserContext()).newPage()
    await page.goto(`https://${host}/`)
    return page
  }
  /** Signs a visitor in on the pages of the provider. */
  async function enter(page, name, button = "#enter") {
    const opened = from => new Promise(resolve => from.once("popup", resolve))
    const first = opened(page)
    await (await page.waitForSelector(button, { visible: true })).click()
    const popup = await first, second = opened(popup)
    await (await popup.waitForSelector("a")).click()
    await agree(await second, name, /inference-api/)
  }
  async function say(page, words) {
    await (await page.waitForSelector("#text", { visible: true })).type(words)
    await page.click("form button")
  }
  const answers = (page, words) => page.waitForFunction(words => [...document.querySelectorAll("#log p")].some(one => one.textContent === words), { timeout: 9000 }, words)

  test("the page has fewer than forty lines", () => {
    assert.ok(page.split("\n").length < 40, page)
  })

  test("each visitor pays for their own chat, and no page sees an access token", async () => {
    const [ann, bob] = [await open(), await open()]
    await enter(ann, "ann")
    await enter(bob, "bob")
    await say(ann, "Hello")
    await answers(ann, "Model: ann paid for: Hello")
    await say(bob, "Hi")
    await answers(bob, "Model: bob paid for: Hi")
    assert.deepEqual(paid, ["ann", "bob"].map(name => [name, "/v1/chat/completions"]))
    assert.equal(new Set(tokens).size, 2)
    for (const each of [ann, bob]) {
      const seen = await each.evaluate(async () => JSON.stringify([
        document.documentElement.outerHTML, { ...localStorage }, { ...sessionStorage }, document.cookie, await nodejsBackend.session(),
        ...await Promise.all(["/api/auth/token", "/api/auth/list-accounts"].map(async path => (await nodejsBackend.ask(path)).text())),
        await (await nodejsBackend.ask("/api/auth/get-access-token", { method: "POST", headers: { "content-type": "application/json" }, body: '{"useAccountCookie":true}' })).text(),
      ]))
      for (const token of tokens) {
        for (const form of [token, Buffer.from(token).toString("base64url")]) assert.ok(!seen.includes(form))
      }
    }
    for (const line of [...service.log, ...gateway.log]) for (const token of tokens) assert.ok(!line.includes(token), line)
  })

  for (const { name, start: launch, missing } of browsers.filter(({ name }) => !name.startsWith("Chromium"))) {
    const skip = missing.length > 0 && process.env.CI !== "true" && `${missing} is missing: scripts/setup.sh browsers installs it`
    test(`a visitor pays in ${name}`, { skip }, async () => {
      const other = await launch()
      try {
        const tab = await other.open(`https://${site}/`)
        const popup = await tab.window("/oauth-popup/start", () => tab.click("#enter"))
        const window = await popup.window(hub, () => popup.click("a"))
        await agreeIn(window, "dora", /inference-api/)
        await tab.until("!form.hidden")
        await tab.run("document.getElementById('text').value = 'Hello'")
        await tab.click("form button")
        await tab.until("[...document.querySelectorAll('#log p')].some(one => one.textContent === 'Model: dora paid for: Hello')")
        assert.deepEqual(paid.at(-1), ["dora", "/v1/chat/completions"])
      } finally { await other.stop() }
    })
  }

  test("a visitor who signed out leaves no conversation and is told to sign in", async () => {
    const page = await open()
    await enter(page, "ann")
    await say(page, "Hello")
    await answers(page, "Model: ann paid for: Hello")
    await (await page.waitForSelector("#leave", { visible: true })).click()
    await page.waitForSelector("#enter", { visible: true })
    await page.waitForFunction("!log.childElementCount", { timeout: 9000 })
    await page.evaluate("form.hidden = false")
    await say(page, "Hello")
    await answers(page, "the request has no valid session: sign in first")
  })

  test("a visitor of python-backend's own page pays too", async () => {
    const page = await open(inference)
    await enter(page, "cleo", "#sign")
    const shows = (id, words) => page.waitForFunction((id, words) => document.getElementById(id).textContent.includes(words), { timeout: 9000 }, id, words)
    await shows("sign", "Sign out cleo")
    await shows("status", "1 model available")
    await page.$eval("#model", (field, model) => { field.value = model }, model)
    await page.type("#text", "Hello, who are you?")
    await page.click("#send")
    await shows("log", "cleo paid for: Hello, who are you?")
    assert.deepEqual(paid.at(-1), ["cleo", "/v1/chat/completions"])
    for (const line of [...service.log, ...gateway.log]) assert.ok(!line.includes(tokens.at(-1)), line)
  })
}
