// The unmodified Better Auth clients, against a certified provider.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { createAuthClient as createClient17 } from "better-auth/client"
import { jwtClient as jwt17 } from "better-auth/client/plugins"
import { createAuthClient as createClient16 } from "better-auth-16/client"
import { genericOAuthClient, jwtClient as jwt16 } from "better-auth-16/client/plugins"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { certified } from "./support/certified.mjs"
import { proxy, secrets, settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

let front, provider, service, url
before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified(["callback", "oauth2/callback"].map(path => `${url}/api/auth/${path}/huggingface`))
  await restart()
})
after(async () => { await service?.stop(); provider?.stop(); front?.stop() })

async function restart(more) {
  await service?.stop()
  service = await start(settings(url, provider.issuer, more))
  front.target.port = service.port
}

const clients = {
  "1.7": {
    make: visitor => createClient17({ baseURL: url, plugins: [jwt17()], fetchOptions: { customFetchImpl: visitor.fetch } }),
    begin: auth => auth.signIn.social({ provider: "huggingface", callbackURL: "/done" }),
  },
  "1.6": {
    make: visitor => createClient16({ baseURL: url, plugins: [jwt16()], fetchOptions: { customFetchImpl: visitor.fetch } }),
    begin: auth => auth.signIn.social({ provider: "huggingface", callbackURL: "/done" }),
  },
  "1.6, generic OAuth": {
    make: visitor => createClient16({ baseURL: url, plugins: [jwt16(), genericOAuthClient()], fetchOptions: { customFetchImpl: visitor.fetch } }),
    begin: auth => auth.signIn.oauth2({ providerId: "huggingface", callbackURL: "/done" }),
  },
}

async function signIn(name) {
  const visitor = new Visitor()
  const auth = clients[name].make(visitor)
  const { data, error } = await clients[name].begin(auth)
  assert.equal(error, null)
  assert.equal(data.redirect, true)
  const end = await visitor.follow(data.url, to => to.origin === url && !to.pathname.startsWith("/api/auth/"))
  assert.equal(end, `${url}/done`)
  return { visitor, auth }
}

for (const name of Object.keys(clients)) {
  test(`client ${name}: signed out, sign in, session, token, sign out`, async () => {
    const before = await clients[name].make(new Visitor()).getSession()
    assert.deepEqual([before.data, before.error], [null, null])

    const { visitor, auth } = await signIn(name)
    const { data: session } = await auth.getSession()
    assert.equal(session.user.id, provider.user.sub)
    assert.equal(session.user.name, "Ann Example")
    assert.equal(session.user.email, null)
    assert.equal(session.session.userId, provider.user.sub)
    assert.ok(session.session.expiresAt instanceof Date && session.session.expiresAt > new Date())

    const { data: { token } } = await auth.token()
    const keys = createRemoteJWKSet(new URL(`${url}/api/auth/jwks`))
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: url, audience: url })
    assert.equal(payload.sub, provider.user.sub)
    assert.deepEqual([protectedHeader.alg, payload.exp - payload.iat], ["EdDSA", 900])

    const sizes = visitor.cookies(new URL(url).host).map(([name, value]) => name.length + value.length)
    assert.ok(sizes.length === 1 && sizes[0] <= 700, `cookies of ${sizes} bytes`)

    const out = await auth.signOut()
    assert.deepEqual(out.data, { success: true })
    assert.equal((await auth.getSession()).data, null)
    const refused = await auth.token()
    assert.deepEqual([refused.data, refused.error.code, refused.error.status], [null, "UNAUTHORIZED", 401])
  })

  test(`client ${name}: the client passes on the code and message of errors`, async () => {
    const auth = clients[name].make(new Visitor())
    const unknown = await auth.signIn.social({ provider: "unknown" })
    assert.deepEqual([unknown.error.code, unknown.error.status], ["PROVIDER_NOT_FOUND", 404])
    const evil = await auth.signIn.social({ provider: "huggingface", callbackURL: "https://evil.example" })
    assert.deepEqual([evil.error.code, evil.error.status], ["INVALID_CALLBACK_URL", 403])
  })
}

test("sessions and tokens survive a restart and a rotation of the secret", async () => {
  const { auth } = await signIn("1.7")
  const first = (await auth.token()).data.token
  const keys = () => createRemoteJWKSet(new URL(`${url}/api/auth/jwks`))
  const check = token => jwtVerify(token, keys(), { issuer: url, audience: url })
  await check(first)
  await restart()
  await check(first)
  assert.equal((await auth.getSession()).data.user.id, provider.user.sub)
  await restart({ AUTH_SECRET: "", AUTH_SECRETS: [secrets[1], secrets[0]].join() })
  assert.equal((await auth.getSession()).data.user.id, provider.user.sub)
  const second = (await auth.token()).data.token
  await check(first)
  await check(second)
  await restart({ AUTH_SECRET: secrets[1] })
  assert.equal((await auth.getSession()).data.user.id, provider.user.sub, "it was sealed with the second secret")
  await check(second)
  await assert.rejects(check(first), { code: "ERR_JWKS_NO_MATCHING_KEY" })
  await restart()
})

test("two concurrent sign-ins of one browser both succeed", async () => {
  const visitor = new Visitor()
  const auth = clients["1.7"].make(visitor)
  const begun = [await clients["1.7"].begin(auth), await clients["1.7"].begin(auth)]
  for (const { data } of begun.reverse()) {
    const end = await visitor.follow(data.url, to => to.origin === url && !to.pathname.startsWith("/api/auth/"))
    assert.equal(end, `${url}/done`)
  }
})
