"""An OpenID provider that signs in whoever the request names, and fails for a user called `unlucky`."""

import asyncio
import base64
import hashlib
import json
import random
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "soak"
CLIENT_SECRET = "soak-secret-0123456789"
# DER of the DigestInfo of SHA-256 (RFC 8017, section 9.2).
DIGEST = bytes.fromhex("3031300d060960864801650304020105000420")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def is_prime(number):
    """Miller and Rabin's test."""
    if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):
        power = pow(random.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def prime(bits):
    while True:
        number = secrets.randbits(bits) | 1 | 3 << (bits - 2)
        if number % 65537 != 1 and is_prime(number):
            return number


class Key:
    """An RSA key of 2048 bits for RS256."""

    def __init__(self):
        p, q = prime(1024), prime(1024)
        self.n, self.d = p * q, pow(65537, -1, (p - 1) * (q - 1))

    def public(self):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "soak", "n": base64url(self.n.to_bytes(256, "big")), "e": "AQAB"}

    def token(self, claims):
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "soak", "typ": "JWT"}, claims))
        digest = DIGEST + hashlib.sha256(text.encode()).digest()
        padded = b"\0\1" + b"\xff" * (253 - len(digest)) + b"\0" + digest
        return text + "." + base64url(pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(256, "big"))


class Provider:
    def __init__(self):
        self.key, self.codes, self.counts = Key(), {}, {"signed in": 0, "failed": 0}

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.issuer = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self.issuer

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = int(head.lower().partition("content-length:")[2].split("\r\n")[0] or 0)
                body = (await reader.readexactly(length)).decode()
                status, headers, text = self.answer(head, urlsplit(head.split()[1]), body)
                writer.write(f"HTTP/1.1 {status} S\r\ncontent-type: application/json\r\n{headers}content-length: {len(text)}\r\n\r\n{text}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def answer(self, head, url, body):
        if url.path == "/.well-known/openid-configuration":
            at = self.issuer
            return 200, "", json.dumps({
                "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                "userinfo_endpoint": f"{at}/userinfo", "jwks_uri": f"{at}/jwks", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]})
        if url.path == "/jwks":
            return 200, "", json.dumps({"keys": [self.key.public()]})
        if url.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            code = secrets.token_hex(16)
            self.codes[code] = (query["user"], query.get("nonce"))
            return 302, "location: " + query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]}) + "\r\n", ""
        if url.path == "/token":
            user, nonce = self.codes.pop(parse_qs(body).get("code", [""])[0], ("unlucky", None))
            if user == "unlucky":
                self.counts["failed"] += 1
                return 500, "", '{"error":"server_error"}'
            self.counts["signed in"] += 1
            now = int(time.time())
            claims = {"iss": self.issuer, "sub": user, "aud": CLIENT_ID, "iat": now, "exp": now + 600, "nonce": nonce,
                      "name": user, "preferred_username": user}
            return 200, "", json.dumps({"access_token": user, "token_type": "Bearer", "expires_in": 3600, "id_token": self.key.token(claims)})
        if url.path == "/userinfo":
            user = head.partition("earer ")[2].split("\r\n")[0]
            return 200, "", json.dumps({"sub": user, "name": user, "preferred_username": user})
        return 404, "", "{}"
