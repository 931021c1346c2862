"""The peer of python-backend: an OpenAI-compatible gateway, written the way FastAPI's users write it.

It forwards chat requests to UPSTREAM_URL with HF_TOKEN. Without UPSTREAM_URL it only has a demo model with the same
response format as python-backend's. It does less: no access control, limits, retries, metrics or request log.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
import uuid

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

UPSTREAM = os.environ.get("UPSTREAM_URL", "").rstrip("/")
TOKEN = os.environ.get("HF_TOKEN", "")
DELAY = int(os.environ.get("DEMO_DELAY_MS", "15")) / 1000
DEMO = "demo"
SAYS = "This is the demo model: no language model is running here, it only repeats what you say. You said: "
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Inference gateway</title>
<h1>Inference gateway</h1><p>Chat completions are at <code>/v1/chat/completions</code>, models at
<a href="/v1/models"><code>/v1/models</code></a>.</p></html>"""
STARTED = time.monotonic()


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    """Creates one pool of keep-alive connections for all requests."""
    headers = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    limits = httpx.Limits(max_connections=1024, max_keepalive_connections=1024, keepalive_expiry=75)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=httpx.Timeout(600, connect=10)) as client:
        app.state.client = client
        yield


app = FastAPI(title="Inference gateway", lifespan=lifespan)


@app.api_route("/", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False)
async def front():
    return PAGE


@app.get("/health")
async def health():
    return {"status": "ok", "service": "fastapi", "version": "1", "uptime_seconds": int(time.monotonic() - STARTED)}


@app.get("/v1/models")
async def models():
    if not UPSTREAM:
        return {"object": "list", "data": [{"id": DEMO, "object": "model", "created": 0, "owned_by": "fastapi"}]}
    try:
        answer = await app.state.client.get(f"{UPSTREAM}/models")
        answer.raise_for_status()
    except httpx.HTTPError as error:
        return error_response(502, "upstream_error", f"the upstream failed: {type(error).__name__}")
    return {"object": "list", "data": answer.json()["data"]}


@app.post("/v1/chat/completions")
async def chat(request: Request):
    text = await request.body()
    try:
        body = json.loads(text)
        model, stream, messages = body["model"], bool(body.get("stream")), body["messages"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return error_response(400, "invalid_value", "a JSON object with model and messages is expected")
    if model == DEMO:
        return demo(messages, stream)
    if not UPSTREAM:
        return error_response(404, "model_not_found", f"there is no model {model}; there is: {DEMO}")
    return await forward(text)


async def forward(text: bytes) -> Response:
    """Passes both bodies through unchanged. When the client disconnects, the upstream connection is closed."""
    client = app.state.client
    sent = client.build_request("POST", f"{UPSTREAM}/chat/completions", content=text,
                                headers={"content-type": "application/json"})
    try:
        answer = await client.send(sent, stream=True)
        kind = answer.headers.get("content-type", "application/json")
        if kind.startswith("text/event-stream"):
            headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamingResponse(answer.aiter_bytes(), answer.status_code, headers, kind,
                                     BackgroundTask(answer.aclose))
        return Response(await answer.aread(), answer.status_code, media_type=kind)
    except httpx.TimeoutException:
        return error_response(504, "upstream_timeout", "the upstream did not answer in time")
    except httpx.HTTPError as error:
        return error_response(502, "upstream_error", f"the upstream failed: {type(error).__name__}")


def demo(messages: list, stream: bool) -> Response:
    question = next((m["content"] for m in reversed(messages) if m.get("role") == "user"), "(nothing)")
    words = [word + " " for word in f"{SAYS}{question}".split(" ")]
    words[-1] = words[-1][:-1]
    frame = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": DEMO}
    if stream:
        return StreamingResponse(events(frame, words), media_type="text/event-stream",
                                 headers={"cache-control": "no-store", "x-accel-buffering": "no"})
    prompt = sum(len(str(message.get("content")).split()) for message in messages)
    message = {"role": "assistant", "content": "".join(words), "refusal": None, "annotations": []}
    return JSONResponse({
        **frame, "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": len(words), "total_tokens": prompt + len(words)},
    })


async def events(frame: dict, words: list[str]):
    def event(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return f"data: {json.dumps({**frame, 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"

    yield event({"role": "assistant", "content": "", "refusal": None})
    for word in words:
        if DELAY:
            await asyncio.sleep(DELAY)
        yield event({"content": word})
    yield event({}, "stop")
    yield "data: [DONE]\n\n"


def error_response(status: int, code: str, message: str) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


class Server(uvicorn.Server):
    """uvicorn that writes one byte to READY_FD once it accepts connections."""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if ready := os.environ.get("READY_FD"):
            os.write(int(ready), b"\n")
            os.close(int(ready))


if __name__ == "__main__":
    handed = [socket.socket(fileno=3)] if os.environ.get("LISTEN_FDS") == "1" else None
    Server(uvicorn.Config(
        app, host=os.environ.get("HOST", "0.0.0.0"), port=int(os.environ.get("PORT", "7860")), workers=1,
        loop="uvloop", http="httptools", ws="none", access_log=False, timeout_keep_alive=75,
        timeout_graceful_shutdown=20, server_header=False,
    )).run(handed)
