// Which page can sign in how, in the browsers that Debian packages. The manual has the results as a table. The provider
// and the page around the frame send Cross-Origin-Opener-Policy: same-origin, as huggingface.co does.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { certificates } from "./support/certificates.mjs"
import { browsers } from "./support/drivers.mjs"
import { plainProvider } from "./support/plain-provider.mjs"
import { proxy, settings, start } from "./support/service.mjs"
import { bundled, pages } from "./support/site.mjs"

const id = "65f0c0ffee"
const severing = { "cross-origin-opener-policy": "same-origin" }
let app, site, hub, plain, front, provider, service, space, cookies

before(async () => {
  app = await bundled()
  const { authority, tls } = certificates(["localhost", "space.test", "site.test", "hub.test", "plain.test"])
  provider = await plainProvider(tls)
  // The app of a Space is on the Space's own origin.
  front = await proxy(tls, { "/app": app })
  space = `https://space.test:${front.port}`
  site = await pages(tls, "site.test", { "/app": app })
  const around = { "/": `<!doctype html><iframe width="900" height="500" src="${space}/app"></iframe>` }
  hub = await pages(tls, "hub.test", around, severing)
  plain = await pages(tls, "plain.test", around)
  cookies = await cookiePages(tls)
  service = await start(settings(space, provider.issuer, {
    SPACE_ID: "owner/name", SSL_CERT_FILE: authority, TRUSTED_ORIGINS: site.url, FRAME_ANCESTORS: `'self' ${hub.url} ${plain.url}`,
  }))
  front.target.port = service.port
})
after(async () => { await service?.stop(); for (const each of [provider, site, hub, plain, front, cookies]) each?.stop() })

/** A host whose pages set and show cookies. */
async function cookiePages(tls) {
  const content = {}
  const served = await pages(tls, "space.test", content)
  const shown = '<!doctype html><script>sent = document.cookie</script>'
  content["/"] = shown
  content["/set"] = shown.replace("sent =", 'document.cookie = "kept=1; Secure; SameSite=None"; sent =')
  const around = await pages(tls, "hub.test", { "/": `<!doctype html><iframe src="${served.url}/"></iframe>` })
  return { url: served.url, around: around.url, stop: () => { served.stop(); around.stop() } }
}

/** What differs: the user that a site on another domain sees by cookie, whether a frame of another site has the cookies of
    its address, whether it keeps partitioned ones, and whether a popup opens the way to them. */
const blocked = { user: null, storage: false, popup: false }
const expected = {
  "Chromium, third-party cookies allowed": { user: id, storage: true, frame: true, popup: true },
  "Chromium, third-party cookies blocked": { ...blocked, frame: true },
  "Firefox with its defaults": { ...blocked, frame: true },
  // ITP gives a page access for as long as its popup, in which the visitor clicked, is open.
  "WebKitGTK with ITP": { ...blocked, frame: false, popup: true },
}

