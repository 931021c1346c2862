// All pages in Chromium: keyboard, narrow screen, dark mode, no finding of axe, and no request to another origin.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import axe from "axe-core"
import { chromium } from "./support/chromium.mjs"
import { proxy, start } from "./support/service.mjs"

let browser, front, service, stop, url
before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  service = await start({ DEV_SIGN_IN: "yes", AUTH_URL: url })
  front.target.port = service.port
  ;({ browser, stop } = await chromium())
})
after(async () => { await stop?.(); await service?.stop(); front?.stop() })

async function open(path = "/") {
  const page = await (await browser.createBrowserContext()).newPage()
  page.requests = []
  page.problems = []
  page.on("request", request => page.requests.push(request.url()))
  page.on("console", message => message.type() === "error" && page.problems.push(message.text()))
  page.on("pageerror", error => page.problems.push(error.message))
  await page.goto(url + path)
  await page.waitForSelector("#actions button")
  return page
}
const status = page => page.$eval("#status", element => element.textContent)

test("a visitor can sign in and out with the keyboard only", async () => {
  const page = await open()
  assert.equal(await status(page), "You are not signed in.")
  assert.ok(await page.$eval("#warning", element => element.checkVisibility()), "local development has a warning")
  await page.keyboard.press("Tab")
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Sign in as a made-up user")
  await page.keyboard.press("Enter")
  await page.waitForFunction("location.pathname === '/dev/sign-in'")
  assert.match(await page.$eval("main", element => element.innerText), /Local development\. This page asks for no password/)
  assert.equal(await page.evaluate("document.activeElement.name"), "username")
  await page.keyboard.press("Enter")
  await page.waitForFunction("location.pathname === '/' && document.querySelector('#status').textContent.startsWith('You are Dev User (dev-user)')")
  await page.waitForFunction("document.querySelector('#claims').textContent.includes('dev-dev-user')")
  assert.match(await page.$eval("#claims", element => element.textContent), /"iss": "dev:http:/)
  await page.keyboard.press("Tab")
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Sign out")
  await page.keyboard.press("Enter")
  await page.waitForFunction("document.querySelector('#status').textContent === 'You are not signed in.'")
  assert.deepEqual(page.problems, [])
  assert.deepEqual(page.requests.filter(address => !address.startsWith(url)), [], "requests to other origins")
})

test("the settings for python-backend name the signed-in user and can be copied", async () => {
  const page = await open()
  const block = "details:last-of-type"
  const settings = id => `JWT_ISSUER=dev:${url}\nJWT_AUDIENCE=${url}\nJWT_ALLOW=sub:${id}`
  assert.equal(await page.$eval(`${block} pre`, element => element.textContent), settings("YOUR-ID"))
  await page.click("#actions button")
  await page.waitForSelector("input[name=username]")
  await page.keyboard.press("Enter")
  await page.waitForFunction("document.querySelector('#claims')?.textContent.includes('dev-dev-user')")
  await page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text }")
  await page.click(`${block} summary`)
  await page.click(`${block} button`)
  assert.equal(await page.evaluate("window.copied"), settings("dev-dev-user"))
  assert.equal(await page.$eval(`${block} [role=status]`, element => element.textContent), "Copied.")
  await page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
  await page.click(`${block} button`)
  await page.waitForFunction("document.querySelector('details:last-of-type [role=status]').textContent.includes('select the text')")
})

test("no page has a finding of axe or scrolls sideways, in either theme", async () => {
  const popup = `/api/auth/oauth-popup/start?popupOrigin=${url}&popupNonce=n&provider=`
  const paths = ["/", "/dev/sign-in", "/dev/sign-in?state=x&callback_path=callback", "/api/auth/error?error=access_denied",
    "/nothing", `${popup}huggingface`, `${popup}unknown`, "signed in"]
  for (const value of ["light", "dark"]) for (const width of [320, 360, 1280]) for (const path of paths) {
    const context = await browser.createBrowserContext(), page = await context.newPage()
    await page.setViewport({ width, height: 640 })
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }])
    if (path === "signed in") {
      await page.goto(`${url}/login/huggingface?callbackURL=/`)
      await page.click("form button")
      await page.waitForFunction("document.querySelector('#claims')?.textContent.includes('dev-dev-user')")
    } else await page.goto(url + path)
    if (path === "/") await page.waitForSelector("#actions button")
    await page.$$eval("details", all => all.forEach(one => { one.open = true }))
    await page.evaluate(axe.source)
    const { passes, violations } = await page.evaluate("axe.run()")
    assert.ok(passes.length > 5, "axe ran")
    const found = violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`))
    assert.deepEqual(found, [], `${path} ${value} ${width}`)
    assert.ok(await page.evaluate(width => document.scrollingElement.scrollWidth <= width, width), `${path} ${width}`)
    await context.close()
  }
})

test("a browser gets a page for an address without a route, and a program gets JSON", async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  assert.equal((await page.goto(`${url}/nothing`)).status(), 404)
  assert.equal(await page.$eval("h1", element => element.textContent), "Page not found")
  await page.click("a.primary")
  await page.waitForSelector("#actions button.primary")
  const response = await fetch(`${url}/nothing`)
  assert.deepEqual([response.status, (await response.json()).code], [404, "NOT_FOUND"])
})

test("the page follows the preferred colour scheme", async () => {
  const page = await open()
  const colours = {}
  for (const value of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }])
    colours[value] = await page.evaluate("getComputedStyle(document.body).color")
  }
  assert.notEqual(colours.light, colours.dark)
})

test("every control has a name and a status element announces outcomes", async () => {
  const page = await open()
  const tree = await page.accessibility.snapshot({ interestingOnly: false })
  const found = []
  const walk = node => { found.push(node); node.children?.forEach(walk) }
  walk(tree)
  for (const { role, name } of found.filter(({ role }) => ["button", "link", "textbox"].includes(role))) assert.ok(name, `a ${role} without a name`)
  assert.ok(found.some(({ role }) => role === "status"))
  assert.ok(found.some(({ role }) => role === "main"))
})

test("on another host name the page redirects to its own and signs in there", async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  await page.goto(`http://localhost:${front.port}/`)
  assert.equal(page.url(), `${url}/?moved=1`)
  await page.goto(`http://localhost:${front.port}/login/huggingface?callbackURL=/`)
  await page.waitForSelector("input[name=username]")
  await page.click("form button")
  await page.waitForFunction("document.querySelector('#status')?.textContent.startsWith('You are Dev User')")
})

test("a denied sign-in ends on the error page", async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  await page.goto(`${url}/login/huggingface?callbackURL=/`)
  await page.waitForSelector("button[name=deny]")
  await page.click("button[name=deny]")
  await page.waitForFunction("location.pathname === '/api/auth/error'")
  assert.match(await page.$eval("main", element => element.innerText), /You did not allow this site to sign you in/)
})
