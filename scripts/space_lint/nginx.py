"""Finds the ports of nginx's configuration."""

import re

LISTEN = re.compile(r"^[^#\n]*?\blisten\s+([^;\s]+)", re.M)


def directives(folder):
    """Yields (path, line, value) of each listen directive in the folder's configuration files."""
    for path in folder.paths:
        if re.search(r"nginx|\.conf(\.|$)|\.template$", path, re.I) and not path.endswith((".md", ".sh")):
            text = folder.read(path)
            for match in LISTEN.finditer(text):
                yield path, text.count("\n", 0, match.start(1)) + 1, match[1]


def listens(folder, steps, one):
    """Returns (address, port, sure, place) of each listen directive; the default if the image has the original configuration. None: not known."""
    if "-c" in one.args or any(name.startswith("NGINX") for name in one.env):
        return None
    found = list(directives(folder))
    written = "\n".join(step.rest + "\n" + step.body for step in steps if step.word in ("RUN", "COPY", "ADD"))
    written += "\n".join(folder.read(path) for path in folder.paths if path.endswith(".sh"))
    if re.search(r"\blisten\b", written):
        return None  # a step or a script writes or edits the configuration
    if not found:
        if re.search(r"/etc/nginx|\.conf\b|\.template\b", written):
            return None
        return [("0.0.0.0", one.args[0] if one.args[:1] and one.args[0].isdecimal() else "80", True, None)]
    result = []
    for path, line, value in found:
        if re.search(r"[${%]", value):
            return None
        if value.startswith("unix:"):
            continue
        host, colon, port = value.rpartition(":")
        if not value.isdecimal() and not (colon and port.isdecimal()):
            host, port = value, "80"
        result.append((host or "0.0.0.0", port, False, (path, line)))
    return result or None
