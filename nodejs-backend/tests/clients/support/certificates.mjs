// A certificate authority for one test run, and its certificate for the hosts of the tests. Both are deleted at the end.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"

export function certificates(hosts) {
  const dir = mkdtempSync(path.join(tmpdir(), "signin-certificates-"))
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }))
  const at = name => path.join(dir, name)
  const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] })
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=for tests")
  openssl("req", ...key, "-keyout", at("host.key"), "-out", at("host.csr"), "-subj", "/CN=hosts")
  writeFileSync(at("names"), `subjectAltName=${hosts.map(host => `DNS:${host}`)}\n`)
  openssl("x509", "-req", "-in", at("host.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
    "-days", "2", "-extfile", at("names"), "-out", at("host.pem"))
  return { authority: at("ca.pem"), tls: { key: readFileSync(at("host.key")), cert: readFileSync(at("host.pem")) } }
}
