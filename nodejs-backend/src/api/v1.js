// The script of nodejs-backend for sites on any domain, version 1. Its manual says how to use it.
(() => {
  const url = new URL(document.currentScript.src).origin
  const lifetime = 600000 // of a sign-in, in milliseconds
  const key = "nodejs-backend " + url
  let token, cancel
  try { token = sessionStorage[key] } catch {} // a frame may have no access to storage

  function store(next) {
    token = next
    try { next ? sessionStorage[key] = next : delete sessionStorage[key] } catch {}
  }

  /** Stores the token that the service renewed. */
  function keep(response) {
    const next = response.headers.get("set-auth-token")
    if (next) store(next)
  }

  /** `fetch` of a path of the service, with the visitor's token. */
  async function ask(path, options = {}) {
    const headers = new Headers(options.headers)
    if (token) headers.set("authorization", "Bearer " + token)
    const response = await fetch(url + path, { ...options, headers })
    keep(response)
    return response
  }

  async function json(path, options) {
    const response = await ask(path, options)
    const body = await response.json()
    if (!response.ok) throw new Error(body.message)
    return body
  }

  const session = () => json("/api/auth/get-session")

  async function signOut() {
    await json("/api/auth/sign-out", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })
    store()
  }

  /** Whether this page can come back with a cookie, though it may be in a frame of another site. */
  function keepsCookies() {
    if (self === top) return true
    document.cookie = "nb.probe=1; Max-Age=9; Path=/; Secure; SameSite=None; Partitioned"
    return document.cookie.includes("nb.probe=1")
  }

  /** Signs the visitor in; call it from a click. On the service's own origin the page is left and comes back. */
  function signIn(provider) {
    cancel?.("restarted", "The sign-in was started again.")
    if (location.origin === url && keepsCookies()) {
      location.assign(`/login/${provider}?callbackURL=` + encodeURIComponent(location.href))
      return new Promise(() => {})
    }
    const nonce = crypto.randomUUID()
    const query = new URLSearchParams({ provider, popupOrigin: location.origin, popupNonce: nonce })
    const popup = open(url + "/api/auth/oauth-popup/start?" + query, "sign-in", "width=500,height=650")
    return new Promise((resolve, reject) => {
      let connected, poll, timeout
      function stop() {
        removeEventListener("message", listen)
        clearInterval(poll)
        clearTimeout(timeout)
        cancel = undefined
        popup?.close()
      }
      function fail(code, message) {
        stop()
        reject(Object.assign(new Error(message), { code }))
      }
      function listen({ origin, data }) {
        if (origin !== url || data?.nonce !== nonce) return
        if (!data.token && !data.error) return connected = true
        if (data.error) return fail(data.error.code, data.error.description || data.error.code)
        stop()
        store(data.token)
        resolve()
      }
      cancel = fail
      addEventListener("message", listen)
      if (!popup) return fail("popup_blocked", "Allow this site to open popups. If this page is in a frame, open it in a tab of its own.")
      // A window that is cut off from this page counts as closed at once, so only one that reported here can be closed.
      poll = setInterval(() => connected && popup.closed && fail("popup_closed", "The window was closed before the sign-in was completed."), 500)
      timeout = setTimeout(fail, lifetime, "expired", "The sign-in took longer than ten minutes. Try again.")
    })
  }

  globalThis.nodejsBackend = { url, ask, keep, session, signIn, signOut, get token() { return token } }
})()
