// The peer of nodejs-backend: Better Auth without a database, on Hono, the way its users run it. It reads nodejs-backend's
// variables. It does less: no rate limit for sign-ins, no metrics, no request log.
import { writeSync } from "node:fs"
import { createAdaptorServer } from "@hono/node-server"
import { betterAuth } from "better-auth"
import { genericOAuth, jwt } from "better-auth/plugins"
import { Hono } from "hono"

const { env } = process
const port = Number(env.PORT ?? 7860)
// Without a client id there is no provider, like nodejs-backend with DEV_SIGN_IN.
const providers = env.OAUTH_CLIENT_ID ? [{
  providerId: "huggingface",
  discoveryUrl: `${env.OPENID_PROVIDER_URL ?? "https://huggingface.co"}/.well-known/openid-configuration`,
  clientId: env.OAUTH_CLIENT_ID, clientSecret: env.OAUTH_CLIENT_SECRET, authentication: "basic", pkce: true,
  scopes: (env.OAUTH_SCOPES ?? "openid profile email").split(" "),
}] : []
const auth = betterAuth({
  baseURL: env.AUTH_URL ?? `http://127.0.0.1:${port}`,
  secret: env.AUTH_SECRET,
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [jwt(), genericOAuth({ config: providers })],
})

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title><h1>Sign in</h1>
<p>The session is at <a href="/api/auth/get-session"><code>/api/auth/get-session</code></a>.</p></html>`
const app = new Hono()
app.get("/", c => c.html(page))
app.get("/health", c => c.json({ status: "ok", service: "better-auth", version: "1", uptime_seconds: Math.floor(process.uptime()) }))
app.on(["GET", "POST"], "/api/auth/*", c => auth.handler(c.req.raw))

const server = createAdaptorServer({ fetch: app.fetch })
server.keepAliveTimeout = 75_000
server.listen(env.LISTEN_FDS === "1" ? { fd: 3 } : { port, host: env.HOST ?? "0.0.0.0" }, () => {
  if (env.READY_FD) writeSync(Number(env.READY_FD), "\n")
})
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => { server.close(() => process.exit()); server.closeIdleConnections() })
