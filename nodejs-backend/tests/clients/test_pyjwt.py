"""PyJWT verifies the tokens of nodejs-backend before and after a restart and during a rotation of the secret."""

import http.client
import json
import os
import subprocess
import urllib.parse

import jwt

PROGRAM = os.environ["NODEJS_BACKEND"]
BASE = "http://127.0.0.1:7861"
SECRETS = ["q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=", "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e="]


class Service:
    """The service with made-up users; it signs tokens in the same way as with a provider."""

    def __init__(self, secrets):
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "DEV_SIGN_IN": "yes", "AUTH_URL": BASE}
        self.process = subprocess.Popen([PROGRAM], env={**env, "AUTH_SECRETS": ",".join(secrets)}, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            record = json.loads(line)
            if record["message"] == "listening":
                self.port = int(record["address"].rsplit(":", 1)[1])
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def send(self, method, path, body=None, headers=None, cookie=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, {**(headers or {}), "origin": BASE, **({"cookie": cookie} if cookie else {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name == "set-cookie" and "Max-Age=0;" not in value]
        connection.close()
        return answer, text, cookies

    def sign_in(self):
        """A session cookie."""
        start = json.dumps({"provider": "huggingface", "callbackURL": "/"})
        _, text, [flow] = self.send("POST", "/api/auth/sign-in/social", start, {"content-type": "application/json"})
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(json.loads(text)["url"]).query)["state"][0]
        form = urllib.parse.urlencode({"state": state, "callback_path": "callback", "username": "ann", "name": "Ann"})
        answer, _, _ = self.send("POST", "/dev/sign-in", form, {"content-type": "application/x-www-form-urlencoded"})
        _, _, [session] = self.send("GET", answer.headers["location"], cookie=flow)
        return session

    def token(self, session):
        return json.loads(self.send("GET", "/api/auth/token", cookie=session)[1])["token"]

    def check(self, token):
        keys = jwt.PyJWKClient(f"http://127.0.0.1:{self.port}/api/auth/jwks")
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["EdDSA"], issuer=f"dev:{BASE}", audience=BASE,
                          options={"require": ["exp", "iat", "iss", "aud", "sub"]})


def main():
    with Service(SECRETS[:1]) as service:
        session = service.sign_in()
        first = service.token(session)
        assert service.check(first)["sub"] == "dev-ann"
    with Service(SECRETS[:1]) as restarted:
        assert restarted.check(first)["sub"] == "dev-ann"
        assert restarted.check(restarted.token(session))["sub"] == "dev-ann"
    with Service(SECRETS[::-1]) as rotated:
        second = rotated.token(session)
        for token in (first, second):
            assert rotated.check(token)["sub"] == "dev-ann"
        assert jwt.get_unverified_header(first)["kid"] != jwt.get_unverified_header(second)["kid"]
    with Service(SECRETS[1:]) as after:
        assert after.check(second)["sub"] == "dev-ann"
        try:
            after.check(first)
        except jwt.exceptions.PyJWKClientError:
            pass
        else:
            raise AssertionError("a token of a removed key is accepted")
    print(f"PyJWT {jwt.__version__}: tokens are valid before and after a restart and during a rotation")


main()
