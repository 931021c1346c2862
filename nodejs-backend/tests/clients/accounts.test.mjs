// The provider's tokens with the unmodified Better Auth clients. The certified provider accepts a refresh token once.
import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { createAuthClient as createClient17 } from "better-auth/client"
import { createAuthClient as createClient16 } from "better-auth-16/client"
import { certified } from "./support/certified.mjs"
import { proxy, secrets, settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

let front, provider, service, url
const logs = []
before(async () => {
  front = await proxy()
  url = `http://127.0.0.1:${front.port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`], undefined, {
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    // The token of a sign-in has ended when the visitor is back.
    ttl: { AccessToken: context => context.oidc.params.grant_type === "refresh_token" ? 3600 : 4 },
  })
  await restart()
})
after(async () => { await service?.stop(); provider?.stop(); front?.stop() })

async function restart(more) {
  await service?.stop()
  service = await start(settings(url, provider.issuer, { KEEP_PROVIDER_TOKEN: "yes", ...more }))
  logs.push(service.log)
  front.target.port = service.port
}

async function signIn(createClient) {
  const visitor = new Visitor()
  const auth = createClient({ baseURL: url, fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/done" })
  await visitor.follow(data.url, to => to.origin === url && to.pathname === "/done")
  return { visitor, auth }
}

/** Whose token it is, as the provider says. */
async function owner(token) {
  const response = await fetch(`${provider.issuer}/me`, { headers: { authorization: `Bearer ${token}` } })
  return response.ok ? (await response.json()).sub : response.status
}

for (const [name, createClient, choice] of [
  ["1.7", createClient17, () => ({ useAccountCookie: true })],
  ["1.7, by id", createClient17, account => ({ accountId: account.id })],
  ["1.6", createClient16, () => ({ providerId: "huggingface" })],
  ["1.6, by sub", createClient16, account => ({ providerId: "huggingface", accountId: account.accountId })],
]) {
  test(`client ${name}: list accounts, get a token that the provider accepts, refresh it, sign out`, async () => {
    const { visitor, auth } = await signIn(createClient)
    const { data: accounts } = await auth.listAccounts()
    assert.equal(accounts.length, 1)
    assert.deepEqual([accounts[0].providerId, accounts[0].accountId], ["huggingface", provider.user.sub])
    const chosen = choice(accounts[0])

    const first = await auth.getAccessToken(chosen)
    assert.equal(first.error, null)
    assert.equal(await owner(first.data.accessToken), provider.user.sub)
    assert.ok(new Date(first.data.accessTokenExpiresAt) > new Date())
    assert.deepEqual(first.data.scopes, ["openid", "profile"])
    assert.equal((await auth.getAccessToken(chosen)).data.accessToken, first.data.accessToken)

    const { data: second } = await auth.refreshToken(chosen)
    assert.notEqual(second.accessToken, first.data.accessToken)
    assert.equal(await owner(second.accessToken), provider.user.sub)
    assert.ok(second.refreshToken)
    assert.equal((await auth.getAccessToken(chosen)).data.accessToken, second.accessToken)

    const sealed = visitor.cookies(new URL(url).host).find(([cookie]) => cookie.endsWith("nb.account"))
    assert.ok(sealed[0].length + sealed[1].length <= 1200, `${sealed[1].length} bytes`)
    const session = JSON.stringify(await auth.getSession())
    for (const token of [first.data.accessToken, second.accessToken, second.refreshToken])
      for (const place of [sealed[1], session, ...logs.flat()]) assert.ok(!place.includes(token))

    await auth.signOut()
    assert.deepEqual(visitor.cookies(new URL(url).host), [])
    const refused = await auth.getAccessToken(chosen)
    assert.deepEqual([refused.data, refused.error.code, refused.error.status], [null, "UNAUTHORIZED", 401])
  })
}

test("ten requests at once use a refresh token once, and the account survives restarts and a rotation", async () => {
  const { auth } = await signIn(createClient17)
  const chosen = { useAccountCookie: true }
  const all = await Promise.all(Array.from({ length: 10 }, () => auth.getAccessToken(chosen)))
  const tokens = new Set(all.map(({ data }) => data?.accessToken))
  assert.equal(tokens.size, 1)
  const [token] = tokens
  assert.equal(await owner(token), provider.user.sub)
  await restart()
  assert.equal((await auth.getAccessToken(chosen)).data.accessToken, token)
  await restart({ AUTH_SECRET: "", AUTH_SECRETS: [secrets[1], secrets[0]].join() })
  await auth.getSession()
  await restart({ AUTH_SECRET: secrets[1] })
  assert.equal((await auth.refreshToken(chosen)).error, null)
  await restart()
})

test("the clients pass on the codes of errors", async () => {
  const { auth } = await signIn(createClient17)
  assert.equal((await auth.getAccessToken({ accountId: "other" })).error.code, "ACCOUNT_NOT_FOUND")
  assert.equal((await auth.getAccessToken({ useAccountCookie: false })).error.code, "VALIDATION_ERROR")
  await restart({ KEEP_PROVIDER_TOKEN: "no" })
  assert.equal((await auth.getAccessToken({ useAccountCookie: true })).error.code, "ACCOUNT_NOT_FOUND")
  await restart()
})
