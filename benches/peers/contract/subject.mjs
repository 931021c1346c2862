// Starts a service or peer as a process. It inherits a listening socket and writes a ready byte, so that the test
// neither guesses a port nor polls. nginx supports neither, so it gets a port that was free a moment before.
import { spawn } from "node:child_process"
import { once } from "node:events"
import net from "node:net"

/** Starts `command` and returns its address. The process ends with the test. */
export async function start(t, command, more = {}) {
  if (!command) throw new Error("PEERS, PYTHON_BACKEND or NODEJS_BACKEND does not contain this service")
  const listener = net.createServer().listen(0, "127.0.0.1")
  await once(listener, "listening")
  const { port } = listener.address(), url = `http://127.0.0.1:${port}`
  const own = { HOST: "127.0.0.1", PORT: String(port), AUTH_URL: url, DEMO_DELAY: "0", DEMO_DELAY_MS: "0" }
  const isNginx = command.includes("/nginx/")
  if (isNginx) listener.close()
  else Object.assign(own, { LISTEN_FDS: "1", READY_FD: "4" })

  const [file, ...words] = command.split(" ")
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...own, ...more }
  // Node.js has no public API for a socket's descriptor number.
  const child = spawn(file, words, { env, stdio: ["ignore", "ignore", "pipe", isNginx ? "ignore" : listener._handle.fd, "pipe"] })
  const log = []
  child.stderr.on("data", text => log.push(text))
  const ended = once(child, "exit")
  t.after(() => { child.kill("SIGKILL"); for (const pipe of child.stdio) pipe?.destroy(); return ended })
  listener.close() // the child has its own copy
  const failed = ended.then(([code, signal]) => { throw new Error(`${command} ended (${code ?? signal}):\n${Buffer.concat(log)}`) })
  await Promise.race([isNginx ? accepting(port, child) : once(child.stdio[4], "data"), failed])
  failed.catch(() => {}) // after the start, an exit is no failure
  return { url, end: () => { child.kill("SIGTERM"); return ended } }
}

async function accepting(port, child) {
  while (child.exitCode === null) {
    const socket = net.connect(port, "127.0.0.1")
    const up = await once(socket, "connect").then(() => true, () => false)
    socket.destroy()
    if (up) return
  }
}
