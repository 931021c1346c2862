"""Finds where the started commands listen, as far as the folder shows it."""

import os
import re
from typing import NamedTuple

from . import nginx, servers, shell, source, start


class Place(NamedTuple):
    """Where one server listens, as texts; None for what is not known."""
    name: str
    host: str
    port: str
    sure: bool  # whether the Dockerfile itself says so
    at: tuple  # file and line
    host_reason: str = ""  # why it has this address, if no option says so
    port_reason: str = ""  # the same for the port

    def loopback(self):
        return loopback(self.host)

    def unset(self):
        """Whether the port is a variable that nothing sets."""
        return self.port is not None and self.port.startswith("$")

    def fits(self, app_port):
        """Whether it can be the server that app_port means."""
        unknown = self.port is None or shell.UNKNOWN in self.port or not self.port.isdecimal() and not self.unset()
        return not self.loopback() and (unknown or self.port == str(app_port))


def loopback(host):
    return host is not None and host.strip("\"'") in servers.LOOPBACKS


def of(one, folder, steps):
    """Returns where one started command listens. None: it is not known; an empty list: it is no server."""
    if one.program in start.HARMLESS:
        return []
    if one.program == "nginx":
        found = nginx.listens(folder, steps, one)
        return None if found is None else [Place("nginx", host, port, one.sure and sure, at or one.place) for host, port, sure, at in found]
    if row := servers.find(one.program, one.args):
        return of_server(one, folder, steps, *row)
    if one.program in ("python", "node", "nodejs", "bun", "tsx"):
        return of_source(one, folder)
    if one.args and one.args[0] in servers.ONE_SHOT:
        return []
    return None


def of_server(one, folder, steps, name, server):
    written = "\n".join(step.rest + step.body for step in steps if step.word in ("RUN", "COPY", "ADD"))
    for path in server.files:
        found = folder.find(path)
        if os.path.basename(path) in written:
            return None  # a step writes or copies it
        if found and re.search(r"\b(host|port|address|listen|bind|dev_addr|ip|server)\b", folder.read(found), re.I):
            return None
    found = servers.listens(server, one.args, one.env)
    # What a server without defaults would not know is a default of this one.
    given = servers.listens(server._replace(host=None, port=None), one.args, one.env)
    return [Place(name, host, port, one.sure, one.place, *(", its default" if it in (None, "None") else "" for it in known)) for (host, port), known in zip(found, given)]


def of_source(one, folder):
    """Where a program of the folder listens, as far as its first file says."""
    script = next((word for word in one.args if not word.startswith("-") and re.search(r"\.(py|[cm]?[jt]s)$", word)), None)
    path = folder.find(script) if script else None
    if path is None:
        # Next.js generates the server.js of its standalone output, which reads HOSTNAME.
        if script and script.endswith("server.js") and loopback(one.env.get("HOSTNAME")):
            return [Place("node server.js", one.env["HOSTNAME"], one.env.get("PORT", "3000"), one.sure, one.place, ", from HOSTNAME", ", from PORT" if "PORT" in one.env else ", its default")]
        return None
    read = source.python if path.endswith(".py") else source.javascript
    found = read(folder.read(path), one.env)
    return [Place(name, host, port, False, (path, line)) for name, line, host, port in found] or None
