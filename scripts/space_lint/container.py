"""Rules for the running image: started like on the platform, probed, inspected and stopped."""

import os
import re
import subprocess
import tempfile
import time

from . import build_output, running
from .finding import Finding, Rule

DISK = 50_000_000_000
GRACE = 10  # seconds between SIGTERM and SIGKILL, as engines wait
SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

STUCK = "the Space would never leave the stage Starting"
BUILD = Rule("error", "nothing can be started", "Correct the build")
START = Rule("error", STUCK + ", or end with a runtime error", "Answer on app_port")
BIND = Rule("error", "the proxy cannot connect to another address, so " + STUCK, "Listen on 0.0.0.0 and app_port")
USER = Rule("error", "the platform runs the container as uid 1000, which cannot write files of another user", "Run as uid 1000")
STORAGE = Rule("error", "a Space that uses more than 50 GB of disk is evicted", "Make the image smaller")
WRITES = Rule("advice", "such files are lost at each restart", "Write only to /tmp and /data, so that the root file system can be read-only")
TERM = Rule("advice", "it is killed at each restart, and the requests in flight fail", f"Exit within {GRACE} s of SIGTERM")

FOREGROUND = "Run the server in the foreground: as the last command, with exec and without &, and without an option that makes it a daemon"
HINTS = (  # what a kernel or an engine says of a program that it cannot start
    (r"exec\b.*no such file or directory", "Check its path in the image, and the interpreter in its first line: with the line endings of Windows its name ends in a carriage return, "
                                           r"which sed -i 's/\r$//' removes"),
    (r"exec\b.*(executable file not found|exec format error)", "Install the program, start a script's first line with #!, and use programs for linux/amd64"),
    (r"exec\b.*permission denied", "Make it executable for uid 1000: COPY --chmod=755 or RUN chmod a+rx"),
)


class EngineError(Exception):
    """No container engine can be used."""


