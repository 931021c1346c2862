"""Creates sessions for the load: an HTTP client that keeps cookies, and a provider that accepts any sign-in."""

import http.client
import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from .errors import MeasurementError


class Provider:
    """OAuth with discovery and a userinfo endpoint instead of ID tokens, which is all that Better Auth needs."""

    def __enter__(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                if url.path == "/authorize":
                    query = {name: values[0] for name, values in parse_qs(url.query).items()}
                    self.send_response(302)
                    self.send_header("location", query["redirect_uri"] + "?" + urlencode({"code": "code", "state": query["state"]}))
                    self.end_headers()
                elif url.path == "/userinfo":
                    self.answer({"id": "1", "sub": "1", "name": "Visitor", "email": "visitor@example.com", "email_verified": True})
                else:
                    at = provider.issuer
                    self.answer({"issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                                 "userinfo_endpoint": f"{at}/userinfo"})

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.answer({"access_token": "token", "token_type": "Bearer", "expires_in": 3600})

            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Client:
    """Keeps the cookies of one server, and ignores their paths."""

    def __init__(self):
        self.cookies = {}

    def request(self, method, url, body=None, content_type="application/json", own=True):
        """Returns the Location header and the body. `own` is false for requests to the provider."""
        url = urlsplit(url)
        connection = http.client.HTTPConnection(url.netloc, timeout=30)
        headers = {"content-type": content_type, "origin": f"http://{url.netloc}"} if body is not None else {}
        if own and self.cookies:
            headers["cookie"] = self.cookie_header()
        with closing(connection):
            connection.request(method, url.path + (f"?{url.query}" if url.query else ""), body, headers)
            response = connection.getresponse()
            text = response.read()
        if own:
            for cookie in response.headers.get_all("set-cookie") or []:
                name, _, value = cookie.split(";")[0].partition("=")
                self.cookies[name] = value
                if not value or "max-age=0" in cookie.lower():
                    del self.cookies[name]
        if response.status >= 400:
            raise MeasurementError(f"sign-in: {url.path} returned {response.status}: {text[:200].decode(errors='replace')}")
        return response.headers.get("location"), text

    def cookie_header(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def cookie(server, ours):
    """Signs in, checks the session at get-session, and returns the Cookie header."""
    client, base = Client(), f"http://{server.address}"
    at, text = client.request("POST", f"{base}/api/auth/sign-in/social", '{"provider":"huggingface","callbackURL":"/"}')
    if ours: # with DEV_SIGN_IN, the backend serves the provider's page itself
        state = parse_qs(urlsplit(at).query)["state"][0]
        form = urlencode({"state": state, "callback_path": "callback", "username": "visitor", "name": "Visitor"})
        at, _ = client.request("POST", f"{base}/dev/sign-in", form, "application/x-www-form-urlencoded")
    else:
        at, _ = client.request("GET", json.loads(text)["url"], own=False)
    client.request("GET", at if at.startswith("http") else base + at)
    _, text = client.request("GET", f"{base}/api/auth/get-session")
    if not (json.loads(text) or {}).get("user"):
        raise MeasurementError(f"{server.name}: no session after sign-in")
    return client.cookie_header()
