"""Rules for the Dockerfile that can be checked without building it."""

import json
import re
from typing import NamedTuple

from .finding import Finding, Rule

STUCK = "the Space would never leave the stage Starting"
UID = "the platform runs the container as uid 1000"
NO_BASE = Rule("error", "nothing can be built", "Add a FROM line")
BASE = Rule("error", "each rebuild can get another base image", "Pin a digest (@sha256:…) or the tag of a version")
TAG = Rule("note", "a tag can move to another image", "Pin a digest (@sha256:…)")
EXPOSE = Rule("error", "the two ports differ, so " + STUCK, "Expose only app_port")
NO_EXPOSE = Rule("note", "it documents the port (the platform only uses app_port)", "Add EXPOSE with app_port")
LOOPBACK = Rule("error", "the proxy cannot connect to a loopback address, so " + STUCK, "Listen on 0.0.0.0")
PORT = Rule("error", "the proxy connects to app_port, so " + STUCK, "Listen on app_port")
USER = Rule("error", UID + ", which cannot write files of another user", "Use USER 1000, or a user created with that id")
NO_USER = Rule("note", "runs as root locally but as uid 1000 on a Space", "Add USER 1000")
OWNER = Rule("note", "copied files belong to root, and uid 1000 cannot write to them", "Add --chown=1000")
SECRET_ENV = Rule("error", "everyone who can pull the image can read it", "Set it as a secret of the Space, or mount it during the build")
SECRET_ARG = Rule("error", "build arguments stay in the image's history", "Use RUN --mount=type=secret")
EXEC_FORM = 'Use the form ["PROGRAM", "ARGUMENT"]'
SHELL = Rule("note", "the shell does not pass SIGTERM on to the service", EXEC_FORM)
NO_SHELL = Rule("error", "an image from scratch has no shell", EXEC_FORM)
NOTHING = Rule("error", "an image from scratch cannot start without one", "Add ENTRYPOINT or CMD")
HEALTH = Rule("note", "Docker and Kubernetes use it to restart a hung container (Spaces probe app_port themselves)", "Add HEALTHCHECK")
PIP = Rule("note", "the download cache makes a huge image, which is slow to start", "Use pip install --no-cache-dir")
OUTBOUND = Rule("error", "a Space only allows outgoing connections to ports 80, 443 and 8080", "Use one of these ports")

SECRET_NAME = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|ACCESS_KEY)(_|$)", re.I)
HARMLESS = re.compile(r"(_FILE|_PATH|_URL|_TTL|_EXPIR\w*|_LIMIT|_LENGTH)$", re.I)
LOOPBACKS = re.compile(r"(?:--(?:host|bind|address|server[._]address|server-name|listen|ip)[= \"',]+|-b[ \"',]+|HOST=\"?)(127\.0\.0\.1|localhost|\[?::1\]?)(?![\w.])")
PORTS = re.compile(r"(?:--(?:port|server[._]port|http-port)[= \"',]+|--bind[= \"',]+[\w.\[\]:]*:|-b[ \"',]+[\w.]*:)(\d{1,5})\b")
REMOTE = re.compile(r"\w+://(?:[^\s/@\"']*@)?([\w-]+(?:\.[\w-]+)+):(\d+)")
PRIVATE = re.compile(r"(127|10|0)\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|.*\.(local|internal|localhost)$")


class Step(NamedTuple):
    line: int
    word: str
    rest: str


def steps(text):
    """Returns each instruction as one line, without comments and here-documents."""
    result, pending, end = [], None, None
    for number, line in enumerate(text.split("\n"), 1):
        if end is not None:
            end = None if line.strip() == end else end
            continue
        if line.lstrip().startswith("#") or pending is None and not line.strip():
            continue
        begun, so_far = pending or (number, "")
        if line.rstrip().endswith("\\"):
            pending = (begun, so_far + line.rstrip()[:-1] + " ")
            continue
        pending, word = None, (so_far + line).strip().split(None, 1)
        if not word:
            continue
        result.append(Step(begun, word[0].upper(), word[1] if len(word) > 1 else ""))
        here = re.search(r"<<-?[\"']?(\w+)", result[-1].rest)
        end = here[1] if here and result[-1].word in ("RUN", "COPY", "ADD") else None
    return result


def stages(text):
    """Returns the stages in order: name, base, line and steps. An ARG before the first FROM belongs to none."""
    result = []
    for step in steps(text):
        if step.word == "FROM":
            words = [word for word in step.rest.split() if not word.startswith("--")]
            name = words[2] if len(words) > 2 and words[1].upper() == "AS" else str(len(result))
            result.append((name.lower(), words[0] if words else "", step.line, []))
        elif result:
            result[-1][3].append(step)
    return result


def form(step):
    try:
        return "exec" if isinstance(json.loads(step.rest), list) else "shell"
    except ValueError:
        return "shell"


def pairs(rest):
    """Returns the NAME=VALUE pairs of ENV, also of its old form with a space."""
    if "=" not in rest.split(None, 1)[0]:
        return [tuple((rest.split(None, 1) + [""])[:2])]
    return [(name, value.strip("\"'")) for name, value in re.findall(r"([\w.-]+)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S*)", rest)]


