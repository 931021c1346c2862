// Debian's Chromium, headless, with third-party cookies allowed or blocked.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import puppeteer from "puppeteer-core"

export async function chromium({ blocked = false, resolver = "MAP *.test 127.0.0.1, MAP *.googleapis.com ~NOTFOUND" } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), "signin-chromium-"))
  mkdirSync(path.join(profile, "Default"))
  const preferences = { profile: { cookie_controls_mode: blocked ? 1 : 0, block_third_party_cookies: blocked } }
  writeFileSync(path.join(profile, "Default", "Preferences"), JSON.stringify(preferences))
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    userDataDir: profile,
    acceptInsecureCerts: true,
    args: ["--no-sandbox", "--disable-popup-blocking", "--ignore-certificate-errors", `--host-resolver-rules=${resolver}`],
  })
  return { browser, stop: async () => { await browser.close(); rmSync(profile, { recursive: true, force: true, maxRetries: 9 }) } }
}
