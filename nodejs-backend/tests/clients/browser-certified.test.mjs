// Chromium: an app on another site signs in at a certified provider, on the provider's own sign-in and consent pages, and
// shows the user.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { agree } from "./support/agree.mjs"
import { certificates } from "./support/certificates.mjs"
import { certified } from "./support/certified.mjs"
import { chromium } from "./support/chromium.mjs"
import { proxy, settings, start } from "./support/service.mjs"
import { bundled, pages } from "./support/site.mjs"

let front, provider, service, site, space
before(async () => {
  const { authority, tls } = certificates(["localhost", "space.test", "site.test"])
  front = await proxy(tls)
  space = `https://space.test:${front.port}`
  provider = await certified([`${space}/api/auth/callback/huggingface`], tls)
  site = await pages(tls, "site.test", { "/app": await bundled() })
  service = await start(settings(space, provider.issuer, { SPACE_ID: "owner/name", SSL_CERT_FILE: authority, TRUSTED_ORIGINS: site.url }))
  front.target.port = service.port
})
after(async () => { await service?.stop(); for (const each of [provider, site, front]) each?.stop() })

/** Signs in and consents on the pages, which must be the provider's. */
async function enter(page) {
  await page.waitForSelector("input[name=login]")
  assert.equal(new URL(page.url()).origin, provider.issuer)
  await agree(page, provider.user.sub, /Authorize/)
}
const shown = page => page.$eval("p", line => line.innerText)

for (const blocked of [false, true]) {
  describe(`third-party cookies ${blocked ? "blocked" : "allowed"}`, () => {
    let browser, stop
    before(async () => ({ browser, stop } = await chromium({ blocked })))
    after(() => stop?.())

    /** The app in a new profile, signed out. */
    async function open() {
      const page = await (await browser.createBrowserContext()).newPage()
      await page.goto(`${site.url}/app?backend=${space}`)
      await page.waitForFunction("window.ready")
      assert.equal(await page.evaluate("user()"), null)
      assert.equal(await shown(page), "Signed out")
      return page
    }

    test("by popup, then by bearer token", async () => {
      const page = await open()
      const opened = from => new Promise(resolve => from.once("popup", resolve))
      const first = opened(page)
      await page.click("#script")
      const popup = await first, second = opened(popup)
      await (await popup.waitForSelector("a")).click()
      const window = await second
      await enter(window)
      await page.waitForFunction("window.outcome === 'signed in'")
      assert.equal(await page.evaluate("userByBearer()"), provider.user.sub)
      assert.equal(await shown(page), "Signed in as Ann Example")
      assert.deepEqual(await page.evaluate("signOutByBearer()"), { success: true })
      assert.equal(await page.evaluate("userByBearer()"), null)
      assert.equal(await shown(page), "Signed out")
    })

    // With blocked cookies this cannot work; browser.test.mjs tests how it fails.
    if (!blocked) {
      test("by redirect", async () => {
        const page = await open()
        const target = `${site.url}/app?signed&backend=${space}`
        await page.evaluate(`void auth.signIn.social({ provider: "huggingface", callbackURL: "${target}" })`)
        await enter(page)
        await page.waitForFunction("location.search.includes('signed') && window.ready")
        assert.equal(page.url(), target)
        assert.equal(await page.evaluate("user()"), provider.user.sub)
        assert.equal(await shown(page), "Signed in as Ann Example")
      })
    }
  })
}
