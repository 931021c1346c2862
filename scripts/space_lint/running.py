"""Rules for the service as it answers: what the platform and the page in its iframe ask of it."""

import http.client
import urllib.parse

from .finding import Finding, Rule

READY = Rule("error", "200 without sign-in or redirect", "the platform asks GET and HEAD / to know whether the app has started")
FRAMED = Rule("error", "no X-Frame-Options, and frame-ancestors with https://huggingface.co or none", "the Space's page shows it in an iframe")
COOKIE = Rule("error", "SameSite=None; Secure, and one such cookie at least that is Partitioned", "in the iframe it is a third party's cookie: the login would be lost")


def answers(address):
    """Whether anything comes back at all."""
    url = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    try:
        connection.request("GET", url.path)
        connection.getresponse()
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check(address, timeout=10, headers=None):
    url, found = urllib.parse.urlsplit(address), []
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    for method in ("GET", "HEAD"):
        def finding(name, rule, what, method=method):
            found.append(Finding(f"{method} {address}", 0, name, rule, what))
        connection = kind(url.hostname, url.port, timeout=timeout)
        try:
            connection.request(method, url.path or "/", headers={"user-agent": "lint-space", **(headers or {})})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as problem:
            finding("ready", READY, f"no answer ({problem})")
            continue
        finally:
            connection.close()
        if answer.status != 200:
            finding("ready", READY, f"status {answer.status}")
        policy = answer.headers.get("content-security-policy", "")
        ancestors = [it.split()[1:] for it in policy.split(";") if it.split()[:1] == ["frame-ancestors"]]
        if "x-frame-options" in answer.headers or any(not {"*", "https://huggingface.co", "https:"} & set(it) for it in ancestors):
            finding("framed", FRAMED, "headers that forbid it")
        cookies = [(it.partition("=")[0], {word.strip().lower() for word in it.split(";")[1:]}) for it in answer.headers.get_all("set-cookie", [])]
        for name, words in cookies:
            if not {"samesite=none", "secure"} <= words:
                finding("cookie", COOKIE, f"the cookie {name}")
        if cookies and not any("partitioned" in words for _, words in cookies):
            finding("cookie", COOKIE, "no cookie that is Partitioned")
    return found
