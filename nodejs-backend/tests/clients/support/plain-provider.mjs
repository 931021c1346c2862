// A provider over https that consents at once, without cookies and pages, so that the browser's cookie rules affect only
// nodejs-backend. As huggingface.co does, it sends Cross-Origin-Opener-Policy with every response.
import { createHash, randomUUID } from "node:crypto"
import { once } from "node:events"
import https from "node:https"
import { text } from "node:stream/consumers"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { client } from "./service.mjs"

export async function plainProvider(tls) {
  const { publicKey, privateKey } = await generateKeyPair("ES256")
  const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256", use: "sig" }
  const codes = new Map()
  const provider = { denies: false, waits: false } // how it answers at /authorize
  let issuer
  const json = (response, body, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  const server = https.createServer(tls, async (request, response) => {
    response.setHeader("cross-origin-opener-policy", "same-origin")
    const { pathname, searchParams } = new URL(request.url, issuer)
    switch (pathname) {
      case "/.well-known/openid-configuration":
        return json(response, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` })
      case "/jwks": return json(response, { keys: [jwk] })
      case "/authorize": {
        if (provider.waits) return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>waiting</title>")
        const code = randomUUID()
        codes.set(code, searchParams)
        const back = new URL(searchParams.get("redirect_uri"))
        if (provider.denies) back.searchParams.set("error", "access_denied")
        else back.searchParams.set("code", code)
        back.searchParams.set("state", searchParams.get("state"))
        return response.writeHead(302, { location: back.href }).end()
      }
      case "/token": {
        const form = new URLSearchParams(await text(request))
        const asked = codes.get(form.get("code"))
        codes.delete(form.get("code"))
        const challenge = createHash("sha256").update(form.get("code_verifier")).digest("base64url")
        if (asked?.get("code_challenge") !== challenge) return json(response, { error: "invalid_grant" }, 400)
        const claims = { nonce: asked.get("nonce"), name: "Ann Example", preferred_username: "ann" }
        const token = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "1" }).setIssuer(issuer)
          .setAudience(client.id).setSubject("65f0c0ffee").setIssuedAt().setExpirationTime("10m").sign(privateKey)
        return json(response, { access_token: "x", token_type: "Bearer", id_token: token })
      }
      default: return json(response, {}, 404)
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  issuer = `https://localhost:${server.address().port}`
  return Object.assign(provider, { issuer, stop: () => { server.closeAllConnections(); server.close() } })
}
