// A static site, and the app that it serves.
import { createHash } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import https from "node:https"
import { build } from "esbuild"

/** The hash with which a site includes the service's script. */
export const integrity = `sha384-${createHash("sha384").update(readFileSync(new URL("../../../src/api/v1.js", import.meta.url))).digest("base64")}`

/** The app bundled into one page. */
export async function bundled() {
  const { outputFiles: [bundle] } = await build({ entryPoints: [new URL("app.mjs", import.meta.url).pathname], bundle: true, format: "esm", write: false, define: { INTEGRITY: JSON.stringify(integrity) } })
  return `<!doctype html><title>app</title><script type="module">${bundle.text.replaceAll("</script", "<\\/script")}</script>`
}

/** A site of static pages, which have these further headers. */
export async function pages(tls, host, content, headers = {}) {
  const server = https.createServer(tls, (request, response) => {
    const page = content[new URL(request.url, "https://x").pathname]
    response.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8", ...headers }).end(page)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { url: `https://${host}:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close() } }
}