for (const { name, start: launch, missing } of browsers) {
  const skip = missing.length > 0 && process.env.CI !== "true" && `${missing} is missing: scripts/setup.sh browsers installs it`
  const { user, storage, frame: keeps, popup: opens } = expected[name]
  describe(name, { skip }, () => {
    let browser
    before(async () => { browser = await launch() })
    after(() => browser?.stop())

    async function app(address = `${space}/app`) {
      const tab = await browser.open(address)
      await tab.until("window.ready")
      assert.equal(await tab.run("user()"), null)
      return tab
    }
    async function framed(around) {
      const frame = await (await browser.open(around.url)).frame()
      await frame.until("window.ready")
      return frame
    }
    const elsewhere = () => app(`${site.url}/app?backend=${space}`)
    /** Goes on in the popup's first page, and waits for the end. */
    async function throughPopup(tab, button) {
      const popup = await tab.window("/oauth-popup/start", () => tab.click(button))
      await popup.click("a")
      await tab.until("outcome")
      return tab.run("outcome")
    }
    /** Waits until a redirect has ended: the signed-in user, or the code of the error page. */
    async function redirected(tab, button) {
      await tab.click(button)
      await tab.until("location.pathname === '/api/auth/error' || location.search.includes('signed') && window.ready")
      return tab.run("location.pathname === '/api/auth/error' ? new URLSearchParams(location.search).get('error') : user()")
    }

    test("the browser treats third-party cookies as its name says", async () => {
      const tab = await browser.open(`${cookies.url}/set`)
      assert.equal(await tab.run("sent"), "kept=1")
      await tab.goto(cookies.around)
      const frame = await tab.frame()
      await frame.until("typeof sent === 'string'")
      assert.equal(await frame.run("sent"), storage ? "kept=1" : "")
      assert.equal(await frame.run("document.hasStorageAccess()"), storage)
      // CHIPS: a partitioned cookie is kept even where others are blocked. WebKitGTK has none, and ITP keeps no other.
      assert.equal(await frame.run("document.cookie = 'part=1; Secure; SameSite=None; Partitioned', document.cookie.includes('part=1')"), keeps)
    })

    test("Space, opened directly: the client's redirect", async () => {
      const tab = await app()
      assert.equal(await redirected(tab, "#redirect"), id)
      assert.deepEqual(await tab.run("auth.signOut().then(({ data }) => data)"), { success: true })
      assert.equal(await tab.run("user()"), null)
    })

    test("Space, opened directly: the 1.7 client's popup", async () => {
      const tab = await app()
      assert.equal(await throughPopup(tab, "#popup"), "signed in")
      assert.equal(await tab.run("user()"), id)
    })

    test("Space, opened directly: the service's script redirects", async () => {
      const tab = await app()
      await tab.click("#script")
      await tab.until("performance.getEntriesByType('navigation')[0].redirectCount !== undefined && window.ready && user()")
      assert.equal(await tab.run("user()"), id)
    })

    test("Space in a frame: the client's redirect inside the frame", async () => {
      assert.equal(await redirected(await framed(hub), "#redirect"), keeps ? id : "state_mismatch")
    })

    // better-auth/dist/plugins/oauth-popup/client.mjs: `if (!popup) return popupError("POPUP_BLOCKED")`. The page around
    // the frame makes `open` return null, though the window opens.
    test("Space in a frame of a page with the policy: the 1.7 client's popup reports POPUP_BLOCKED", async () => {
      const frame = await framed(hub)
      const popup = await frame.window("/oauth-popup/start", () => frame.click("#popup"))
      await frame.until("outcome")
      assert.equal(await frame.run("outcome"), "POPUP_BLOCKED")
      await popup.until("/cut off/.test(document.body.innerText)")
      assert.equal(await popup.run("document.querySelector('a').href"), `${space}/`)
    })

    test("Space in a frame of a page without the policy: the 1.7 client's popup", async () => {
      const frame = await framed(plain)
      assert.equal(await throughPopup(frame, "#popup"), "signed in")
      assert.equal(await frame.run("user()"), id)
    })

    test("Space in a frame: the service's script redirects, or says what to do", async () => {
      const frame = await framed(hub)
      await frame.click("#script")
      if (keeps) await frame.until("window.user && user()")
      else {
        await frame.until("outcome")
        assert.equal(await frame.run("outcome"), "popup_blocked")
      }
    })

    if (!keeps) test("Space in a frame of a page without the policy: the service's script opens a popup", async () => {
      const frame = await framed(plain)
      assert.equal(await throughPopup(frame, "#script"), "signed in")
      assert.equal(await frame.run("userByBearer()"), id)
    })

    test("another site: the client's redirect", async () => {
      assert.equal(await redirected(await elsewhere(), "#redirect"), user ?? "state_mismatch")
    })

    test("another site: a link to /login", async () => {
      const tab = await elsewhere()
      await tab.goto(`${space}/login/huggingface?callbackURL=${encodeURIComponent(`${site.url}/app?signed&backend=${space}`)}`)
      await tab.until("location.search.includes('signed') && window.ready")
      assert.equal(await tab.run("user()"), user)
    })

    // better-auth/dist/plugins/oauth-popup/client.mjs: `if (isEmbedded()) storePopupToken(outcome.token)`. A page that is
    // in no frame drops the token and asks by cookie.
    test("another site: the 1.7 client's popup needs third-party cookies", async () => {
      assert.equal(await throughPopup(await elsewhere(), "#popup"), opens ? "signed in" : "POPUP_SIGN_IN_FAILED")
    })

    test("another site: the service's script, with a bearer token", async () => {
      const tab = await elsewhere()
      assert.equal(await throughPopup(tab, "#script"), "signed in")
      assert.equal(await tab.run("userByBearer()"), id)
      assert.deepEqual(await tab.run("signOutByBearer()"), { success: true })
      assert.equal(await tab.run("userByBearer()"), null)
    })
  })
}
