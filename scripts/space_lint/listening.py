"""Rules for the address and port at which the start command listens."""

import os
import re

from . import places, servers, start
from .finding import Finding, Rule
from .instructions import array, pairs

STUCK = "the Space would never leave the stage Starting"
LOOPBACK = Rule("error", "the proxy cannot connect to a loopback address, so " + STUCK, "Listen on 0.0.0.0")
PORT = Rule("error", "the proxy connects to app_port, so " + STUCK, "Listen on app_port")
UNSET = Rule("error", "nothing replaces the name by a number, so the server does not start", "Write the port as a number, or use the shell form with a default: ${PORT:-7860}")
EXPOSE = Rule("warning", "the two ports differ, and if the app listens on this one, " + STUCK, "Set app_port to the port of the app, and expose only this one")
OTHER_EXPOSE = Rule("advice", "it documents another port than app_port (the platform only uses app_port)", "Expose app_port")
NO_EXPOSE = Rule("advice", "it documents the port (the platform only uses app_port)", "Add EXPOSE with app_port")

# Variables that programs read for their own address and port. *_HOST in general is where a program connects to.
HOST_NAMES = {"HOST", "HOSTNAME", "BIND", "BIND_HOST", "BIND_ADDRESS", "LISTEN_HOST", "LISTEN_ADDRESS", "UVICORN_HOST", "FLASK_RUN_HOST", "GRADIO_SERVER_NAME",
              "STREAMLIT_SERVER_ADDRESS", "NITRO_HOST", "NUXT_HOST", "CHAINLIT_HOST", "N8N_LISTEN_ADDRESS"}
PORT_NAMES = {"PORT", "UVICORN_PORT", "FLASK_RUN_PORT", "GRADIO_SERVER_PORT", "STREAMLIT_SERVER_PORT", "NITRO_PORT", "NUXT_PORT", "CHAINLIT_PORT", "N8N_PORT", "APP_PORT", "SERVER_PORT"}
HOST_OPTION = ("--host", "--bind", "--address", "--listen", "--hostname", "--server-name", "--server_name", "--ip")
PORT_OPTION = ("--port", "--server-port", "--server_port", "--http-port", "--bind", "--listen", "--server.port")


def check(last, env, folder, app_port, inherited, plain, image):
    """last: the steps of the image. plain: whether its base image changes no server's defaults. image: whether the Dockerfile says more than the base image."""
    known, unknown = [], []
    for one in start.commands(last, env, folder, inherited):
        if not one.stays and not servers.find(one.program, one.args):
            continue
        where = places.of(one, folder, last)
        if where is None:
            unknown.append(one)
        else:
            known += where
    reached = any(place.fits(app_port) for place in known)
    found = literal(last)
    if not reached and not unknown:
        # Beside a server with the right port, the others are for its use.
        for place in [place for place in known if place.port == str(app_port) or place.unset()] or known:
            found += wrong(place, app_port, plain and len(known) == 1, bool(found))
    if not known:
        found += options(unknown, app_port)
    if unknown or not known:
        said = [one for one in unknown if str(app_port) in ports(one) + one.args]
        if not said and not reached and not any(it.name == "port" for it in found):
            found += variables(last, PORT_NAMES, lambda value: value.isdecimal() and int(value) != app_port, "port", PORT, f", but app_port is {app_port}")
        if not any(hosts(one) for one in unknown) and not reached:
            found += variables(last, HOST_NAMES, places.loopback, "loopback", LOOPBACK, "")
        reached = reached or bool(said)
    return found + exposed(last, app_port, reached, any(it.name == "port" for it in found), image)


def wrong(place, app_port, only, literally):
    """Returns the findings of a server that app_port cannot reach."""
    def finding(name, rule, what):
        return Finding(*place.at, name, rule if only and place.sure else rule.likely(), what)
    found = []
    if places.loopback(place.host):
        found.append(finding("loopback", LOOPBACK, f"{place.name} listens on {place.host}{place.host_reason}"))
    if place.unset():
        if not literally:
            found.append(finding("port", UNSET.likely(), f"{place.name} uses {place.port}, which no ENV sets"))
    elif place.port is not None and place.port.isdecimal() and int(place.port) != app_port:
        found.append(finding("port", PORT, f"{place.name} listens on port {place.port}{place.port_reason}, but app_port is {app_port}"))
    return found


def literal(last):
    """$PORT in the form ["PROGRAM", "ARGUMENT"] stays $PORT, because no shell runs."""
    entry, cmd = start.effective(last)
    words = {step: array(step.rest) or [] for step in (entry, cmd) if step}
    every = [word for step in words for word in words[step]]
    if entry and not words[entry] or any(os.path.basename(word) in start.SHELLS | start.MANAGERS | {"npx", "-c", "-lc", "-e"} for word in every):
        return []
    found = []
    for step in words:
        for word in words[step]:
            if match := re.search(r"\$\{?(\w*PORT)\b", word):
                script = step is cmd and entry or words[step][0].endswith(".sh")
                found.append(Finding("Dockerfile", step.line, "port", UNSET.likely() if script else UNSET, f"{step.word} has ${match[1]} in the form [\"PROGRAM\", \"ARGUMENT\"], where no shell expands it"))
    return found


def hosts(one):
    return [host for host in (servers.address(value)[0] for value in servers.values(one.args, HOST_OPTION) if value) if host]


def ports(one):
    every = [servers.address(value)[1] for value in servers.values(one.args, PORT_OPTION) if value]
    return [port for port in every if port and port.isdecimal()]


def options(unknown, app_port):
    """Programs that are not in the table often have the same options."""
    found = []
    for one in unknown if len(unknown) == 1 else ():
        found += [Finding(*one.place, "loopback", LOOPBACK.likely(), f"{one.program} has the address {host}") for host in hosts(one) if places.loopback(host)]
        if ports(one) and str(app_port) not in ports(one):
            found.append(Finding(*one.place, "port", PORT.likely(), f"{one.program} has the port {ports(one)[0]}, but app_port is {app_port}"))
    return found


def variables(last, names, bad, rule_name, rule, but):
    """ENV that sets an address or a port for a program that the linter does not know."""
    return [Finding("Dockerfile", step.line, rule_name, rule.likely(), f"ENV sets {name} to {value}{but}")
            for step in last for name, value in pairs(step) if name in names and bad(value)]


def exposed(last, app_port, reached, reported, image):
    every = [(step.line, word.partition("/")[0]) for step in last if step.word == "EXPOSE" for word in step.rest.split()]
    if not every:
        return [Finding("Dockerfile", 0, "expose", NO_EXPOSE, "no EXPOSE")] if image else []
    if reported or any(port == str(app_port) or not port.isdecimal() for _, port in every):
        return []
    return [Finding("Dockerfile", line, "expose", OTHER_EXPOSE if reached else EXPOSE, f"EXPOSE {port}, but app_port is {app_port}") for line, port in every]
