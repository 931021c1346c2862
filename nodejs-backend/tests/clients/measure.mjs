// Measures the memory of an idle nodejs-backend after one sign-in and sign-out, and after many.
// usage: NODEJS_BACKEND=PROGRAM node measure.mjs [SIGN-INS]
import { readFileSync } from "node:fs"
import http from "node:http"
import { start } from "./support/service.mjs"

const signIns = Number(process.argv[2] ?? 100_000)

// The users are made up, because a provider would add only its own cost.
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
  const form = `state=${state}&callback_path=callback&username=user-${number}&name=N`
  const sent = await ask("POST", "/dev/sign-in", { "content-type": "application/x-www-form-urlencoded" }, form)
  const cookie = begun.headers["set-cookie"][0].split(";")[0]
  const done = await ask("GET", sent.headers.location, { cookie })
  const session = done.headers["set-cookie"].find(value => value.startsWith("nb.session="))
  if (!session) throw new Error(`sign-in ${number} failed`)
  await ask("POST", "/api/auth/sign-out", { cookie: session.split(";")[0], "content-type": "application/json", origin: "http://127.0.0.1:7871" }, "{}")
}
/** Pss in bytes, after all connections are closed and the service has trimmed its heap, a second later. */
async function atRest() {
  agent.destroy()
  await new Promise(done => setTimeout(done, 2500))
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${dev.child.pid}/smaps_rollup`, "utf8"))[1]) * 1024
}
await signIn(0)
const first = await atRest()
let number = 0
await Promise.all(Array.from({ length: 8 }, async () => { while (number < signIns) await signIn(++number) }))
console.log(`Pss at rest: ${first} after one sign-in and sign-out, ${await atRest()} after ${signIns}`)
dev.child.kill("SIGKILL")
