// A static site in Chromium, with exactly the code that the manuals print: sign-in by popup at a service outside a Space,
// and a chat at python-backend. `localhost` and `127.0.0.1` are two sites to a browser.
import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import http from "node:http"
import { after, before, test } from "node:test"
import { build } from "esbuild"
import { certified } from "./support/certified.mjs"
import { chromium } from "./support/chromium.mjs"
import { integrity } from "./support/site.mjs"
import { proxy, secrets, settings, start } from "./support/service.mjs"

/** The first code block of a language below a heading of a manual. */
function printed(file, heading, language) {
  const text = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8").split(`\n${heading}\n`)[1]
  return text.split(`\n\`\`\`${language}\n`)[1].split("\n```")[0]
}
const manual = "nodejs-backend/README.md", heading = "### Popup and bearer token"
const popup = printed(manual, heading, "html"), client = printed(manual, heading, "js")
const redirect = printed(manual, "### Redirect and cookie", "js")
const chat = printed("README.md", "## Sign-in and inference together", "js")

let browser, front, gateway, more, provider, service, site, sitePort, stop, url
const pages = {}
const extended = lines => popup.replace("\n</script>", `\n${lines}\n</script>`)
const filled = html => html.replaceAll("https://owner-name.hf.space", url)
/** The manual's script tag. */
const tag = popup.match(/<script src=[^]*?<\/script>/)[0]

before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`])
  site = http.createServer((request, response) => {
    const page = pages[request.url.split("?")[0]]
    response.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8" }).end(page)
  }).listen(0, "127.0.0.1")
  await once(site, "listening")
  sitePort = site.address().port
  more = { TRUSTED_ORIGINS: `http://localhost:${sitePort},http://127.0.0.1:${sitePort}` }
  service = await start(settings(url, provider.issuer, more))
  front.target.port = service.port
  gateway = await start({ JWT_ISSUER: url, JWT_AUDIENCE: url, JWT_ALLOW: `org:lab,user:${provider.user.preferred_username}`, DEMO_DELAY: "0" }, process.env.PYTHON_BACKEND)
  ;({ browser, stop } = await chromium({ blocked: true }))

  pages["/popup"] = filled(popup)
  pages["/chat"] = filled(extended(`${chat}\nObject.assign(window, { chat, old: text => pass = text, held: () => pass })`))
    .replace("https://owner-inference.hf.space", `http://127.0.0.1:${gateway.port}`).replace("org/model", "demo")
  const bundle = async contents => {
    const { outputFiles: [{ text }] } = await build({
      stdin: { contents, resolveDir: new URL(".", import.meta.url).pathname }, bundle: true, format: "esm", write: false })
    return `<!doctype html>${filled(tag)}<script type="module">${text.replaceAll("</script", "<\\/script")}</script>`
  }
  const [create, rest] = client.split('\n// after signIn("huggingface"):\n')
  pages["/client"] = await bundle(`${create}\nwindow.signIn = signIn\nwindow.user = async () => {\n${rest}\nreturn session?.user.name ?? null }`)
  const [first, begin, read] = filled(redirect).split(/\n(?=await auth|const \{ data)/)
  pages["/redirect"] = await bundle(`${first}\nwindow.begin = async () => { ${begin} }\nwindow.user = async () => {\n${read}\nreturn session?.user.name ?? null }`)
})
after(async () => { await stop?.(); await gateway?.stop(); await service?.stop(); provider?.stop(); site?.close(); front?.stop() })

async function open(path, host = "localhost", within = browser) {
  const page = await (await within.createBrowserContext()).newPage()
  await page.goto(`http://${host}:${sitePort}${path}`)
  return page
}
const shows = (page, words) => page.waitForFunction(words => document.getElementById("who").textContent === words, { timeout: 9000 }, words)
const token = page => page.evaluate("nodejsBackend.token")
/** Goes on in the first page of the popup that `begin` opens. */
async function throughPopup(page, begin) {
  const opened = new Promise(resolve => page.once("popup", resolve))
  const done = begin()
  await (await (await opened).waitForSelector("a")).click()
  await done
}
async function signedIn(path) {
  const page = await open(path)
  await shows(page, "You are not signed in")
  await throughPopup(page, () => page.click("#in"))
  await shows(page, "You are Ann Example")
  return page
}

test("the manual's hash is that of the script that the service serves", () => {
  assert.ok(tag.includes(`integrity="${integrity}"`), integrity)
})

test("the service's page and the manual print the same code", async () => {
  const page = await (await browser.createBrowserContext()).newPage()
  await page.goto(url)
  await page.waitForSelector("#actions button")
  const blocks = await page.$$eval("details pre", all => all.map(one => one.textContent))
  for (const lines of [popup, client]) assert.ok(blocks.includes(filled(lines)), lines)
})

test("popup: sign in, reload, sign out", async () => {
  const page = await signedIn("/popup")
  await page.reload()
  await shows(page, "You are Ann Example")
  await page.click("#out")
  await shows(page, "You are not signed in")
  assert.equal(await token(page), undefined)
  await page.reload()
  await shows(page, "You are not signed in")
})

