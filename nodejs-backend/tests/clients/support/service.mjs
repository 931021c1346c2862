// nodejs-backend as a process behind a small proxy, whose address stays the same when the process restarts.
import { spawn } from "node:child_process"
import { once } from "node:events"
import http from "node:http"
import https from "node:https"
import readline from "node:readline"
import { text } from "node:stream/consumers"

export const program = process.env.NODEJS_BACKEND
if (!program) throw new Error("set NODEJS_BACKEND to the path of the program")

export const client = { id: "the-client", secret: "a-client-secret-of-0123456789-abcdefghij" }
export const secrets = ["q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=", "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e="]

/** A process of `file` and the port that it listens on. */
export async function start(env, file = program) {
  const child = spawn(file, { env: { HOST: "127.0.0.1", PORT: "0", ALLOWED_HOSTS: "*", LOG_FORMAT: "json", ...env }, stdio: ["ignore", "ignore", "pipe"] })
  process.on("exit", () => child.kill("SIGKILL"))
  const log = []
  const lines = readline.createInterface({ input: child.stderr })
  const port = await new Promise((resolve, reject) => {
    lines.on("line", line => {
      log.push(line)
      const found = line.includes('"listening"') && JSON.parse(line).address
      if (found) resolve(Number(found.split(":").at(-1)))
    })
    child.once("exit", () => reject(new Error(`the service exited:\n${log.join("\n")}`)))
  })
  const stop = async () => {
    if (child.exitCode !== null) return
    child.kill("SIGTERM")
    await once(child, "exit")
  }
  return { port, log, child, stop }
}

/** A reverse proxy; `target.port` may change at any time. With `tls` it speaks https. It serves `pages` itself, by
    path. `target.edit` changes the text of the service's pages. */
export async function proxy(tls, pages = {}) {
  const target = {}
  const forward = (request, response) => {
    const page = pages[request.url.split("?")[0]]
    if (page) return response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page)
    const headers = { ...request.headers, "x-forwarded-for": request.socket.remoteAddress }
    const onward = http.request(
      { host: "127.0.0.1", port: target.port, method: request.method, path: request.url, headers },
      async answer => {
        const edits = target.edit && answer.headers["content-type"]?.startsWith("text/html")
        if (edits) delete answer.headers["content-length"]
        response.writeHead(answer.statusCode, edits ? answer.headers : answer.rawHeaders)
        if (edits) response.end(target.edit(await text(answer)))
        else answer.pipe(response)
      })
    onward.on("error", () => response.writeHead(502).end())
    request.pipe(onward)
  }
  const server = tls ? https.createServer(tls, forward) : http.createServer(forward)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { target, port: server.address().port, stop: () => { server.closeAllConnections(); server.close() } }
}

/** The variables of a service with one provider. */
export const settings = (url, issuer, more = {}) => ({
  AUTH_URL: url, AUTH_SECRET: secrets[0], OAUTH_CLIENT_ID: client.id, OAUTH_CLIENT_SECRET: client.secret,
  OPENID_PROVIDER_URL: issuer, SIGN_IN_RATE: "1000/s", ...more,
})
