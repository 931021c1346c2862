// Signs in, gets a token and calls python-backend with it. PYTHON_BACKEND is the path of the program.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { createAuthClient } from "better-auth/client"
import { jwtClient } from "better-auth/client/plugins"
import { certified } from "./support/certified.mjs"
import { proxy, settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

let front, gateway, provider, service, url
before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`])
  service = await start(settings(url, provider.issuer))
  front.target.port = service.port
  const env = { JWT_ISSUER: url, JWT_AUDIENCE: url, JWT_ALLOW: `sub:${provider.user.sub}`, DEMO_DELAY: "0" }
  gateway = await start(env, process.env.PYTHON_BACKEND)
})
after(async () => { await gateway?.stop(); await service?.stop(); provider?.stop(); front?.stop() })

test("python-backend accepts a token of nodejs-backend and rejects every other credential", async () => {
  const visitor = new Visitor()
  const auth = createAuthClient({ baseURL: url, plugins: [jwtClient()], fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/done" })
  await visitor.follow(data.url, to => to.pathname === "/done")
  const { data: { token } } = await auth.token()
  const chat = credential => fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(credential && { authorization: `Bearer ${credential}` }) },
    body: JSON.stringify({ model: "demo", messages: [{ role: "user", content: "Hello" }] }),
  })
  const answer = await chat(token)
  assert.equal(answer.status, 200, await answer.clone().text())
  assert.match((await answer.json()).choices[0].message.content, /You said: Hello/)
  const [header, claims, signature] = token.split(".")
  for (const wrong of [undefined, `${header}.${claims}.${signature.slice(0, -4)}AAAA`, (await auth.getSession()).data.session.token]) {
    assert.equal((await chat(wrong)).status, 401)
  }
})
