// The playground in Chromium: a chat, stop, a wrong key, no violation of its content security policy, and no finding of axe.
import test, { after, before } from "node:test"
import assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import axe from "axe-core"
import puppeteer from "puppeteer-core"
import { KEY, TEXT, gateway, mock, stopAll } from "./setup.mjs"

let browser, open, keyed, violations
const pictures = process.env.SCREENSHOTS

before(async () => {
  const upstream = await mock("-l", "60")
  open = await gateway(upstream)
  keyed = await gateway(upstream, { API_KEYS: `site:${KEY}` })
  browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] })
  if (pictures) mkdirSync(pictures, { recursive: true })
})
after(async () => {
  await browser.close()
  for (const one of [open, keyed]) assert.equal(await one.stop(), 0, "on TERM it exits with status 0")
  stopAll()
})

async function openPage(server, { width = 900, theme = "light", path = "/" } = {}) {
  const page = await browser.newPage()
  await page.setViewport({ width, height: 1100 })
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }])
  violations = []
  page.on("console", message => message.type() === "error" && violations.push(message.text()))
  page.on("pageerror", error => violations.push(String(error)))
  await page.goto(server.origin + path, { waitUntil: "networkidle0" })
  return page
}

async function ask(page, model, text) {
  await page.$eval("#model", (field, value) => { field.value = value; field.dispatchEvent(new Event("input")) }, model)
  await page.$eval("#text", field => { field.value = "" })
  await page.type("#text", text)
  await page.keyboard.press("Enter")
}

const status = page => page.$eval("#status", element => element.textContent)
const answer = page => page.$eval("#log .assistant:last-child span", element => element.textContent)
const note = page => page.$eval("#key-note", element => element.textContent)
const focused = page => page.evaluate(() => document.activeElement.id)
const box = page => page.$eval("#text", field => field.value)
const bubbles = page => page.$$eval("#log article", all => all.map(one => [...one.children].map(part => part.textContent).join(": ")))
const until = (page, pattern) =>
  page.waitForFunction(source => new RegExp(source).test(document.getElementById("status").textContent), { timeout: 20000 }, pattern)

