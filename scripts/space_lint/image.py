"""Rules for the base image, the platform, the form of the start command, and the size of the image."""

import re

from . import instructions, start
from .finding import Finding, Rule

NO_BASE = Rule("error", "nothing can be built", "Add a FROM line")
PLATFORM = Rule("error", "a Space's machines are linux/amd64, where its programs end with 'exec format error'", "Remove --platform, or use linux/amd64")
BASE = Rule("advice", "each rebuild can get another base image", "Pin a digest (@sha256:…) or the tag of a version")
TAG = Rule("advice", "a tag can move to another image", "Pin a digest (@sha256:…)")
EXEC_FORM = 'Use the form ["PROGRAM", "ARGUMENT"]'
SHELL = Rule("advice", "the shell does not pass SIGTERM on to the service", EXEC_FORM)
NO_SHELL = Rule("error", "an image from scratch has no shell", EXEC_FORM)
NOTHING = Rule("error", "an image from scratch cannot start without one", "Add ENTRYPOINT or CMD")
NO_START = Rule("warning", "this base image starts a shell or an interpreter, which ends at once", "Add CMD with the command that starts the service")
TWICE = Rule("warning", "only the last one has an effect", "Remove one, or start both programs with a script")
HEALTH = Rule("advice", "Docker and Kubernetes use it to restart a hung container (Spaces probe app_port themselves)", "Add HEALTHCHECK")
PIP = Rule("advice", "the download cache makes a huge image, which is slow to start", "Use pip install --no-cache-dir")
OUTBOUND = Rule("warning", "a Space only allows outgoing connections to ports 80, 443 and 8080", "Use one of these ports")

# Images that start a shell or an interpreter, and set no variable that a server reads.
PLAIN = re.compile(r"^(docker\.io/)?(library/)?(python|node|debian|ubuntu|alpine|golang|rust|openjdk|eclipse-temurin|ruby|php|busybox|nvidia/cuda|pytorch/pytorch"
                   r"|tensorflow/tensorflow|continuumio/(mini|ana)conda3|condaforge/\w+|ghcr\.io/astral-sh/uv|oven/bun|mcr\.microsoft\.com/playwright(/python)?)(:|@|$)")
REMOTE = re.compile(r"\w+://(?:[^\s/@\"']*@)?([\w-]+(?:\.[\w-]+)+):(\d+)")
PRIVATE = re.compile(r"(127|10|0)\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|.*\.(local|internal|localhost)$")
OTHER = re.compile(r"^(arm64v8|arm32v7|arm32v6|s390x|ppc64le|i386)/|-(arm64|aarch64|arm64v8|armv7)$")


def check(every, all_stages, chain, last, scratch, whole):
    found, base, line = [], chain[0].base, chain[-1].line
    def finding(at, name, rule, what):
        found.append(Finding("Dockerfile", at, name, rule, what))
    names = set()
    for stage in all_stages:
        if stage.base.lower() not in names and stage.base.lower() != "scratch" and "$" not in stage.base:
            pinned(stage, finding)
        platform(stage, stage in chain, finding)
        names.add(stage.name)
    uncached = any(name == "PIP_NO_CACHE_DIR" and re.match(r"(?!0|false|no|off)\w", value, re.I) for step in every for name, value in settings(step))
    for step in every:
        if step.word == "RUN" and not uncached and "--mount=type=cache" not in step.rest and re.search(r"(?<!uv )\bpip3? install\b(?!.*--no-cache-dir)", step.rest):
            finding(step.line, "pip-cache", PIP, "pip install keeps its cache")
        for name, value in instructions.pairs(step):
            for host, remote in REMOTE.findall(value):
                if int(remote) not in (80, 443, 8080) and not PRIVATE.match(host):
                    finding(step.line, "outbound", OUTBOUND, f"{name} uses port {remote}")
    started(last, base, line, scratch, finding)
    health(last, scratch, whole, finding)
    return found


def settings(step):
    """Returns the names and values of an ENV or ARG."""
    if step.word == "ARG":
        return [(word.partition("=")[0], instructions.unquoted(word.partition("=")[2])) for word in instructions.words_of(step.rest)]
    return instructions.pairs(step)


def pinned(stage, finding):
    if "@sha256:" in stage.base:
        return
    tag = stage.base.rpartition("/")[2].partition(":")[2]
    finding(stage.line, "base", TAG if tag and tag != "latest" else BASE, f"FROM {stage.base}" if tag else f"FROM {stage.base} without a tag")


def platform(stage, runs, finding):
    """runs: whether the stage is a part of the image that runs. Others may only be built for other machines."""
    rule = PLATFORM if runs else PLATFORM.likely()
    for option in stage.options:
        name, _, value = option.partition("=")
        if name == "--platform" and "$" not in value and not re.match(r"(linux/)?(amd64|x86_64)(/|$)", value, re.I):
            finding(stage.line, "platform", rule, f"FROM {option}")
    if OTHER.search(stage.base.partition("@")[0]):
        finding(stage.line, "platform", rule, f"FROM {stage.base}")


def started(last, base, line, scratch, finding):
    for word in ("ENTRYPOINT", "CMD"):
        same = [step for step in last if step.word == word and step.line > line]
        for step in same[:-1]:
            finding(step.line, "start", TWICE, f"a second {word} is in line {same[-1].line}")
    steps = [step for step in start.effective(last) if step]
    if not steps and scratch:
        finding(0, "start", NOTHING, "neither ENTRYPOINT nor CMD")
    elif not steps and PLAIN.match(base):
        finding(line, "start", NO_START, "neither ENTRYPOINT nor CMD")
    for step in steps:
        if instructions.array(step.rest) is None and not step.rest.startswith("[") and (scratch or not step.rest.startswith("exec ")):  # exec replaces the shell by the service
            finding(step.line, "start", NO_SHELL if scratch else SHELL, f"{step.word} in shell form")


def health(last, scratch, whole, finding):
    step = next((step for step in reversed(last) if step.word == "HEALTHCHECK"), None)
    if step is None and not whole:
        finding(0, "health", HEALTH, "no HEALTHCHECK")
    elif step and scratch and "CMD" in step.rest and instructions.array(step.rest.partition("CMD")[2].strip()) is None:
        finding(step.line, "health", NO_SHELL, "HEALTHCHECK in shell form")
