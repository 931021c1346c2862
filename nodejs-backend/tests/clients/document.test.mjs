// A site on another domain without a registered application: the certified provider fetches the service's document over
// TLS (draft-ietf-oauth-client-id-metadata-document), and Chromium signs in with the manual's script.
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import https from "node:https"
import { after, before, test } from "node:test"
import { promisify } from "node:util"
import { certificates } from "./support/certificates.mjs"
import { certified } from "./support/certified.mjs"
import { chromium } from "./support/chromium.mjs"
import { program, proxy, secrets, start } from "./support/service.mjs"
import { bundled, pages } from "./support/site.mjs"

const path = "/.well-known/oauth-cimd"
let browser, front, provider, service, site, stop, url
/** The addresses that the provider fetched, with the status of the answer. */
const fetched = []

before(async () => {
  const { authority, tls } = certificates(["localhost", "auth.test", "site.test"])
  front = await proxy(tls)
  url = `https://auth.test:${front.port}`
  const ca = readFileSync(authority)
  provider = await certified([], tls, {
    clients: [],
    features: { devInteractions: { enabled: true }, clientIdMetadataDocument: { enabled: true, ack: "draft-02" } },
    fetch: (address, options) => new Promise((resolve, reject) => {
      const lookup = (_, { all }, done) => all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)
      https.get(address, { ca, lookup, headers: Object.fromEntries(new Headers(options.headers)) }, async answer => {
        const body = (await answer.toArray()).join("")
        fetched.push([String(address), answer.statusCode])
        resolve(new Response(body, { status: answer.statusCode, headers: { "content-type": answer.headers["content-type"] } }))
      }).on("error", reject)
    }),
  })
  site = await pages(tls, "site.test", { "/app": await bundled() })
  service = await start({
    AUTH_URL: url, AUTH_SECRET: secrets[0], OPENID_PROVIDER_URL: provider.issuer, OAUTH_CLIENT_ID: url + path,
    SSL_CERT_FILE: authority, TRUSTED_ORIGINS: site.url, SIGN_IN_RATE: "1000/s", KEEP_PROVIDER_TOKEN: "yes",
  })
  front.target.port = service.port
  ;({ browser, stop } = await chromium({ blocked: true }))
})
after(async () => { await stop?.(); await service?.stop(); for (const each of [provider, site, front]) each?.stop() })

test("the provider fetches the document once and signs the visitor in", async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  await page.goto(`${site.url}/app?backend=${url}`)
  await page.waitForFunction("window.ready")
  const opened = from => new Promise(resolve => from.once("popup", resolve))
  const first = opened(page)
  await page.click("#script")
  const popup = await first, second = opened(popup)
  await (await popup.waitForSelector("a")).click()
  const window = await second
  await (await window.waitForSelector("input[name=login]")).type(provider.user.sub)
  assert.deepEqual(fetched, [[url + path, 200]])
  await window.type("input[name=password]", "any")
  await Promise.all([window.waitForFunction("!document.querySelector('input[name=login]') && document.querySelector('[type=submit]')"), window.click("[type=submit]")])
  await window.click("[type=submit]")
  await page.waitForFunction("window.outcome === 'signed in'")
  assert.equal(await page.evaluate("userByBearer()"), provider.user.sub)
  assert.deepEqual(fetched, [[url + path, 200]])
})

test("without AUTH_SECRET the start prints one, which it then accepts", async () => {
  const env = { AUTH_URL: "https://auth.example", HOST: "127.0.0.1", PORT: "0" }
  const run = more => promisify(execFile)(program, more.args ?? [], { env: { ...env, ...more.env } })
  const failed = await run({}).then(() => assert.fail("it starts"), error => error)
  assert.equal(failed.code, 64)
  const [, secret] = /AUTH_SECRET=(\S+)/.exec(failed.stderr)
  const { stdout, stderr } = await run({ args: ["check"], env: { AUTH_SECRET: secret } })
  assert.match(stdout + stderr, /the provider fetches https:\/\/auth\.example\/\.well-known\/oauth-cimd/)
})
