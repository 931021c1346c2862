"""Reads NAME=value files as the services do (space-kit/src/env_file.rs)."""

import re

ENTRY = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*"
    r"(?:'(?P<raw>[^']*)'|\"(?P<text>(?:[^\"\\]|\\[n\"\\$'])*)\"|(?P<bare>[^\s'\"\\]*))"
    r"(?:[ \t]*|[ \t]+#[^\n]*)\r?(?:\n|\Z)"
)
BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
HERE_ONLY = ("HOST", "PORT", "LISTEN_FDS", "LISTEN_PID", "READY_FD", "SSL_CERT_FILE")  # of the machine, not of the service


class Unreadable(Exception):
    """Names file and line, never the line: it may hold a secret."""


def read(path):
    """Names and values; an empty value counts as unset."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    values, at = {}, 0
    while at < len(text):
        match = BLANK.match(text, at)
        if not match:
            match = ENTRY.match(text, at)
            if not match:
                line = text.count("\n", 0, at) + 1
                raise Unreadable(f"{path}: line {line} is not NAME=value (quote a value that has spaces, and close the quote)")
            value = match["raw"] if match["raw"] is not None else match["bare"]
            if match["text"] is not None:
                value = re.sub(r"\\(.)", lambda it: "\n" if it[1] == "n" else it[1], match["text"])
            values[match["name"]] = value
        at = match.end()
    return {name: value for name, value in values.items() if value}
