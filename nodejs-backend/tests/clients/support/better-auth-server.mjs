// Better Auth without a database on Hono, as its users run it: what the figures are compared with.
import { serve } from "@hono/node-server"
import { betterAuth } from "better-auth"
import { genericOAuth, jwt } from "better-auth/plugins"
import { Hono } from "hono"
import { client, secrets } from "./service.mjs"

const { AUTH_URL, ISSUER, PORT } = process.env
const auth = betterAuth({
  baseURL: AUTH_URL,
  secret: secrets[0],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [jwt(), genericOAuth({ config: [{
    providerId: "huggingface", discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
    clientId: client.id, clientSecret: client.secret, scopes: ["openid", "profile", "email"], pkce: true, authentication: "basic",
  }] })],
})
const app = new Hono()
app.on(["GET", "POST"], "/api/auth/*", c => auth.handler(c.req.raw))
serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, () => console.log("listening"))
