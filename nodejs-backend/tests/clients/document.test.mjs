// A site on another domain without a registered application, with exactly the settings and the page that the manual
// prints: a certified provider, as huggingface.co, fetches the service's document over TLS
// (draft-ietf-oauth-client-id-metadata-document).
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import https from "node:https"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { agreeIn } from "./support/agree.mjs"
import { certificates } from "./support/certificates.mjs"
import { certified } from "./support/certified.mjs"
import { browsers } from "./support/drivers.mjs"
import { isOwnNetwork, serveHosts } from "./support/internet.mjs"
import { program, start } from "./support/service.mjs"

const [hub, auth, site] = ["huggingface.co", "auth.example", "site.example"]
const document = `https://${auth}/.well-known/oauth-cimd`
const manual = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
const page = manual.split("\n### Popup and bearer token\n")[1].split("\n```html\n")[1].split("\n```")[0]
const env = Object.fromEntries(manual.split("\n## Run it on your own server\n")[1].split("\n```sh\n")[1].split("\n```")[0]
  .split("\n").map(line => line.split(/\s+#/)[0].split("=")))
delete env.AUTH_SECRET

if (isOwnNetwork(fileURLToPath(import.meta.url), [hub, auth, site])) {
  const hosts = {}, fetched = []
  let provider, secret, service, stopHosts

  /** `fetch` of the provider: the addresses that it fetches are noted. */
  const noting = ca => (address, options) => new Promise((resolve, reject) => {
    https.get(address, { ca, headers: Object.fromEntries(new Headers(options.headers)) }, async answer => {
      const body = (await answer.toArray()).join("")
      fetched.push([String(address), answer.statusCode])
      resolve(new Response(body, { status: answer.statusCode, headers: { "content-type": answer.headers["content-type"], "cache-control": answer.headers["cache-control"] } }))
    }).on("error", reject)
  })
  /** The output of a start, or of a command, that ends by itself. */
  const run = (args, more) => promisify(execFile)(program, args, { env: { ...env, PORT: "0", ...more } })

  before(async () => {
    const { authority, tls } = certificates(["localhost", hub, auth, site])
    provider = await certified([], tls, {
      clients: [],
      features: { devInteractions: { enabled: true }, clientIdMetadataDocument: { enabled: true, ack: "draft-02" } },
      fetch: noting(readFileSync(authority)),
    }, hub)
    hosts[hub] = (request, response) => provider.server.emit("request", request, response)
    hosts[site] = (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page.replace("owner-name.hf.space", auth))
    stopHosts = await serveHosts(tls, hosts)
    const failed = await run([]).then(() => assert.fail("it starts without a secret"), error => error)
    assert.equal(failed.code, 64)
    ;[, secret] = /AUTH_SECRET=(\S+)/.exec(failed.stderr)
    service = await start({ ...env, AUTH_SECRET: secret, SSL_CERT_FILE: authority })
    hosts[auth] = service.port
  })
  after(async () => { await service?.stop(); provider?.stop(); stopHosts?.() })

  test("check says which document the provider fetches", async () => {
    const { stdout, stderr } = await run(["check"], { AUTH_SECRET: secret })
    assert.ok((stdout + stderr).includes(`the provider fetches ${document}`), stdout + stderr)
  })

  for (const { name, start: launch, missing } of browsers) {
    const skip = missing.length > 0 && process.env.CI !== "true" && `${missing} is missing: scripts/setup.sh browsers installs it`
    describe(name, { skip }, () => {
      let browser
      before(async () => { browser = await launch() })
      after(() => browser?.stop())

      test("a visitor signs in, and the provider has fetched the document once", async () => {
        const tab = await browser.open(`https://${site}/`)
        await tab.until("who.textContent === 'You are not signed in'")
        const popup = await tab.window("/oauth-popup/start", () => tab.click("#in"))
        const window = await popup.window(hub, () => popup.click("a"))
        await agreeIn(window, "ann", /Authorize/)
        await tab.until("who.textContent === 'You are Ann Example'")
        assert.deepEqual(fetched, [[document, 200]])
        await tab.click("#out")
        await tab.until("who.textContent === 'You are not signed in'")
      })
    })
  }
}
