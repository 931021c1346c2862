// Chromium, with third-party cookies allowed and blocked: a new tab, planted sign-ins and the service's own page.
// browsers.test.mjs tests which page can sign in how.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { certificates } from "./support/certificates.mjs"
import { chromium } from "./support/chromium.mjs"
import { plainProvider } from "./support/plain-provider.mjs"
import { proxy, settings, start } from "./support/service.mjs"
import { bundled, pages } from "./support/site.mjs"

const id = "65f0c0ffee"
/** What the pages of huggingface.co send: it cuts a page off from windows of other origins. */
const severing = { "cross-origin-opener-policy": "same-origin" }
/** A page that tries to start sign-ins without its visitor. */
const planter = space => `<!doctype html><script>
done = 0
for (const tag of ["img", "iframe"]) for (let at = 0; at < 20; at++) {
  const made = document.createElement(tag)
  made.onload = made.onerror = () => done++
  made.src = "${space}/login/huggingface?" + at
  document.documentElement.append(made)
}
</script>`
let app, site, hub, front, provider, service, space

before(async () => {
  app = await bundled()
  const { authority, tls } = certificates(["localhost", "space.test", "site.test", "hub.test"])
  provider = await plainProvider(tls)
  // The app of a Space is on the Space's own origin.
  front = await proxy(tls, { "/app": app })
  space = `https://space.test:${front.port}`
  site = await pages(tls, "site.test", { "/app": app })
  hub = await pages(tls, "hub.test", { "/": `<!doctype html><title>hub</title><iframe src="${space}/app"></iframe>`, "/page": `<!doctype html><iframe src="${space}/"></iframe>`, "/planter": planter(space) }, severing)
  service = await start(settings(space, provider.issuer, {
    SPACE_ID: "owner/name", SSL_CERT_FILE: authority, TRUSTED_ORIGINS: site.url, FRAME_ANCESTORS: `'self' ${hub.url}`,
  }))
  front.target.port = service.port
})
after(async () => { await service?.stop(); for (const each of [provider, site, hub, front]) each?.stop() })

for (const blocked of [false, true]) {
  describe(`third-party cookies ${blocked ? "blocked" : "allowed"}`, () => {
    let browser, context, stop
    before(async () => ({ browser, stop } = await chromium({ blocked })))
    after(() => stop?.())

    /** A page in a new profile. */
    async function open(url) {
      await context?.close()
      context = await browser.createBrowserContext()
      const page = await context.newPage()
      await page.goto(url)
      return page
    }
    const ready = frame => frame.waitForFunction("window.ready")
    /** Waits until a frame has returned to the app. */
    async function back(frame) {
      await frame.waitForFunction("location.search.includes('signed') && window.ready")
      return frame.evaluate("user()")
    }
    async function framed(path = "/") {
      const page = await open(hub.url + path)
      const handle = await page.waitForSelector("iframe")
      const frame = await handle.contentFrame()
      return { page, frame }
    }

    test("app in a frame of another site: a new tab that starts at /login", async () => {
      const { page, frame } = await framed()
      await ready(frame)
      const opened = new Promise(resolve => page.browserContext().once("targetcreated", resolve))
      await frame.evaluate("void window.open('/login/huggingface?callbackURL=/app?signed')")
      const tab = await (await opened).page()
      assert.equal(await back(tab), id, "the tab")
      assert.equal(await frame.evaluate("user()"), blocked ? null : id, "the frame")
    })

    test("images and frames of another site set no cookie", async () => {
      const page = await open(`${hub.url}/planter`)
      await page.waitForFunction("done === 40")
      await page.goto(`${space}/app`)
      assert.deepEqual((await page.cookies()).map(({ name }) => name), [])
    })

    test("the service's own page, opened directly and in a frame", async () => {
      const page = await open(`${space}/`)
      const problems = []
      page.on("console", message => message.type() === "error" && problems.push(message.text()))
      await page.waitForFunction("document.querySelector('#actions button')")
      await page.click("#actions button")
      await page.waitForFunction("document.querySelector('#status').textContent.startsWith('You are Ann Example (ann)')")
      await page.waitForFunction(`document.querySelector('#claims').textContent.includes('"sub": "${id}"')`)
      await page.click("#actions button")
      await page.waitForFunction("document.querySelector('#status').textContent === 'You are not signed in.'")
      assert.deepEqual(problems, [])

      const { frame } = await framed("/page")
      await frame.waitForSelector("#actions button")
      await frame.click("#actions button")
      await frame.waitForFunction("document.querySelector('#status').textContent.startsWith('You are Ann Example (ann)')")
      await frame.click("#actions button")
      await frame.waitForFunction("document.querySelector('#status').textContent === 'You are not signed in.'")
    })
  })
}
