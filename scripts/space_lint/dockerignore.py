"""Reads .dockerignore: which files of the folder a build can copy."""

import posixpath
import re


def patterns(text):
    """Returns (expression, excludes) of each line."""
    result = []
    for line in text.removeprefix("\ufeff").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        excludes = not line.startswith("!")
        line = posixpath.normpath(line.lstrip("!").strip()).lstrip("/")
        if line not in ("", "."):
            result.append((re.compile(expression(line)), excludes))
    return result


def expression(line):
    text, at = "", 0
    while at < len(line):
        if line.startswith("**", at):
            slash = line.startswith("**/", at)
            text, at = text + ("(?:.*/)?" if slash else ".*"), at + (3 if slash else 2)
        elif line[at] in "*?":
            text, at = text + ("[^/]*" if line[at] == "*" else "[^/]"), at + 1
        elif line[at] == "[" and (match := re.match(r"\[(\^?)([^]]+)\]", line[at:])):
            text, at = text + "[" + match[1] + match[2].replace("\\", "\\\\") + "]", at + len(match[0])
        else:
            at += line[at] == "\\" and at + 1 < len(line)
            text, at = text + re.escape(line[at]), at + 1
    return text


def excluded(path, every):
    """Whether a path, or a folder that it is in, is excluded. The last pattern that matches decides."""
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    result = False
    for pattern, excludes in every:
        if any(pattern.fullmatch(it) for it in above):
            result = excludes
    return result
