"""A sign-in, as a browser does it: start, provider, callback."""

import json
from urllib.parse import urlsplit

from ..client import JSON, BrokenError, Connection, request


class SignInError(BrokenError):
    """A step of a sign-in was rejected."""


def keep(cookies, response):
    for line in response.cookies:
        name, _, value = line.split(";")[0].partition("=")
        if value and "max-age=0" not in line.lower():
            cookies[name] = value
        else:
            cookies.pop(name, None)


def header(cookies):
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def ask(port, source, method, path, headers, body=None):
    connection = await Connection.open(port, source)
    try:
        await connection.send(request(method, path, headers, body, host=f"127.0.0.1:{port}"))
        return await connection.response(method)
    finally:
        connection.close()


async def begin(port, source, cookies):
    """Returns the response to the first step, whose cookies are kept."""
    own = {**JSON, "origin": f"http://127.0.0.1:{port}"}
    body = json.dumps({"provider": "huggingface", "callbackURL": "/done", "errorCallbackURL": "/failed"}).encode()
    response = await ask(port, source, "POST", "/api/auth/sign-in/social", own, body)
    keep(cookies, response)
    return response


async def finish(port, source, cookies, url, user):
    """Goes on to the provider and back, and returns the response to the callback."""
    at = urlsplit(url)
    answer = await ask(at.port, source, "GET", f"{at.path}?{at.query}&user={user}", {})
    back = urlsplit(answer.headers["location"])
    response = await ask(port, source, "GET", f"{back.path}?{back.query}", {"cookie": header(cookies)})
    keep(cookies, response)
    return response


async def sign_in(port, source, user):
    """Signs in, and returns the cookies."""
    cookies = {}
    response = await begin(port, source, cookies)
    if response.status != 200:
        raise SignInError(f"start: {response}", response.status)
    response = await finish(port, source, cookies, response.json()["url"], user)
    if response.status not in (302, 303) or not response.headers["location"].endswith("/done"):
        raise SignInError(f"callback: {response} {response.headers.get('location')}", response.status)
    return cookies
