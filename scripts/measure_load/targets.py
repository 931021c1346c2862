"""What is asked for: path, body and headers of each kind of request."""

import json

from . import sign_in
from .contenders import kind

QUESTION = {"messages": [{"role": "user", "content": "hi"}]}
CHAT = "/v1/chat/completions"
TARGETS = ["health", "chat", "proxy", "session", "token"]


def request(target, server):
    """`chat` is the built-in demo model, `proxy` the same path with a model of the upstream."""
    if target == "health":
        return "/health", None, []
    if target in ("chat", "proxy", "stream"):
        model = "demo" if target == "chat" else "org/model"
        body = {"model": model, **({"stream": True} if target == "stream" else {}), **QUESTION}
        return CHAT, json.dumps(body, separators=(",", ":")), []
    path = {"session": "/api/auth/get-session", "token": "/api/auth/token"}[target]
    return path, None, [f"cookie: {sign_in.cookie(server, kind(server.name) == 'nodejs-backend')}"]
