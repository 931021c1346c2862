"""Rules for the responses of the running service: what the platform and the iframe of its page require."""

import http.client
import urllib.parse

from .finding import Finding, Rule

READY = Rule("error", "the platform sends GET and HEAD / to find out whether the app has started", "Answer both with 200, without sign-in or redirect")
FRAMED = Rule("error", "the Space's page shows the app in an iframe", "Send no X-Frame-Options, and no frame-ancestors without https://huggingface.co")
COOKIE = Rule("error", "in the iframe it is a third-party cookie, so the sign-in is lost", "Use SameSite=None; Secure, and make at least one such cookie Partitioned")


def answers(address):
    """Whether there is any HTTP response."""
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
    connection_type = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    for method in ("GET", "HEAD"):
        def finding(name, rule, what, method=method):
            found.append(Finding(f"{method} {address}", 0, name, rule, what))
        connection = connection_type(url.hostname, url.port, timeout=timeout)
        try:
            connection.request(method, url.path or "/", headers={"user-agent": "lint-space", **(headers or {})})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            finding("ready", READY, f"no response ({error})")
            continue
        finally:
            connection.close()
        if response.status != 200:
            finding("ready", READY, f"status {response.status}")
        policy = response.headers.get("content-security-policy", "")
        ancestors = [it.split()[1:] for it in policy.split(";") if it.split()[:1] == ["frame-ancestors"]]
        if "x-frame-options" in response.headers or any(not {"*", "https://huggingface.co", "https:"} & set(it) for it in ancestors):
            finding("framed", FRAMED, "headers that forbid framing")
        cookies = [(it.partition("=")[0], {word.strip().lower() for word in it.split(";")[1:]}) for it in response.headers.get_all("set-cookie", [])]
        for name, words in cookies:
            if not {"samesite=none", "secure"} <= words:
                finding("cookie", COOKIE, f"the cookie {name}")
        if cookies and not any("partitioned" in words for _, words in cookies):
            finding("cookie", COOKIE, "no Partitioned cookie")
    return found