class Engine:
    def __init__(self):
        found = subprocess.run([os.path.join(SCRIPTS, "engine.sh")], capture_output=True, text=True)
        if found.returncode != 0:
            raise EngineError(found.stderr.strip())
        self.name = found.stdout.strip()

    def __call__(self, *words, timeout=None, **options):
        return subprocess.run([self.name, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, **options)

    def build(self, folder):
        """Returns the image's id, or None and the build's output."""
        options = ["--format=docker"] if self.name == "podman" else []
        for proxy in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
            options += [f"--build-arg={proxy}"] if os.environ.get(proxy) else []
        with tempfile.TemporaryDirectory() as work:
            done = self("build", *options, f"--iidfile={work}/id", folder, env={**os.environ, "DOCKER_BUILDKIT": "1"})
            if done.returncode != 0:
                return None, done.stdout
            with open(f"{work}/id", encoding="utf-8") as file:
                return file.read().strip(), ""


def tail(text, lines=5):
    kept = [line.strip()[:400] for line in text.strip().splitlines() if not re.fullmatch("[0-9a-f]{64}", line.strip())]  # the container's id
    return " / ".join(kept[-lines:]) or "no output"


def listening(process):
    """Returns address and port of each listening socket in the container, if this machine's /proc shows them."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{process}/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for local, port in (row[1].split(":") for row in rows if row[3] == "0A"):
            every = set(local) == {"0"}
            loopback = local in ("0100007F", "00000000000000000000000001000000")
            found.add(("0.0.0.0" if every else "127.0.0.1" if loopback else "another address", int(port, 16)))
    return found


def uid(process):
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            return int(re.search(r"^Uid:\s+(\d+)", file.read(), re.M)[1])
    except OSError:
        return None


def build_failed(folder, output):
    try:
        with open(os.path.join(folder, "Dockerfile"), encoding="utf-8", errors="replace") as file:
            line, what = build_output.failure(output, file.read())
    except OSError:
        line, what = 0, f"the build failed: {tail(output)}"
    return Finding("Dockerfile", line, "build", BUILD, what)


def start_rule(output, status=""):
    """Returns the rule START, with what to do if the output or the status says why."""
    for pattern, fix in HINTS:
        if re.search(pattern, output, re.I):
            return START._replace(fix=fix)
    return START._replace(fix=FOREGROUND) if status == "0" else START


def check(folder, port, image=None, env_file=None, patience=60):
    """Builds the folder, or uses the given image, and runs it. Removes the container and the built image."""
    engine = Engine()
    built, output = (None, "") if image else engine.build(folder)
    if not image and not built:
        return [build_failed(folder, output)]
    try:
        own = engine("image", "inspect", "--format={{.Config.User}}", image or built)
        if own.returncode != 0:
            return [Finding(image, 0, "build", BUILD, f"no such image: {tail(own.stdout)}")]
        size = engine("image", "inspect", "--format={{.Size}}", image or built).stdout.strip()
        found = [Finding(image or "image", 0, "storage", STORAGE, f"an image of {size} bytes")] if size.isdecimal() and int(size) > DISK else []
        options = [] if own.stdout.strip().partition(":")[0] not in ("", "0", "root") else ["--user=1000:1000"]  # like the platform
        options += [f"--env-file={env_file}"] if env_file else []
        with tempfile.TemporaryDirectory() as work:
            started = engine("run", "--detach", f"--cidfile={work}/id", f"--publish=127.0.0.1::{port}", *options, image or built)
            with open(f"{work}/id", encoding="utf-8") as file:
                container = file.read().strip()
        try:
            if started.returncode != 0:
                return found + [Finding(image or "image", 0, "start", start_rule(started.stdout), f"the container does not start: {tail(started.stdout)}")]
            return found + check_running(engine, container, image or "image", port, patience)
        finally:
            engine("rm", "--force", "--volumes", container)
    finally:
        if built:
            engine("image", "rm", "--force", built)


def check_running(engine, container, name, port, patience):
    found = []
    def finding(rule_name, rule, what):
        found.append(Finding(name, 0, rule_name, rule, what))
    def state(what):
        return engine("inspect", f"--format={{{{.State.{what}}}}}", container).stdout.strip()
    published = re.search(r":(\d+)$", engine("port", container, str(port)).stdout, re.M)  # empty after it has exited
    address = f"http://127.0.0.1:{published[1]}/" if published else ""
    deadline = time.monotonic() + patience
    while silent := not (published and running.answers(address)):
        if state("Running") != "true":
            status, logs = state("ExitCode"), engine("logs", container).stdout
            finding("start", start_rule(logs if status != "0" else "", status), f"it exited with status {status}: {tail(logs)}")
            return found
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    process = state("Pid")
    sockets = listening(process)
    if silent and sockets and ("0.0.0.0", port) not in sockets:
        finding("bind", BIND, "it listens on " + ", ".join(f"{at}:{number}" for at, number in sorted(sockets)))
    elif silent:
        finding("start", START, f"no response within {patience} s: {tail(engine('logs', container).stdout)}")
    else:
        found += running.check(address)
    if uid(process) not in (None, 1000):
        finding("user", USER, f"uid {uid(process)}")
    changed = [line.split(None, 1)[1] for line in engine("diff", container).stdout.splitlines() if line[:2] in ("A ", "C ")]
    written = [path for path in changed if not any(other.startswith(path + "/") for other in changed) and not re.match("/(tmp|data|run|dev|proc|sys)(/|$)|/etc/(hosts|hostname|resolv.conf)$", path)]
    if written:
        finding("writes", WRITES, f"{len(written)} files written, such as {', '.join(written[:3])}")
    engine("kill", "--signal=TERM", container)
    try:
        engine("wait", container, timeout=GRACE)
    except subprocess.TimeoutExpired:
        finding("term", TERM, f"no exit within {GRACE} s of SIGTERM")
    return found
