// A visitor signs in and consents on the pages of the certified provider.
import assert from "node:assert/strict"

const asked = "!document.querySelector('input[name=login]') && document.querySelector('[type=submit]') !== null"

/** In a page of puppeteer. The consent must match `shown`. */
export async function agree(page, name, shown) {
  await (await page.waitForSelector("input[name=login]")).type(name)
  await page.type("input[name=password]", "any")
  await Promise.all([page.waitForFunction(asked), page.click("[type=submit]")])
  assert.match(await page.$eval("body", body => body.innerText), shown)
  await page.click("[type=submit]")
}

/** In a window of any browser that drivers.mjs starts. The consent must match `shown`. */
export async function agreeIn(window, name, shown) {
  await window.until("document.querySelector('input[name=login]') !== null")
  await window.run(`document.querySelectorAll('input[name=login], input[name=password]').forEach(input => { input.value = '${name}' })`)
  await window.click("[type=submit]")
  await window.until(`${asked} && ${shown}.test(document.body.innerText)`)
  await window.click("[type=submit]")
}
