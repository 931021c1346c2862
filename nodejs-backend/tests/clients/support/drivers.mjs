// One interface to the browsers of the tests, with real clicks and with popup blocking on. A tab has:
//   run(expression)      the value of an expression in the page, or in its frame; a promise is awaited
//   until(expression)    the same, as soon as it is true, over navigations
//   click(selector)      a click as a visitor makes it
//   frame()              the page's first frame, as a tab
//   window(part, press)  the window whose address contains `part`, once `press` has opened it
//   gone()               waits until the window has been closed
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import http from "node:http"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import readline from "node:readline"
import puppeteer from "puppeteer-core"

const PATIENCE = 60000
const wrapped = expression => `Promise.resolve().then(() => (${expression}))`

/** Waits until `probe` returns a true value; WebDriver has no event to wait for. Errors of a page that is being left are
    ignored. */
async function polled(probe, what) {
  const end = Date.now() + PATIENCE
  let problem = ""
  for (;;) {
    try {
      const value = await probe()
      if (value) return value
    } catch (error) { problem = error.message }
    if (Date.now() > end) throw new Error(`timed out: ${what} ${problem}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Sends every host name to this machine. */
async function loopbackProxy() {
  const server = http.createServer((_, response) => response.writeHead(502).end())
  server.on("connect", (request, socket, head) => {
    const onward = net.connect(Number(request.url.split(":").at(-1)), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    for (const each of [socket, onward]) each.on("error", () => { socket.destroy(); onward.destroy() })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { port: server.address().port, stop: () => { server.closeAllConnections(); server.close() } }
}

/** A tab of puppeteer: a page or a frame in a context. */
function tab(context, place, page = place) {
  const run = expression => place.evaluate(wrapped(expression))
  const click = async selector => {
    await polled(() => place.$(selector), selector)
    await place.click(selector)
  }
  return {
    run, click, page,
    until: expression => polled(() => run(expression), expression),
    frame: async () => tab(context, await polled(async () => (await (await place.$("iframe")).contentFrame()), "frame"), page),
    window: async (part, press) => {
      await press()
      return tab(context, await polled(async () => (await context.pages()).find(each => each !== page && each.url().includes(part)), part))
    },
    address: async () => page.url(),
    goto: address => page.goto(address),
    close: () => page.close(),
    gone: () => polled(() => page.isClosed(), "the window is still open"),
  }
}

function puppeteerDriver(browser, stop) {
  const contexts = []
  return {
    open: async address => {
      await Promise.all(contexts.splice(0).map(context => context.close()))
      const context = await browser.createBrowserContext()
      contexts.push(context)
      const page = await context.newPage()
      await page.goto(address)
      return tab(context, page)
    },
    stop,
  }
}

const scratch = name => {
  const profile = mkdtempSync(path.join(tmpdir(), `signin-${name}-`))
  return { profile, remove: () => rmSync(profile, { recursive: true, force: true, maxRetries: 9 }) }
}

async function chromium(blocked) {
  const { profile, remove } = scratch("chromium")
  mkdirSync(path.join(profile, "Default"))
  const preferences = { profile: { cookie_controls_mode: blocked ? 1 : 0, block_third_party_cookies: blocked } }
  writeFileSync(path.join(profile, "Default", "Preferences"), JSON.stringify(preferences))
  const browser = await puppeteer.launch({
    executablePath: files.chromium, userDataDir: profile, acceptInsecureCerts: true,
    ignoreDefaultArgs: ["--disable-popup-blocking"],
    args: ["--no-sandbox", "--ignore-certificate-errors", "--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.googleapis.com ~NOTFOUND"],
  })
  return puppeteerDriver(browser, async () => { await browser.close(); remove() })
}

async function firefox() {
  const { profile, remove } = scratch("firefox")
  const proxy = await loopbackProxy()
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath: files.firefox, userDataDir: profile, acceptInsecureCerts: true,
    extraPrefsFirefox: {
      "network.cookie.cookieBehavior": 5, "dom.disable_open_during_load": true, // the browser's defaults, which puppeteer changes
      "network.proxy.type": 1, "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": proxy.port,
    },
  })
  return puppeteerDriver(browser, async () => { await browser.close(); proxy.stop(); remove() })
}

/** WebKitGTK by WebDriver (https://www.w3.org/TR/webdriver2/). Each `open` starts a browser of its own. */
async function webkit() {
  const proxy = await loopbackProxy()
  const screen = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1200x900x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] })
  const [display] = await once(readline.createInterface({ input: screen.stdout }), "line")
  const probe = net.createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const { port } = probe.address()
  probe.close()
  const { profile, remove } = scratch("webkit")
  const env = { ...process.env, DISPLAY: `:${display}`, HOME: profile, XDG_RUNTIME_DIR: profile, WEBKIT_DISABLE_COMPOSITING_MODE: "1", LIBGL_ALWAYS_SOFTWARE: "1", GDK_BACKEND: "x11", WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" }
  const child = spawn(files.driver, [`--port=${port}`], { env, stdio: "ignore" })
  process.on("exit", () => { child.kill("SIGKILL"); screen.kill("SIGKILL") })
  const send = async (method, address, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${address}`, { method, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(PATIENCE * 3) })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`${address}: ${value.error} ${value.message}`)
    return value
  }
  await polled(() => send("GET", "/status"), "WebKitWebDriver")
  let session
  const end = async () => { if (session) await send("DELETE", session); session = undefined }
  const options = { binary: files.webkit, args: ["--automation", "--enable-itp", "--ignore-tls-errors", `--proxy=http://127.0.0.1:${proxy.port}`] }

  function tabOf(handle, framed) {
    const at = async () => {
      await send("POST", `${session}/window`, { handle })
      if (framed) await send("POST", `${session}/frame`, { id: await element("iframe") })
    }
    const element = selector => send("POST", `${session}/element`, { using: "css selector", value: selector })
    const run = async expression => {
      await at()
      const script = `const done = arguments[0]; ${wrapped(expression)}.then(value => done({ value }), error => done({ error: error.message }))`
      const { value, error } = await send("POST", `${session}/execute/async`, { script, args: [] })
      if (error) throw new Error(error)
      return value
    }
    return {
      run,
      until: expression => polled(() => run(expression), expression),
      click: selector => polled(async () => {
        await at()
        const [id] = Object.values(await element(selector))
        await send("POST", `${session}/element/${id}/click`, {})
        return true
      }, selector),
      frame: async () => {
        const inner = tabOf(handle, true)
        await polled(() => inner.run("true"), "frame")
        return inner
      },
      window: async (part, press) => {
        await press()
        return tabOf(await polled(async () => {
          for (const other of await send("GET", `${session}/window/handles`)) {
            if (other === handle) continue
            await send("POST", `${session}/window`, { handle: other })
            if ((await send("GET", `${session}/url`)).includes(part)) return other
          }
        }, part))
      },
      address: async () => { await at(); return send("GET", `${session}/url`) },
      goto: async address => { await at(); await send("POST", `${session}/url`, { url: address }) },
      close: async () => { await at(); await send("DELETE", `${session}/window`) },
      gone: () => polled(async () => !(await send("GET", `${session}/window/handles`)).includes(handle), "the window is still open"),
    }
  }
  return {
    open: async address => {
      await end()
      const { sessionId } = await send("POST", "/session", { capabilities: { alwaysMatch: { acceptInsecureCerts: true, "webkitgtk:browserOptions": options } } })
      session = `/session/${sessionId}`
      await send("POST", `${session}/url`, { url: address })
      return tabOf(await send("GET", `${session}/window`))
    },
    stop: async () => {
      await end().catch(() => {})
      for (const each of [child, screen]) { each.kill("SIGTERM"); await once(each, "exit") }
      proxy.stop()
      remove()
    },
  }
}

const files = {
  chromium: process.env.CHROMIUM ?? "/usr/bin/chromium",
  firefox: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  driver: "/usr/bin/WebKitWebDriver",
  webkit: ["4.1", "4.0"].map(version => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`).find(file => existsSync(file)) ?? "MiniBrowser",
}
const needs = (...all) => all.filter(file => !existsSync(file))

/** The browsers of the manual's table. `missing` are the files that this machine lacks. */
export const browsers = [
  { name: "Chromium, third-party cookies allowed", start: () => chromium(false), missing: needs(files.chromium) },
  { name: "Chromium, third-party cookies blocked", start: () => chromium(true), missing: needs(files.chromium) },
  { name: "Firefox with its defaults", start: firefox, missing: needs(files.firefox) },
  { name: "WebKitGTK with ITP", start: webkit, missing: needs(files.driver, files.webkit, "/usr/bin/Xvfb") },
]
