"""Malformed and oversized requests, and the status of each rejection (the table of limits in ARCHITECTURE.md)."""

from ..services import MAX_BODY

HOST = b"host: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\n"


def post(path, framing, body=b""):
    return f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{framing}\r\n\r\n".encode() + body


def cases(path, limit, authorization=""):
    """Status, what it is, and the bytes. `path` reads bodies of at most `limit` bytes."""
    length = lambda text: f"{authorization}content-length: {text}"
    chunked = f"{authorization}transfer-encoding: chunked"
    return [
        (400, "words", b"hello there, service\r\n\r\n"),
        (400, "a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, "an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "no Host", GET + b"\r\n"),
        (400, "two Hosts", GET + HOST + HOST + b"\r\n"),
        (400, "an invalid Host", GET + b"host: a/b\r\n\r\n"),
        (400, "lines that end in LF", GET.replace(b"\r", b"") + b"host: localhost\n\n"),
        (400, "a fragment in the target", b"GET /health#x HTTP/1.1\r\n" + HOST + b"\r\n"),
        (400, "raw bytes in the target", b"GET /health\xff HTTP/1.1\r\n" + HOST + b"\r\n"),
        (400, "a folded field", GET + HOST + b"x: y\r\n z\r\n\r\n"),
        (400, "two lengths", post(path, length("5") + "\r\ncontent-length: 6", b"hello!")),
        (400, "a negative length", post(path, length("-5"), b"hello")),
        (400, "chunked twice", post(path, chunked + ", chunked", b"0\r\n\r\n")),
        (400, "trailers", post(path, chunked, b"2\r\n{}\r\n0\r\nx: y\r\n\r\n")),
        (400, "a body that ends in LF", post(path, chunked, b"2\r\n{}\r\n0\r\n\n")),
        (400, "tiny chunks", post(path, chunked, b"1\r\n \r\n" * 12000)),
        (400, "no chunk size", post(path, chunked, b"no size\r\n")),
        (501, "an unknown coding", post(path, f"{authorization}transfer-encoding: gzip, chunked", b"0\r\n\r\n")),
        (413, "an absurd length", post(path, length("18446744073709551615"))),
        (413, "a long body", post(path, length(limit + 1))),
        (413, "a long chunked body", post(path, chunked, (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * (limit // 0x4000 + 1))),
        (431, "a long head", GET + HOST + b"x: " + b"y" * 17_000 + b"\r\n\r\n"),
        (431, "many fields", GET + HOST + b"x: y\r\n" * 120 + b"\r\n"),
        (421, "a foreign Host", b"GET /api/auth/ok HTTP/1.1\r\nhost: evil.example\r\n\r\n"),
        (404, "an unknown path", b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n"),
        (405, "another method", b"DELETE /health HTTP/1.1\r\n" + HOST + b"\r\n"),
    ]


LIMITS = {"gateway": MAX_BODY, "sign-in": 16 << 10}
PATHS = {"gateway": "/v1/chat/completions", "sign-in": "/api/auth/sign-in/social"}
