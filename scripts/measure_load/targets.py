"""The requests to measure: path, body and headers of each target."""

import json

from . import sign_in
from .subjects import service

QUESTION = {"messages": [{"role": "user", "content": "hi"}]}
CHAT = "/v1/chat/completions"
TARGETS = ["health", "chat", "proxy", "session", "token"]


def request(target, server):
    """`chat` uses the built-in demo model; `proxy` and `stream` use the same path with a model of the upstream, and
    `responses` and `messages` stream from it over the other two APIs."""
    if target == "health":
        return "/health", None, []
    if target in ("responses", "messages"):
        body = {"model": "org/model", "stream": True, "max_tokens": 999, "input": "hi", **QUESTION}
        return f"/v1/{target}", json.dumps(body, separators=(",", ":")), []
    if target in ("chat", "proxy", "stream"):
        model = "demo" if target == "chat" else "org/model"
        body = {"model": model, **({"stream": True} if target == "stream" else {}), **QUESTION}
        return CHAT, json.dumps(body, separators=(",", ":")), []
    path = {"session": "/api/auth/get-session", "token": "/api/auth/token"}[target]
    return path, None, [f"cookie: {sign_in.cookie(server, service(server.name) == 'nodejs-backend')}"]
