"""Rules for the Dockerfile, as far as it can be judged without building it."""

import json
import re
from typing import NamedTuple

from .finding import Finding, Rule

SLEEPS = "the Space would stay at Starting"
LEAKS = "whoever can pull the image can read it; set it as a secret of the Space, or mount it while building"
NO_BASE = Rule("error", "a FROM line", "nothing can be built")
BASE = Rule("error", "a digest (@sha256:…) or a version's tag", "the base could change under you at any rebuild")
TAG = Rule("note", "a digest (@sha256:…)", "a tag can be moved")
EXPOSE = Rule("error", "app_port alone", "two ports that differ: " + SLEEPS)
NO_EXPOSE = Rule("note", "EXPOSE with app_port", "it tells readers which port is meant; the platform goes by app_port")
LOOPBACK = Rule("error", "0.0.0.0", "the proxy cannot reach a loopback address: " + SLEEPS)
PORT = Rule("error", "app_port", "the service would listen where nobody asks: " + SLEEPS)
USER = Rule("error", "1000, or a user made with that id", "the platform runs the container as uid 1000: files of others are not writable")
NO_USER = Rule("note", "USER 1000", "it would run as root here and as uid 1000 there, where permissions differ")
OWNER = Rule("note", "--chown=1000", "copied files belong to root, and uid 1000 cannot write to them")
SECRET_ENV = Rule("error", "no secret's value", LEAKS)
SECRET_ARG = Rule("error", "RUN --mount=type=secret", "build arguments stay in the image's history")
SHELL = Rule("note", '["PROGRAM", "ARGUMENT"]', "a shell in front keeps TERM from the service")
NO_SHELL = Rule("error", '["PROGRAM", "ARGUMENT"]', "an image from scratch has no shell to start it with")
NOTHING = Rule("error", "ENTRYPOINT or CMD", "an image from scratch has none of its own: it cannot start")
HEALTH = Rule("note", "HEALTHCHECK", "other engines restart what hangs; a Space asks app_port itself")
PIP = Rule("note", "pip install --no-cache-dir", "the cache of downloads makes a huge image, which is slow to wake")
OUTBOUND = Rule("error", "ports 80, 443 and 8080", "a Space lets no other connection out")

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
    """Instructions as one line each; comments and here-documents are left out."""
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
    """The stages in their order: name, base and steps. ARG before the first FROM belongs to none."""
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
    """NAME=VALUE pairs of ENV, and its old form with a space."""
    if "=" not in rest.split(None, 1)[0]:
        return [tuple((rest.split(None, 1) + [""])[:2])]
    return [(name, value.strip("\"'")) for name, value in re.findall(r"([\w.-]+)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S*)", rest)]


def check(text, port):
    found = []
    def finding(line, name, rule, what):
        found.append(Finding("Dockerfile", line, name, rule, what))
    all_stages = stages(text)
    if not all_stages:
        finding(0, "base", NO_BASE, "none")
        return found
    names = {}
    for name, base, line, its in all_stages:
        if base.lower() not in names and base.lower() != "scratch" and "$" not in base and "@sha256:" not in base:
            tag = base.rpartition("/")[2].partition(":")[2]
            finding(line, "base", TAG if tag and tag != "latest" else BASE, base if tag else f"{base or 'nothing'} without a tag")
        names[name] = (base, its)
    # What the last stage is made of: its own steps behind those of the stages that it continues.
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
        finding(step.line, "pip-cache", PIP, "pip install with its cache")
    if step.word not in ("ENV", "ARG"):
        return
    for name, value in pairs(step.rest) if step.word == "ENV" or "=" in step.rest else [(step.rest.strip(), "")]:
        if SECRET_NAME.search(name) and not HARMLESS.search(name):
            if step.word == "ARG":
                finding(step.line, "secret", SECRET_ARG, f"ARG {name}")
            elif value and not value.startswith("$"):
                finding(step.line, "secret", SECRET_ENV, f"a value for {name}")
        for host, remote in REMOTE.findall(value):
            if int(remote) not in (80, 443, 8080) and not PRIVATE.match(host):
                finding(step.line, "outbound", OUTBOUND, f"{name} with port {remote}")


def final(last, scratch, whole, port, finding):
    def latest(*words):
        return next((step for step in reversed(last) if step.word in words), None)
    user, health, start = latest("USER"), latest("HEALTHCHECK"), [it for it in (latest("ENTRYPOINT"), latest("CMD")) if it]
    exposed = [(step.line, it.partition("/")[0]) for step in last if step.word == "EXPOSE" for it in step.rest.split()]
    for line, it in exposed:
        if it.isdecimal() and port and str(port) not in [one for _, one in exposed]:
            finding(line, "expose", EXPOSE, f"{it}, while app_port is {port}")
    for step in [it for it in last if it.word == "ENV"] + start:
        for address in LOOPBACKS.findall(step.rest):
            finding(step.line, "loopback", LOOPBACK, f"{step.word} with {address}")
        listens = PORTS.findall(step.rest) if step.word != "ENV" else [value for name, value in pairs(step.rest) if name == "PORT"]
        for it in listens:
            if port and it.isdecimal() and int(it) != port:
                finding(step.line, "port", PORT, f"{step.word} with port {it}, while app_port is {port}")
    made = any(re.search(r"\b(useradd|adduser)\b.*(-u|--uid)[ =]*1000\b", step.rest) for step in last if step.word == "RUN")
    if user:
        who = user.rest.partition(":")[0].strip()
        if who == "root" or who.isdecimal() and who != "1000" or not who.isdecimal() and scratch and "$" not in who:
            finding(user.line, "user", USER, f"USER {who}")
        for step in last[last.index(user):] if made or who == "1000" else []:
            if step.word in ("COPY", "ADD") and "--chown" not in step.rest:
                finding(step.line, "owner", OWNER, f"{step.word} without it")
    elif not whole:
        finding(0, "user", NO_USER, "no USER")
    if not exposed and not whole:
        finding(0, "expose", NO_EXPOSE, "none")
    if scratch and not start:
        finding(0, "start", NOTHING, "neither")
    for step in start:
        if form(step) == "shell" and (scratch or not step.rest.startswith("exec ")):  # exec puts the service in the shell's place
            finding(step.line, "start", NO_SHELL if scratch else SHELL, f"{step.word} in shell form")
    if not health and not whole:
        finding(0, "health", HEALTH, "none")
    elif health and scratch and "CMD" in health.rest and form(Step(0, "", health.rest.partition("CMD")[2].strip())) == "shell":
        finding(health.line, "health", NO_SHELL, "HEALTHCHECK in shell form")
