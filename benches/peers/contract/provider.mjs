// An OpenID provider without pages that signs everyone in as Ann. It verifies each code's PKCE challenge.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto"
import http from "node:http"
import { text } from "node:stream/consumers"
import { serve } from "./upstream.mjs"

export const CLIENT = { id: "the-client", secret: "a-client-secret-of-0123456789-abcdefghij" }
const ANN = { sub: "65f0c0ffee", name: "Ann Example", preferred_username: "ann", email: "ann@mail.example", email_verified: true }

export async function provider(t) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "1", alg: "ES256", use: "sig" }
  const codes = new Map()
  const made = { agree(query) { const code = randomUUID(); codes.set(code, query); return code } }

  const idToken = nonce => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: made.url, aud: CLIENT.id, iat: now, exp: now + 600, nonce, ...ANN }
    const signed = [{ alg: "ES256", typ: "JWT", kid: "1" }, claims].map(part => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")
    return `${signed}.${sign("sha256", signed, { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`
  }
  const server = http.createServer(async (request, response) => {
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    switch (request.url) {
      case "/.well-known/openid-configuration": return json({
        issuer: made.url, authorization_endpoint: `${made.url}/authorize`, token_endpoint: `${made.url}/token`,
        userinfo_endpoint: `${made.url}/userinfo`, jwks_uri: `${made.url}/jwks`, response_types_supported: ["code"],
        subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["ES256"], code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
      })
      case "/jwks": return json({ keys: [jwk] })
      case "/userinfo": return json(ANN)
      case "/token": {
        made.tokenRequest = Object.fromEntries(new URLSearchParams(await text(request)))
        const query = codes.get(made.tokenRequest.code)
        codes.delete(made.tokenRequest.code)
        const basic = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`
        const fits = createHash("sha256").update(made.tokenRequest.code_verifier ?? "").digest("base64url") === query?.code_challenge
        if (request.headers.authorization !== basic || !fits) return json({ error: "invalid_grant" }, 400)
        return json({ access_token: "a", token_type: "Bearer", expires_in: 600, id_token: idToken(query.nonce) })
      }
      default: return json({}, 404)
    }
  })
  made.url = (await serve(t, server)).url
  return made
}