test("a blocked popup is reported", async () => {
  const page = await open("/popup")
  await shows(page, "You are not signed in")
  await page.evaluate("window.open = () => null")
  await page.click("#in")
  await page.waitForFunction("/^Allow this site to open popups/.test(document.getElementById('who').textContent)", { timeout: 9000 })
})

test("a failed sign-in is reported", async () => {
  pages["/wrong"] = pages["/popup"].replace('signIn("huggingface")', 'signIn("nobody")')
  const page = await open("/wrong")
  await shows(page, "You are not signed in")
  await page.click("#in")
  await page.waitForFunction("/provider/.test(document.getElementById('who').textContent)", { timeout: 9000 })
})

test("a renewed token is stored by fetch and by the Better Auth client", async () => {
  const fetched = await signedIn("/popup"), bundled = await open("/client")
  assert.equal(await bundled.evaluate("user()"), null)
  await throughPopup(bundled, () => bundled.evaluate("signIn('huggingface')"))
  assert.equal(await bundled.evaluate("user()"), "Ann Example")
  const before = [await token(fetched), await token(bundled)]
  await service.stop()
  const env = settings(url, provider.issuer, more)
  delete env.AUTH_SECRET
  service = await start({ ...env, AUTH_SECRETS: `${secrets[1]},${secrets[0]}` }) // sessions of the old secret are renewed at once
  front.target.port = service.port
  await fetched.reload()
  await shows(fetched, "You are Ann Example")
  assert.equal(await bundled.evaluate("user()"), "Ann Example")
  const now = [await token(fetched), await token(bundled)]
  for (const at of [0, 1]) assert.ok(now[at] && now[at] !== before[at], `not renewed: ${at}`)
  await fetched.reload()
  await shows(fetched, "You are Ann Example")
})

test("a chat of the signed-in user gets a new token when the old one is rejected", async () => {
  const page = await open("/chat")
  await shows(page, "You are not signed in")
  const asked = "chat([{ role: 'user', content: 'Hello' }])"
  assert.equal(await page.evaluate(`${asked}.catch(problem => problem.message)`), "Sign in first.")
  await throughPopup(page, () => page.click("#in"))
  await shows(page, "You are Ann Example")
  const words = `${asked}.then(answer => answer.json()).then(it => it.choices[0].message.content)`
  assert.match(await page.evaluate(words), /You said: Hello/)
  const held = await page.evaluate("held()")
  assert.match(await page.evaluate(words), /You said: Hello/)
  assert.equal(await page.evaluate("held()"), held, "the token is reused")
  await page.evaluate(`old("${held.slice(0, -8)}AAAAAAAA")`)
  assert.match(await page.evaluate(words), /You said: Hello/)
  assert.deepEqual(Object.keys(JSON.parse(Buffer.from(held.split(".")[1], "base64url"))).filter(name => /sub|preferred|orgs/.test(name)).sort(), ["preferred_username", "sub"])
})

test("org: rejects all of these tokens, and * accepts them", async () => {
  const page = await signedIn("/chat")
  await page.evaluate("chat([])")
  const pass = await page.evaluate("held()")
  for (const [allow, status] of [["org:lab", 403], ["user:bob", 403], [`sub:${provider.user.sub}`, 200], ["*", 200]]) {
    const other = await start({ JWT_ISSUER: url, JWT_AUDIENCE: url, JWT_ALLOW: allow }, process.env.PYTHON_BACKEND)
    const answer = await fetch(`http://127.0.0.1:${other.port}/v1/models`, { headers: { authorization: `Bearer ${pass}` } })
    assert.equal(answer.status, status, allow)
    await other.stop()
  }
})

test("outside a Space with third-party cookies allowed, a redirect signs in a page on the same host name but not on another site", async () => {
  const allowing = await chromium()
  try {
    const link = `${url}/login/huggingface?callbackURL=`
    for (const [host, user, end] of [["127.0.0.1", "Ann Example", "/redirect"], ["localhost", null, "/api/auth/error"]]) {
      const page = await open("/redirect", host, allowing.browser)
      await page.evaluate("window.old = true, void begin()")
      await page.waitForFunction("!window.old && (window.user || location.pathname === '/api/auth/error')", { timeout: 9000 })
      assert.equal(new URL(page.url()).pathname, end, `${host}: started by the client`)
      if (user) assert.equal(await page.evaluate("user()"), user)
      await page.goto(link + encodeURIComponent(`http://${host}:${sitePort}/redirect`))
      await page.waitForFunction("window.user")
      assert.equal(await page.evaluate("user()"), user, `${host}: started by a link`)
      const status = await page.evaluate(address => fetch(address, { credentials: "include" }).then(({ status }) => status), `${url}/api/auth/token`)
      assert.equal(status, user ? 200 : 401, `${host}: a token by cookie`)
    }
  } finally { await allowing.stop() }
})
