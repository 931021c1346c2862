"""Reads NAME=value files with the same rules as the services (space-kit/src/settings/env_file.rs)."""

import re

ENTRY = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*"
    r"(?:'(?P<raw>[^']*)'|\"(?P<text>(?:[^\"\\]|\\[n\"\\$'])*)\"|(?P<bare>[^\s'\"\\]*))"
    r"(?:[ \t]*|[ \t]+#[^\n]*)\r?(?:\n|\Z)"
)
BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
LOCAL_ONLY = ("HOST", "PORT", "LISTEN_FDS", "LISTEN_PID", "READY_FD", "SSL_CERT_FILE")  # they describe the machine instead of the service


class EnvFileError(Exception):
    """Names the file and the line number, but never shows the line, because it can contain a secret."""


def read(path):
    """Returns names and values; an empty value counts as unset."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    values, at = {}, 0
    while at < len(text):
        match = BLANK.match(text, at)
        if not match:
            match = ENTRY.match(text, at)
            if not match:
                line = text.count("\n", 0, at) + 1
                raise EnvFileError(f"{path}: line {line} is not NAME=value (quote a value that contains spaces, close the quote, and write a command's output instead of $(…))")
            value = match["raw"] if match["raw"] is not None else match["bare"]
            if match["text"] is not None:
                value = re.sub(r"\\(.)", lambda it: "\n" if it[1] == "n" else it[1], match["text"])
            values[match["name"]] = value
        at = match.end()
    return {name: value for name, value in values.items() if value}
