// A visitor without a browser: it keeps cookies by host and follows redirects one by one.
export class Visitor {
  #cookies = new Map()

  /** `fetch` with this visitor's cookies. */
  fetch = async (input, init = {}) => {
    const request = new Request(input, { ...init, redirect: "manual" })
    const host = new URL(request.url).host
    const jar = this.#cookies.get(host) ?? new Map()
    this.#cookies.set(host, jar)
    if (jar.size) request.headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "))
    if (request.method === "POST") request.headers.set("origin", new URL(request.url).origin)
    const response = await fetch(request)
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  /** Follows the redirects of an address until `stop` accepts one; returns the last address. */
  async follow(address, stop) {
    for (let step = 0; step < 20; step++) {
      if (stop(new URL(address))) return address
      const response = await this.fetch(address)
      const next = response.headers.get("location")
      if (!next) throw new Error(`${address} returned ${response.status} without a location: ${await response.text()}`)
      address = new URL(next, address).href
    }
    throw new Error("more than 20 redirects")
  }

  cookies(host) { return [...(this.#cookies.get(host) ?? new Map())] }
}
