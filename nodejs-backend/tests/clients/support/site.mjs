// A static site, and the app that it serves.
import { once } from "node:events"
import https from "node:https"
import { build } from "esbuild"

/** The app bundled into one page. */
export async function bundled() {
  const { outputFiles: [bundle] } = await build({ entryPoints: [new URL("app.mjs", import.meta.url).pathname], bundle: true, format: "esm", write: false })
  return `<!doctype html><title>app</title><script type="module">${bundle.text.replaceAll("</script", "<\\/script")}</script>`
}

/** A site of static pages. */
export async function pages(tls, host, content) {
  const server = https.createServer(tls, (request, response) => {
    const page = content[new URL(request.url, "https://x").pathname]
    response.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8" }).end(page)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { url: `https://${host}:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close() } }
}
