// Starts the processes of the tests: the mock upstream, and gateways in front of it (PYTHON_BACKEND is the binary).
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const KEY = "a-key-of-enough-length"
export const TEXT = "Hello from the mock, word by word, so that it streams in several chunks."

const children = []
const folders = []
/** Ends all children, because one that is left would keep the tests from ending, and removes their folders. */
export const stopAll = () => {
  children.forEach(child => child.kill())
  folders.splice(0).forEach(folder => rmSync(folder, { recursive: true, force: true }))
}
process.on("exit", stopAll)

/** Starts a child. `line` waits for a line of its output. */
function start(command, args, env, stream) {
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] })
  children.push(child)
  const lines = [], waiting = []
  child[stream === "stdout" ? "stderr" : "stdout"].resume()
  createInterface({ input: child[stream] }).on("line", line => {
    lines.push(line)
    for (const wait of waiting.splice(0)) wait()
  })
  const line = async needle => {
    for (let at = 0; ;) {
      for (; at < lines.length; at++) if (lines[at].includes(needle)) return lines[at]
      await new Promise(resolve => waiting.push(resolve))
    }
  }
  return { child, line, lines }
}

/** Starts a mock upstream that answers with a text. Returns its base URL. */
export const mock = (...options) =>
  mockOf([{ match: { userMessage: "hello" }, response: { content: TEXT } }], ...options)

/** Starts a mock upstream with these fixtures. Returns its base URL. */
export async function mockOf(list, ...options) {
  const folder = mkdtempSync(join(tmpdir(), "mock-"))
  folders.push(folder)
  const fixtures = join(folder, "fixtures.json")
  writeFileSync(fixtures, JSON.stringify({ fixtures: list }))
  const bin = new URL("node_modules/.bin/llmock", import.meta.url).pathname
  const args = [bin, "-p", "0", "-f", fixtures, "-c", "8", ...options]
  const { line } = start(process.execPath, args, process.env, "stdout")
  return (await line("listening on")).match(/http:\/\/\S+/)[0] + "/v1"
}

/** Starts a gateway in front of an upstream. */
export async function gateway(upstream, env = {}) {
  const program = process.env.PYTHON_BACKEND
  const settings = { HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", UPSTREAM_URL: upstream, ...env }
  const { child, line, lines } = start(program, [], settings, "stderr")
  const { address } = JSON.parse(await line("listening"))
  const stop = () => new Promise(resolve => { child.on("exit", resolve); child.kill("SIGTERM") })
  return { origin: `http://${address}`, base: `http://${address}/v1`, line, lines, stop }
}
