// A minimal server with node:http: the peer "node-http" of the tables.
import { writeSync } from "node:fs"
import http from "node:http"

const { env } = process
http.createServer((request, response) => {
  if (request.url !== "/health") return response.writeHead(404).end()
  const health = { status: "ok", service: "node-http", version: "1", uptime_seconds: Math.floor(process.uptime()) }
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(health))
}).listen(env.LISTEN_FDS === "1" ? { fd: 3 } : { port: Number(env.PORT), host: env.HOST }, () => {
  if (env.READY_FD) writeSync(Number(env.READY_FD), "\n")
})