test("a chat is streamed to its end, with latency and tokens", async () => {
  for (const [theme, width] of [["light", 900], ["dark", 900], ["light", 360]]) {
    const page = await openPage(open, { theme, width })
    await ask(page, "gpt-4o", "hello")
    await until(page, "^First word after \\d+ ms, all after \\d+ ms; .* tokens in, \\d+ out\\.$")
    assert.equal(await answer(page), TEXT)
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide at ${width} px`)
    if (pictures) await page.screenshot({ path: `${pictures}/${theme}-${width}.png`, fullPage: true })
    assert.deepEqual(violations, [])
    await page.close()
  }
})

test("stop ends the answer at once, in the page and at the gateway", async () => {
  const page = await openPage(open)
  await ask(page, "gpt-4o", "hello")
  await page.waitForSelector("#log .assistant[aria-busy=true]")
  assert.equal(await status(page), "Answering…")
  await page.click("#stop")
  await until(page, "^Stopped\\.$")
  assert.ok((await answer(page)).length < TEXT.length)
  await page.waitForSelector("#log .assistant[aria-busy=false]")
  await open.line("aborted")
  await ask(page, "demo", "again")
  await until(page, "^First word")
  await page.close()
})

test("a new conversation keeps nothing of the answer that it ends", async () => {
  const page = await openPage(open)
  await ask(page, "gpt-4o", "hello")
  await page.waitForSelector("#log .assistant")
  await page.click("#clear")
  await page.waitForSelector("#send:not(:disabled)")
  assert.deepEqual([await bubbles(page), await status(page), await box(page)], [[], "", ""])
  const sent = page.waitForRequest(request => request.method() === "POST")
  await ask(page, "demo", "again")
  assert.deepEqual(JSON.parse((await sent).postData()).messages, [{ role: "user", content: "again" }])
  await until(page, "^First word")
  assert.equal((await bubbles(page)).length, 2)
  await page.close()
})

const rejected = page => page.waitForFunction(() => /API key is unknown/.test(document.getElementById("key-note").textContent) && !document.getElementById("send").disabled)

test("a message that failed returns to the text field, or is marked as not sent", async () => {
  const page = await openPage(keyed)
  await page.type("#key", "wrong")
  for (const _ of [1, 2]) {
    await ask(page, "gpt-4o", "hello")
    await rejected(page)
    assert.deepEqual([await bubbles(page), await box(page)], [[], "hello"])
  }
  // If the user has written more meanwhile, both are kept.
  await page.evaluate(() => { document.getElementById("form").requestSubmit(); document.getElementById("text").value = "more" })
  await page.waitForSelector("#send:not(:disabled)")
  assert.deepEqual([await bubbles(page), await box(page)], [["You, not sent: hello"], "more"])
  await page.$eval("#key", (field, key) => { field.value = key }, KEY)
  const sent = page.waitForRequest(request => request.method() === "POST")
  await ask(page, "gpt-4o", "hello")
  assert.equal(JSON.parse((await sent).postData()).messages.length, 1)
  await until(page, "^First word")
  assert.deepEqual(await bubbles(page), ["You, not sent: hello", "You: hello", `gpt-4o: ${TEXT}`])
  await page.close()
})

test("the model and the code are the upstream's, if its list does not have the demo model", async () => {
  const one = await gateway(await mock(), { MODELS: "gpt-4o" })
  for (const [server, count, model] of [[one, "^1 model available", "gpt-4o"], [open, "models available", ""]]) {
    const page = await openPage(server)
    await until(page, count)
    assert.equal(await page.$eval("#model", field => field.value), model)
    const code = await page.$eval("#codex", element => element.textContent)
    assert.ok(code.includes(`model='"${model || "MODEL"}"'`) && code.includes("'What is in this folder?'"), code)
    await page.close()
  }
  assert.equal(await one.stop(), 0)
})

test("a missing or wrong key is reported at its field, which has the focus, and the right one works", async () => {
  const page = await openPage(keyed)
  assert.equal(await note(page), "Enter the API key of this service.")
  assert.equal(await page.$eval("#key", field => field.ariaInvalid), "false", "nothing is wrong yet")
  await ask(page, "gpt-4o", "hello")
  assert.deepEqual([await focused(page), await bubbles(page), await box(page)], ["key", [], "hello"], "nothing is sent without a key")
  for (const id of ["openai", "openai-js", "curl", "codex", "claude"]) assert.match(await page.$eval(`#${id}`, code => code.textContent), /YOUR-KEY/)
  await page.type("#key", "wrong")
  await ask(page, "gpt-4o", "hello")
  await rejected(page)
  assert.deepEqual([await focused(page), await page.$eval("#key", field => field.ariaInvalid), await status(page)], ["key", "true", ""])
  assert.match((await page.accessibility.snapshot({ root: await page.$("#key") })).description, /API key is unknown/)
  if (pictures) await page.screenshot({ path: `${pictures}/wrong-key.png`, fullPage: true })
  await page.$eval("#key", (field, key) => { field.value = key; field.dispatchEvent(new Event("change")) }, KEY)
  await until(page, "models available")
  await ask(page, "gpt-4o", "hello")
  await until(page, "^First word")
  assert.equal(await answer(page), TEXT)
  assert.ok(!(await page.$eval("#openai", code => code.textContent)).includes(KEY), "a key is not shown")
  await page.close()
})

test("a model's answer is shown as text and never run as HTML", async () => {
  const page = await openPage(open)
  await ask(page, "demo", "<img src=x onerror=document.title=1><b>bold</b>")
  await until(page, "^First word")
  assert.match(await answer(page), /<b>bold<\/b>$/)
  assert.equal(await page.title(), "python-backend: playground")
  assert.deepEqual(violations, [])
  await page.close()
})

test("every field and button is reachable by keyboard and has a name", async () => {
  const page = await openPage(open)
  const names = new Set()
  for (let n = 0; n < 16; n++) {
    await page.keyboard.press("Tab")
    names.add(await page.evaluate(() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim().split("\n")[0]))
  }
  for (const name of ["Model", "Message", "Send", "New conversation", "Copy openai"]) {
    assert.ok([...names].some(found => found.startsWith(name)), `${name} is not among ${[...names]}`)
  }
  await page.close()
})

test("the message box is empty, and an unknown model is reported at its field", async () => {
  const alone = await gateway(), page = await openPage(alone)
  assert.equal(await box(page), "")
  await ask(page, "no such model", "hello")
  await page.waitForFunction(() => document.getElementById("model-note").textContent && document.activeElement.id === "model")
  assert.equal(await box(page), "hello")
  await page.close()
  assert.equal(await alone.stop(), 0)
})

test("a browser gets a page for an address without a route, and a program gets JSON", async () => {
  const page = await openPage(open, { path: "/nothing" })
  assert.equal(await page.$eval("h1", element => element.textContent), "Page not found")
  await page.click("a.primary")
  await page.waitForSelector("#form")
  await page.close()
  const response = await fetch(`${open.origin}/nothing`)
  assert.equal(response.status, 404)
  assert.equal((await response.json()).error.code, "unknown_url")
})

test("no page has a finding of axe or scrolls sideways, in either theme", async () => {
  for (const theme of ["light", "dark"]) for (const width of [360, 1280]) {
    for (const [server, path] of [[open, "/"], [keyed, "/"], [open, "/nothing"]]) {
      const page = await openPage(server, { path, theme, width })
      const check = async state => {
        await page.evaluate(axe.source)
        const findings = await page.evaluate(async () => {
          const { violations, passes } = await axe.run()
          return { rules: passes.length, found: violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`)) }
        })
        assert.ok(findings.rules > 5, "axe ran")
        assert.deepEqual(findings.found, [], `${path} ${state} ${theme} ${width}`)
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(overflow <= 0, `${path} ${state} is ${overflow} px too wide at ${width} px`)
      }
      await check("as it opens")
      if (path === "/" && server === open) {
        await page.$$eval("details", all => all.forEach(one => { one.open = true }))
        await ask(page, "demo", "a word of " + "many".repeat(40) + " letters")
        await until(page, "^First word")
        await check("after a chat")
      } else if (path === "/") {
        await page.type("#key", "wrong")
        await ask(page, "gpt-4o", "hello")
        await rejected(page)
        await check("with a wrong key")
      }
      await page.close()
    }
  }
})
