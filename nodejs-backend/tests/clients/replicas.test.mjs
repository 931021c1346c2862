// Two replicas with one secret behind nginx, which alternates between them.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import http from "node:http"
import { tmpdir } from "node:os"
import path from "node:path"
import { after, before, test } from "node:test"
import { createAuthClient } from "better-auth/client"
import { jwtClient } from "better-auth/client/plugins"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { certified } from "./support/certified.mjs"
import { settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

const dir = mkdtempSync(path.join(tmpdir(), "signin-nginx-"))
let nginx, provider, replicas, url

/** A free port. nginx cannot report the port that it chose. */
async function freePort() {
  const server = http.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  server.close()
  await once(server, "close")
  return port
}

before(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  provider = await certified([`${url}/api/auth/callback/huggingface`])
  replicas = await Promise.all([0, 1].map(() => start(settings(url, provider.issuer))))
  writeFileSync(path.join(dir, "nginx.conf"), `
    daemon off; pid ${dir}/pid; error_log ${dir}/error.log notice; events {}
    http {
      access_log off; client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c;
      uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
      upstream replicas { ${replicas.map(({ port }) => `server 127.0.0.1:${port} max_fails=0;`).join(" ")} }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://replicas; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
        }
      }
    }`)
  nginx = spawn("/usr/sbin/nginx", ["-c", path.join(dir, "nginx.conf"), "-e", path.join(dir, "error.log")], { stdio: "inherit" })
  for (;;) if (await fetch(`${url}/health`).then(({ ok }) => ok, () => false)) break
})
after(async () => {
  if (nginx) { nginx.kill("SIGTERM"); await once(nginx, "exit") }
  for (const each of replicas ?? []) await each.stop()
  provider?.stop()
  rmSync(dir, { recursive: true, force: true })
})

test("a sign-in succeeds although one replica is killed in the middle of it", async () => {
  const visitor = new Visitor()
  const auth = createAuthClient({ baseURL: url, plugins: [jwtClient()], fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/done" })
  const callback = await visitor.follow(data.url, to => to.pathname.startsWith("/api/auth/callback/"))
  const served = replicas.map(({ log }) => log.filter(line => line.includes("/sign-in/social")).length)
  assert.equal(served[0] + served[1], 1)
  const begun = replicas[served[0] ? 0 : 1]
  begun.child.kill("SIGKILL")
  await once(begun.child, "exit")
  assert.equal(await visitor.follow(callback, to => to.pathname === "/done"), `${url}/done`)
  for (let round = 0; round < 6; round++) assert.equal((await auth.getSession()).data.user.id, provider.user.sub)
  const { data: { token } } = await auth.token()
  await jwtVerify(token, createRemoteJWKSet(new URL(`${url}/api/auth/jwks`)), { issuer: url, audience: url })
})

test("both replicas accept the same sessions and publish the same keys", async () => {
  replicas = await Promise.all(replicas.map(async (each) => each.child.signalCode ? start({ ...settings(url, provider.issuer), PORT: String(each.port) }) : each))
  const visitor = new Visitor()
  const auth = createAuthClient({ baseURL: url, plugins: [jwtClient()], fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/done" })
  await visitor.follow(data.url, to => to.pathname === "/done")
  const seen = () => replicas.map(({ log }) => log.filter(line => line.includes("/get-session")).length)
  const earlier = seen()
  for (let round = 0; round < 6; round++) {
    assert.equal((await auth.getSession()).data.user.id, provider.user.sub)
    const { data: { token } } = await auth.token()
    await jwtVerify(token, createRemoteJWKSet(new URL(`${url}/api/auth/jwks`)), { issuer: url, audience: url })
  }
  assert.ok(seen().every((count, at) => count > earlier[at]), `both received requests: ${earlier} then ${seen()}`)
})
