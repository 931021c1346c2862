// Every way in which a popup can end reaches the page that opened it, in browsers that block popups. The provider cuts its
// windows off from their openers.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { certificates } from "./support/certificates.mjs"
import { browsers } from "./support/drivers.mjs"
import { plainProvider } from "./support/plain-provider.mjs"
import { proxy, settings, start } from "./support/service.mjs"
import { bundled, pages } from "./support/site.mjs"

/** A page whose ten minutes end at once when `soon` is called. */
const quick = "<script>const wait = setTimeout; setTimeout = (run, time, ...more) => time === 600000 ? (soon = () => run(...more)) && 0 : wait(run, time, ...more)</script>"
const severing = { "cross-origin-opener-policy": "same-origin" }

let env, front, provider, service, severed, site, space
before(async () => {
  const { authority, tls } = certificates(["localhost", "space.test", "site.test", "severed.test"])
  provider = await plainProvider(tls)
  front = await proxy(tls)
  space = `https://space.test:${front.port}`
  const app = await bundled()
  site = await pages(tls, "site.test", { "/app": app })
  severed = await pages(tls, "severed.test", { "/app": quick + app }, severing)
  env = settings(space, provider.issuer, { SPACE_ID: "owner/name", SSL_CERT_FILE: authority, TRUSTED_ORIGINS: `${site.url},${severed.url}` })
  service = await start(env)
  front.target.port = service.port
})
after(async () => { await service?.stop(); for (const each of [provider, site, severed, front]) each?.stop() })

for (const { name, start: launch, missing } of browsers.filter(({ name }) => !name.includes("allowed"))) {
  const skip = missing.length > 0 && process.env.CI !== "true" && `${missing} is missing: scripts/setup.sh browsers installs it`
  describe(name, { skip }, () => {
    let browser
    before(async () => { browser = await launch() })
    after(() => browser?.stop())

    async function open(from = site) {
      const tab = await browser.open(`${from.url}/app?backend=${space}`)
      await tab.until("window.ready")
      return tab
    }
    const popupOf = tab => tab.window("/oauth-popup/start", () => tab.click("#script"))
    const ends = async (tab, expected) => {
      await tab.until(`ends.length === ${expected.length}`)
      assert.deepEqual(await tab.run("ends"), expected)
    }

    test("denied, and a second click works at once", async () => {
      const tab = await open()
      provider.denies = true
      try {
        const popup = await popupOf(tab)
        await popup.click("a")
        await ends(tab, ["access_denied"])
        await popup.gone() // so that the next window is not mistaken for this one
      } finally { provider.denies = false }
      await (await popupOf(tab)).click("a")
      await ends(tab, ["access_denied", "signed in"])
    })

    test("the provider's window closed: the popup opens it again", async () => {
      const tab = await open()
      const popup = await popupOf(tab)
      provider.waits = true
      try {
        const second = await popup.window(provider.issuer, () => popup.click("a"))
        await second.until("document.title === 'waiting'")
        await second.close()
      } finally { provider.waits = false }
      assert.match(await popup.run("document.body.innerText"), /If you have closed it, open it again/)
      await popup.click("a")
      await ends(tab, ["signed in"])
    })

    test("closed", async () => {
      const tab = await open()
      const popup = await popupOf(tab)
      await popup.until("document.querySelector('a') !== null")
      await popup.close()
      await ends(tab, ["popup_closed"])
    })

    test("opened twice: the second click ends the first sign-in and completes", async () => {
      const tab = await open()
      await popupOf(tab)
      const popup = await popupOf(tab)
      await ends(tab, ["restarted"])
      await popup.click("a")
      await ends(tab, ["restarted", "signed in"])
    })

    test("expired: the popup says so when its time is over", async () => {
      front.target.edit = text => {
        assert.match(text, /&quot;lifetime&quot;:600000/)
        return text.replace("&quot;lifetime&quot;:600000", "&quot;lifetime&quot;:1")
      }
      try {
        const tab = await open()
        await tab.click("#script")
        await ends(tab, ["expired"])
      } finally { front.target.edit = undefined }
    })

    test("a page that is cut off from its popup gives up after ten minutes, not when the window looks closed", async () => {
      const tab = await open(severed)
      const popup = await popupOf(tab)
      await popup.until("/cut off/.test(document.body.innerText)")
      await tab.run("new Promise(resolve => setTimeout(resolve, 1200))") // longer than the script needs to see a closed window
      assert.deepEqual(await tab.run("ends"), [])
      await tab.run("soon()")
      await ends(tab, ["expired"])
    })

    test("rate-limited: at the callback, and at the start", async () => {
      const limited = await start({ ...env, SIGN_IN_RATE: "1/h" })
      front.target.port = limited.port
      try {
        const tab = await open()
        await (await popupOf(tab)).click("a")
        await ends(tab, ["too_many_requests"])
        await tab.click("#script")
        await ends(tab, ["too_many_requests", "too_many_requests"])
      } finally {
        front.target.port = service.port
        await limited.stop()
      }
    })
  })
}
