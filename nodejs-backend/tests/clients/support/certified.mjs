// `oidc-provider`, a certified OpenID provider. Over http it signs every visitor in as Ann at once; over https visitors
// sign in and consent on the provider's own pages. As huggingface.co does, it sends Cross-Origin-Opener-Policy with every
// response.
import { once } from "node:events"
import http from "node:http"
import https from "node:https"
import Provider from "oidc-provider"
import { client } from "./service.mjs"

const ann = { sub: "65f0c0ffee", name: "Ann Example", preferred_username: "ann", picture: "https://cdn.example/ann.png", email: "ann@mail.example", email_verified: true }

/** `redirectUris` are the registered redirect URIs. With `tls` the provider speaks https, as localhost unless it has a
    `name`. `more` are further settings of it. */
export async function certified(redirectUris, tls, more = {}, name) {
  const server = tls ? https.createServer(tls) : http.createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const issuer = name ? `https://${name}` : `${tls ? "https://localhost" : "http://127.0.0.1"}:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: redirectUris, grant_types: ["authorization_code", "refresh_token"] }],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: Boolean(tls) } },
    ...(!tls && { interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` } }),
    claims: { openid: ["sub"], profile: ["name", "preferred_username", "picture"], email: ["email", "email_verified"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...ann, sub: id }) }),
    cookies: { keys: ["only for tests"] },
    ...more,
  })
  const answer = provider.callback()
  server.on("request", async (request, response) => {
    response.setHeader("cross-origin-opener-policy", "same-origin")
    if (tls || !request.url.startsWith("/interaction/")) return answer(request, response)
    const { params, grantId } = await provider.interactionDetails(request, response)
    const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: ann.sub, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    const consent = { grantId: await grant.save() }
    await provider.interactionFinished(request, response, { login: { accountId: ann.sub }, consent })
  })
  return { issuer, user: ann, oidc: provider, server, stop: () => { server.closeAllConnections(); server.close() } }
}
