// The app of the browser tests: the unmodified Better Auth client, and a short version of popup and bearer token.
// site.test.mjs tests the manual's version.
import { createAuthClient } from "better-auth/client"
import { oauthPopupClient } from "better-auth/client/plugins"

const backend = new URLSearchParams(location.search).get("backend") ?? location.origin
window.auth = createAuthClient({ baseURL: backend, plugins: [oauthPopupClient()] })
function show({ data }) {
  document.body.textContent = data ? `Signed in as ${data.user.name}` : "Signed out"
  return data?.user.id ?? null
}
window.user = async () => show(await auth.getSession())

let token
window.signInByPopup = () => new Promise((resolve, reject) => {
  const nonce = crypto.randomUUID()
  const query = new URLSearchParams({ provider: "huggingface", popupOrigin: location.origin, popupNonce: nonce })
  addEventListener("message", function listen({ origin, data }) {
    if (origin !== backend || data?.nonce !== nonce) return
    removeEventListener("message", listen)
    token = data.token
    token ? resolve() : reject(new Error(data.error.code))
  })
  open(`${backend}/api/auth/oauth-popup/start?${query}`, "sign-in", "width=500,height=650")
})
const bearer = createAuthClient({ baseURL: backend, fetchOptions: { auth: { type: "Bearer", token: () => token } } })
window.userByBearer = async () => show(await bearer.getSession())
window.signOutByBearer = async () => (await bearer.signOut()).data
window.ready = true
