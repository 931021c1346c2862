// The page of python-backend in Chromium, with third-party cookies blocked: it offers the sign-in of the nodejs-backend
// whose tokens it accepts. `localhost` and `127.0.0.1` are two sites to a browser.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { certified } from "./support/certified.mjs"
import { chromium } from "./support/chromium.mjs"
import { proxy, settings, start } from "./support/service.mjs"

let browser, front, gateway, provider, service, stop, unlisted, url
before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`])
  const access = { JWT_ISSUER: url, JWT_AUDIENCE: url, JWT_ALLOW: "*", DEMO_DELAY: "0" }
  gateway = await start(access, process.env.PYTHON_BACKEND)
  unlisted = await start(access, process.env.PYTHON_BACKEND)
  service = await start(settings(url, provider.issuer, { TRUSTED_ORIGINS: `http://localhost:${gateway.port}` }))
  front.target.port = service.port
  ;({ browser, stop } = await chromium({ blocked: true }))
})
after(async () => { await stop?.(); for (const each of [gateway, unlisted, service]) await each?.stop(); provider?.stop(); front?.stop() })

/** The page, and what it logs as an error. */
async function open(port) {
  const page = await (await browser.createBrowserContext()).newPage()
  const errors = []
  page.on("console", message => message.type() === "error" && errors.push(message.text()))
  page.on("pageerror", error => errors.push(String(error)))
  await page.goto(`http://localhost:${port}`, { waitUntil: "networkidle0" })
  return { page, errors: () => errors.filter(text => !/status of 401/.test(text)) }
}
const shows = (page, id, pattern) => page.waitForFunction((id, pattern) => {
  const place = document.getElementById(id)
  return !place.hidden && new RegExp(pattern).test(place.textContent)
}, { timeout: 9000 }, id, pattern)

test("a visitor signs in, chats with a token of their own, and signs out", async () => {
  const { page, errors } = await open(gateway.port)
  await shows(page, "sign", "^Sign in with Hugging Face$")
  await shows(page, "key-note", "^Enter the API key of this service, or sign in\\.$")
  const opened = new Promise(resolve => page.once("popup", resolve))
  await page.click("#sign")
  await (await (await opened).waitForSelector("a")).click()
  await shows(page, "sign", "^Sign out Ann Example$")
  await shows(page, "status", "^1 model available$")
  await page.type("#text", "Hello, who are you?")
  await page.click("#send")
  await shows(page, "log", "You said: Hello, who are you\\?")
  await page.reload({ waitUntil: "networkidle0" })
  await shows(page, "sign", "^Sign out Ann Example$")
  await page.click("#sign")
  await shows(page, "sign", "^Sign in with Hugging Face$")
  await shows(page, "key-note", "^Enter the API key")
  assert.deepEqual(errors(), [])
})

test("an API key that is entered is used instead of the visitor's token", async () => {
  const { page } = await open(gateway.port)
  await shows(page, "sign", "^Sign in")
  await page.type("#key", "no-key-of-this-service")
  await page.keyboard.press("Tab")
  await shows(page, "key-note", "^(?!Enter).")
})

test("without this page in TRUSTED_ORIGINS nothing is offered", async () => {
  const { page } = await open(unlisted.port)
  await shows(page, "key-note", "^Enter the API key of this service\\.$")
  assert.equal(await page.$eval("#sign", button => button.hidden), true)
})
