// Starts what the tests need: the mock upstream, and gateways in front of it (PYTHON_BACKEND is the binary).
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const KEY = "a-key-of-enough-length"
export const TEXT = "Hello from the mock, word by word, so that it streams in several chunks."

const children = []
/** Ends what still runs: a child that is left would keep the tests from ending. */
export const stopAll = () => children.forEach(child => child.kill())
process.on("exit", stopAll)

/** A child whose lines can be waited for. */
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

/** The mock upstream's base address. */
export async function mock(...options) {
  const folder = mkdtempSync(join(tmpdir(), "mock-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  const fixtures = join(folder, "fixtures.json")
  const response = { content: TEXT }
  writeFileSync(fixtures, JSON.stringify({ fixtures: [{ match: { userMessage: "hello" }, response }] }))
  const bin = new URL("node_modules/.bin/llmock", import.meta.url).pathname
  const args = [bin, "-p", "0", "-f", fixtures, "-c", "8", ...options]
  const { line } = start(process.execPath, args, process.env, "stdout")
  return (await line("listening on")).match(/http:\/\/\S+/)[0] + "/v1"
}

/** A gateway in front of an upstream. */
export async function gateway(upstream, env = {}) {
  const program = process.env.PYTHON_BACKEND
  const settings = { HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", UPSTREAM_URL: upstream, ...env }
  const { child, line, lines } = start(program, [], settings, "stderr")
  const { address } = JSON.parse(await line("listening"))
  const stop = () => new Promise(resolve => { child.on("exit", resolve); child.kill("SIGTERM") })
  return { origin: `http://${address}`, base: `http://${address}/v1`, line, lines, stop }
}
