// Measures nodejs-backend beside Better Auth: requests a second on one core with a session, and memory after sign-ins.
// usage: NODEJS_BACKEND=PROGRAM node measure.mjs [SECONDS] [SIGN-INS]      (needs wrk and taskset)
// Better Auth is the peer of benches/peers: scripts/peers.sh better-auth makes it ready.
// The service runs on CPU 0, wrk on CPU 1, 16 connections. Ratios hold within a run alone.
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import http from "node:http"
import readline from "node:readline"
import { createAuthClient } from "better-auth/client"
import { certified } from "./support/certified.mjs"
import { program, settings, start } from "./support/service.mjs"
import { Visitor } from "./support/visitor.mjs"

const seconds = Number(process.argv[2] ?? 5), signIns = Number(process.argv[3] ?? 100_000)
const ports = { ours: 7871, theirs: 7872 }
const url = name => `http://127.0.0.1:${ports[name]}`
const provider = await certified(Object.keys(ports).flatMap(name => ["callback", "oauth2/callback"].map(way => `${url(name)}/api/auth/${way}/huggingface`)))
const pin = (cpu, pid) => execFileSync("taskset", ["-a", "-p", "-c", String(cpu), String(pid)], { stdio: "ignore" })
const pss = pid => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) * 1024

// At LOG_LEVEL=error nothing says that it listens: readiness is asked for.
async function begin(name, command, args, env) {
  const child = spawn(command, args, { env: { PATH: process.env.PATH, NODEJS_BACKEND: program, ...env }, stdio: "ignore" })
  process.on("exit", () => child.kill("SIGKILL"))
  while (!await fetch(`${url(name)}/api/auth/ok`).then(({ ok }) => ok, () => false)) if (child.exitCode !== null) throw new Error(`${name} ended`)
  pin(0, child.pid)
  return child
}

async function session(name) {
  const visitor = new Visitor()
  const auth = createAuthClient({ baseURL: url(name), fetchOptions: { customFetchImpl: visitor.fetch } })
  const { data, error } = await auth.signIn.social({ provider: "huggingface", callbackURL: "/api/auth/ok" })
  if (error) throw new Error(`${name}: ${JSON.stringify(error)}`)
  await visitor.follow(data.url, to => to.origin === url(name) && to.pathname === "/api/auth/ok")
  if (!(await auth.getSession()).data) throw new Error(`${name}: no session`)
  return visitor.cookies(new URL(url(name)).host).map(pair => pair.join("=")).join("; ")
}

/** Processor time of a process so far, in microseconds; a tick is 10 ms. */
const cpu = pid => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0) * 10_000

/** Requests a second, and processor time for one in microseconds: the latter hardly depends on what else runs. */
function rate(name, path, cookie) {
  const child = name === "ours" ? ours : theirs, earlier = cpu(child.pid)
  const args = ["-c", "1", "wrk", "-t1", "-c16", `-d${seconds}s`, "-H", `cookie: ${cookie}`, url(name) + path]
  const text = execFileSync("taskset", args, { encoding: "utf8" })
  if (/Non-2xx/.test(text)) throw new Error(text)
  return { second: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]), cost: (cpu(child.pid) - earlier) / Number(/(\d+) requests in/.exec(text)[1]) }
}

const env = settings(url("ours"), provider.issuer, { HOST: "127.0.0.1", PORT: String(ports.ours), LOG_LEVEL: "error" })
const ours = await begin("ours", program, [], env)
const theirs = await begin("theirs", process.execPath, [new URL("../../../benches/peers/nodejs-backend/start.cjs", import.meta.url).pathname],
  settings(url("theirs"), provider.issuer, { HOST: "127.0.0.1", PORT: String(ports.theirs), NODE_ENV: "production" }))
const cookies = { ours: await session("ours"), theirs: await session("theirs") }
for (const path of ["/api/auth/get-session", "/api/auth/token"]) {
  for (const name of ["ours", "theirs"]) rate(name, path, cookies[name]) // warm
  const [mine, other] = ["ours", "theirs"].map(name => rate(name, path, cookies[name]))
  console.log(`${path} with a session: ${Math.round(mine.second)} requests/s, Better Auth ${Math.round(other.second)}, ratio ${(mine.second / other.second).toFixed(1)}`)
  console.log(`  processor time each: ${mine.cost.toFixed(1)} µs, Better Auth ${other.cost.toFixed(1)} µs, ratio ${(other.cost / mine.cost).toFixed(1)}`)
}
console.log(`cookie bytes: ${cookies.ours.length}, Better Auth ${cookies.theirs.length}`)
console.log(`Pss after that: ${pss(ours.pid)}, Better Auth ${pss(theirs.pid)}`)
for (const child of [ours, theirs]) { child.kill("SIGKILL"); await once(child, "exit") }
provider.stop()

// Sign-ins with made-up users: the provider's part would only measure the provider.
const dev = await start({ DEV_SIGN_IN: "yes", AUTH_URL: "http://127.0.0.1:7871", SIGN_IN_RATE: "1000000/s", LOG_LEVEL: "info" })
dev.child.stderr.removeAllListeners("data"); dev.child.stderr.resume()
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
function ask(method, path, headers = {}, body = "") {
  return new Promise((resolve, reject) => {
    const options = { agent, host: "127.0.0.1", port: dev.port, method, path, headers: { ...headers, "content-length": Buffer.byteLength(body) } }
    http.request(options, answer => { answer.resume(); answer.on("end", () => resolve(answer)) }).on("error", reject).end(body)
  })
}
async function signIn(number) {
  const begun = await ask("POST", "/api/auth/sign-in/social", { "content-type": "application/json" }, '{"provider":"huggingface","callbackURL":"/"}')
  const state = new URL(begun.headers.location).searchParams.get("state")
  const form = `state=${state}&way=callback&username=user-${number}&name=N`
  const sent = await ask("POST", "/dev/sign-in", { "content-type": "application/x-www-form-urlencoded" }, form)
  const cookie = begun.headers["set-cookie"][0].split(";")[0]
  const done = await ask("GET", sent.headers.location, { cookie })
  const session = done.headers["set-cookie"].find(value => value.startsWith("nb.session="))
  if (!session) throw new Error(`sign-in ${number} failed`)
  await ask("POST", "/api/auth/sign-out", { cookie: session.split(";")[0], "content-type": "application/json", origin: "http://127.0.0.1:7871" }, "{}")
}
await signIn(0)
const idle = pss(dev.child.pid)
let number = 0
await Promise.all(Array.from({ length: 8 }, async () => { while (number < signIns) await signIn(++number) }))
console.log(`Pss: ${idle} after one sign-in and sign-out, ${pss(dev.child.pid)} after ${signIns}`)
agent.destroy()
dev.child.kill("SIGKILL")
