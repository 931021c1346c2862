// The app of the browser tests: the unmodified Better Auth client, and the script that the service serves. Its buttons
// begin a sign-in; `outcome` is how it ended.
import { createAuthClient } from "better-auth/client"
import { oauthPopupClient } from "better-auth/client/plugins"

const params = new URLSearchParams(location.search)
const backend = params.get("backend") ?? location.origin
window.auth = createAuthClient({ baseURL: backend, plugins: [oauthPopupClient()] })
document.body.innerHTML = '<p></p><button id="redirect">redirect</button> <button id="popup">popup</button> <button id="script">script</button>'
function show({ data }) {
  document.querySelector("p").textContent = data ? `Signed in as ${data.user.name}` : "Signed out"
  return data?.user.id ?? null
}
window.user = async () => show(await auth.getSession())

const here = `${location.origin === backend ? "" : location.origin}/app?signed&${params}`
const begin = {
  redirect: async () => (await auth.signIn.social({ provider: "huggingface", callbackURL: here })).error?.code,
  popup: async () => (await auth.signIn.popup({ provider: "huggingface" })).error?.code ?? "signed in",
  script: () => nodejsBackend.signIn("huggingface").then(() => "signed in", error => error.code ?? error.message),
}
window.ends = []
for (const [name, run] of Object.entries(begin)) document.getElementById(name).onclick = async () => {
  window.outcome = undefined
  ends.push(window.outcome = await run())
}

const bearer = createAuthClient({ baseURL: backend, fetchOptions: { auth: { type: "Bearer", token: () => nodejsBackend.token } } })
window.userByBearer = async () => show(await bearer.getSession())
window.signOutByBearer = async () => (await bearer.signOut()).data
const script = Object.assign(document.createElement("script"), { src: `${backend}/sign-in/v1.js`, integrity: INTEGRITY, crossOrigin: "anonymous" })
script.onload = () => { window.ready = true }
document.head.append(script)
