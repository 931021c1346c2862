// A network of its own, in which host names of the internet are this machine: the services, the browser and the page use
// addresses and settings exactly as they are printed. Linux namespaces provide it, without root where the kernel allows.
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import http from "node:http"
import https from "node:https"
import { tmpdir } from "node:os"
import path from "node:path"
import { test } from "node:test"

const inside = "TESTS_OWN_NETWORK"
const namespaces = ["--user", "--map-root-user", "--mount", "--net", "--"]

/** Whether this process is in such a network. If not, `file` runs there, as a test of this process. */
export function isOwnNetwork(file, hosts) {
  if (process.env[inside]) return true
  const denied = spawnSync("unshare", [...namespaces, "ip", "link", "set", "lo", "up"], { encoding: "utf8" })
  const skip = denied.status !== 0 && `no network of its own: ${denied.error?.message ?? denied.stderr.trim()}`
  test(`in a network where ${hosts.join(", ")} are this machine`, { skip: process.env.CI ? false : skip }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "signin-network-"))
    try {
      const names = path.join(folder, "hosts")
      writeFileSync(names, `127.0.0.1 localhost ${hosts.join(" ")}\n`)
      const enter = 'ip link set lo up && mount --bind "$0" /etc/hosts && exec "$@"'
      const env = { ...process.env, [inside]: "yes" }
      delete env.NODE_TEST_CONTEXT
      const child = spawn("unshare", [...namespaces, "sh", "-c", enter, names, process.execPath, "--test-reporter=spec", file], { env, stdio: ["ignore", "pipe", "pipe"] })
      const output = Promise.all([child.stdout, child.stderr].map(async stream => (await stream.toArray()).join("")))
      const [status] = await once(child, "exit")
      if (status !== 0) throw new Error((await output).join("\n"))
    } finally { rmSync(folder, { recursive: true, force: true }) }
  })
  return false
}

/** Serves all hosts over TLS. A host is the port of a process, as behind a Space's proxy, or a function. */
export async function serveHosts(tls, hosts) {
  const server = https.createServer(tls, (request, response) => {
    const host = hosts[request.headers.host]
    if (typeof host === "function") return host(request, response)
    const headers = { ...request.headers, "x-forwarded-for": request.socket.remoteAddress, "x-forwarded-proto": "https" }
    const onward = http.request({ host: "127.0.0.1", port: host, method: request.method, path: request.url, headers }, answer => {
      response.writeHead(answer.statusCode, answer.rawHeaders)
      answer.pipe(response)
    })
    onward.on("error", () => response.writeHead(502).end())
    request.pipe(onward)
  })
  server.listen(443, "127.0.0.1")
  await once(server, "listening")
  return () => { server.closeAllConnections(); server.close() }
}