def check(text, port):
    found = []
    def finding(line, name, rule, what):
        found.append(Finding("Dockerfile", line, name, rule, what))
    all_stages = stages(text)
    if not all_stages:
        finding(0, "base", NO_BASE, "no FROM")
        return found
    names = {}
    for name, base, line, its in all_stages:
        if base.lower() not in names and base.lower() != "scratch" and "$" not in base and "@sha256:" not in base:
            tag = base.rpartition("/")[2].partition(":")[2]
            finding(line, "base", TAG if tag and tag != "latest" else BASE, f"FROM {base}" if tag else f"FROM {base} without a tag")
        names[name] = (base, its)
    # The steps of the last stage, after those of the stages that it is based on.
    base, last = names[all_stages[-1][0]]
    while base.lower() in names:
        base, its = names.pop(base.lower())
        last = its + last
    every = [step for _, _, _, its in all_stages for step in its]
    uncached = any(step.word in ("ENV", "ARG") and re.search(r"\bPIP_NO_CACHE_DIR[= ]\"?(?!0|false|no|off)\w", step.rest, re.I) for step in every)
    for step in every:
        secrets(step, uncached, finding)
    final(last, base.lower() == "scratch", "@sha256:" in base and len(last) == 0, port, finding)
    return found


def secrets(step, uncached, finding):
    cached = not uncached and "--mount=type=cache" not in step.rest
    if cached and step.word == "RUN" and re.search(r"(?<!uv )\bpip3? install\b(?!.*--no-cache-dir)", step.rest):
        finding(step.line, "pip-cache", PIP, "pip install keeps its cache")
    if step.word not in ("ENV", "ARG"):
        return
    for name, value in pairs(step.rest) if step.word == "ENV" or "=" in step.rest else [(step.rest.strip(), "")]:
        if SECRET_NAME.search(name) and not HARMLESS.search(name):
            if step.word == "ARG":
                finding(step.line, "secret", SECRET_ARG, f"ARG {name}")
            elif value and not value.startswith("$"):
                finding(step.line, "secret", SECRET_ENV, f"ENV sets {name}")
        for host, remote in REMOTE.findall(value):
            if int(remote) not in (80, 443, 8080) and not PRIVATE.match(host):
                finding(step.line, "outbound", OUTBOUND, f"{name} uses port {remote}")


def final(last, scratch, whole, port, finding):
    def latest(*words):
        return next((step for step in reversed(last) if step.word in words), None)
    user, health, start = latest("USER"), latest("HEALTHCHECK"), [it for it in (latest("ENTRYPOINT"), latest("CMD")) if it]
    exposed = [(step.line, it.partition("/")[0]) for step in last if step.word == "EXPOSE" for it in step.rest.split()]
    for line, it in exposed:
        if it.isdecimal() and port and str(port) not in [one for _, one in exposed]:
            finding(line, "expose", EXPOSE, f"EXPOSE {it}, but app_port is {port}")
    for step in [it for it in last if it.word == "ENV"] + start:
        for address in LOOPBACKS.findall(step.rest):
            finding(step.line, "loopback", LOOPBACK, f"{step.word} uses {address}")
        listens = PORTS.findall(step.rest) if step.word != "ENV" else [value for name, value in pairs(step.rest) if name == "PORT"]
        for it in listens:
            if port and it.isdecimal() and int(it) != port:
                finding(step.line, "port", PORT, f"{step.word} uses port {it}, but app_port is {port}")
    made = any(re.search(r"\b(useradd|adduser)\b.*(-u|--uid)[ =]*1000\b", step.rest) for step in last if step.word == "RUN")
    if user:
        who = user.rest.partition(":")[0].strip()
        if who == "root" or who.isdecimal() and who != "1000" or not who.isdecimal() and scratch and "$" not in who:
            finding(user.line, "user", USER, f"USER {who}")
        for step in last[last.index(user):] if made or who == "1000" else []:
            if step.word in ("COPY", "ADD") and "--chown" not in step.rest:
                finding(step.line, "owner", OWNER, f"{step.word} without --chown")
    elif not whole:
        finding(0, "user", NO_USER, "no USER")
    if not exposed and not whole:
        finding(0, "expose", NO_EXPOSE, "no EXPOSE")
    if scratch and not start:
        finding(0, "start", NOTHING, "neither ENTRYPOINT nor CMD")
    for step in start:
        if form(step) == "shell" and (scratch or not step.rest.startswith("exec ")):  # exec replaces the shell by the service
            finding(step.line, "start", NO_SHELL if scratch else SHELL, f"{step.word} in shell form")
    if not health and not whole:
        finding(0, "health", HEALTH, "no HEALTHCHECK")
    elif health and scratch and "CMD" in health.rest and form(Step(0, "", health.rest.partition("CMD")[2].strip())) == "shell":
        finding(health.line, "health", NO_SHELL, "HEALTHCHECK in shell form")
