"""A fake Hub for scripts/test-deploy.py. It records what the real client sends, and returns what the test configures.

It has only the routes that a deploy uses, in the formats that the pinned version of the client reads. Every
file uses the plain upload, never LFS or Xet. The app's page is served on the same port."""

import base64
import hashlib
import http.server
import json
import threading

OLD, NEW = "0" * 40, "1" * 40


class Recorder(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.exists, self.private, self.sdk = True, False, "docker"
        self.files = {".gitattributes": b""}  # the Space's files
        self.sha = OLD
        self.secrets, self.variables = {}, {}
        self.stages = [("RUNNING", OLD), ("BUILDING", OLD), ("APP_STARTING", NEW), ("RUNNING", NEW)]  # the last one stays
        self.refuse = {}  # (method, end of path): (status, message)
        self.app = {"GET": 200, "HEAD": 200}
        self.log = ["one line\n"]
        self.calls = []  # method and path, in order
        self.tokens = set()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        hub, path = self.server, self.path.partition("?")[0]
        if path == "/":
            return self.send(hub.app[self.command], {})
        if path == "/id-token":  # the endpoint of the CI host
            return self.send(200, {"value": f"a job's token for {self.path.partition('?')[2]}"})
        hub.calls.append((self.command, path))
        for (method, end), (status, message) in hub.refuse.items():
            if method == self.command and path.endswith(end):
                return self.send(status, {"error": message})
        if path == "/oauth/token":
            hub.exchanged = json.loads(body)
            return self.send(200, {"access_token": "hf_jwt_for-an-hour", "token_type": "bearer", "expires_in": 3600})
        hub.tokens.add(self.headers.get("authorization"))
        if path == "/api/repos/create":
            hub.exists, hub.private = True, json.loads(body).get("visibility") == "private"
            return self.send(200, {"url": f"{hub.address}/spaces/me/space"})
        if path == "/api/validate-yaml":
            return self.send(200, {"errors": [], "warnings": []})
        if not hub.exists:
            return self.send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        path = path.removeprefix("/api/spaces/me/space")
        if path in ("", "/revision/main"):
            return self.send(200, {"id": "me/space", "sha": hub.sha, "sdk": hub.sdk, "private": hub.private, "host": hub.address,
                                   "siblings": [{"rfilename": name} for name in hub.files]})
        if path.startswith("/tree/main"):
            return self.send(200, [{"type": "file", "path": name, "size": len(content), "oid": OLD} for name, content in hub.files.items()])
        if path in ("/secrets", "/variables"):
            return self.settings(path[1:], body)
        if path == "/preupload/main":
            files = [{"path": it["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": oid(hub.files.get(it["path"]))}
                     for it in json.loads(body)["files"]]
            return self.send(200, {"files": files})
        if path == "/commit/main":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del hub.files[line["value"]["path"]]
            hub.sha = NEW
            return self.send(200, {"commitUrl": f"{hub.address}/spaces/me/space/commit/{NEW}", "commitOid": NEW})
        if path == "/runtime":
            stage, sha = hub.stages.pop(0) if len(hub.stages) > 1 else hub.stages[0]
            return self.send(200, {"stage": stage, "sha": sha, "hardware": {}})
        if path == "/restart":
            hub.stages = [("APP_STARTING", hub.sha), ("RUNNING", hub.sha)]
            return self.send(200, {"stage": "APP_STARTING", "hardware": {}})
        if path in ("/logs/build", "/logs/run"):
            events = "".join(f"data: {json.dumps({'data': line, 'timestamp': '2026-01-01T00:00:00.000Z'})}\n\n" for line in hub.log)
            return self.send(200, events.encode(), {"content-type": "text/event-stream"})
        return self.send(501, {"error": f"the recorder has no route {self.command} {self.path}"})

    def settings(self, kind, body):
        held = getattr(self.server, kind)
        if self.command != "GET":
            given = json.loads(body)
            if self.command == "DELETE":
                del held[given["key"]]
            else:
                held[given["key"]] = given["value"]
        # Like the Hub, never return the value of a secret.
        shown = {name: {"key": name, **({"value": value} if kind == "variables" else {})} for name, value in held.items()}
        self.send(200, shown)

    def send(self, status, body, headers=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {}), "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


def oid(content):
    """The git hash of this content, by which the client finds unchanged files."""
    return None if content is None else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
