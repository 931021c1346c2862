"""All limits at once, in a container with the memory of compose.yaml: the OOM killer ends nothing, and other callers are served."""

import asyncio
import collections
import contextlib
import itertools
import json
import re
import subprocess
from pathlib import Path

from .services import test_crash
from .client import JSON, BrokenError, Connection, chat, request, within
from .traffic.process import Process, servers

ROOT = Path(__file__).resolve().parents[2]
MEMORY = {"python-backend": 256, "nodejs-backend": 64} # MiB, as in compose.yaml
LOCKED = ["--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=64"]
SILENT = 1300   # requests to an upstream that does not answer: MAX_CONCURRENT is 1024, QUEUE_LENGTH 128
BODY = 10 << 20 # bytes of a body without its end
HEAD = 15_000   # bytes of a head
PATIENCE = 60


class ContainerError(Exception):
    """The container did not survive, or a limit was not reached."""


class Container:
    """A service in its image, with a limit of its memory and without swap."""

    def __init__(self, engine, name, env):
        self.engine, self.port = engine, test_crash.replicas.free_port()
        env = {"HOST": "127.0.0.1", "PORT": str(self.port), "LOG_LEVEL": "error", **env}
        self.id = self.run("run", "--detach", *LOCKED, f"--memory={MEMORY[name]}m", f"--memory-swap={MEMORY[name]}m",
                           *(f"--env={key}={value}" for key, value in env.items()), f"{name}:latest")

    def run(self, *words):
        done = subprocess.run([self.engine, *words], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise ContainerError(f"{self.engine} {words[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def state(self):
        """Whether the OOM killer ended it, the process id, and whether it runs."""
        state = json.loads(self.run("inspect", "--format={{json .State}}", self.id))
        return state["OOMKilled"], state["Pid"], state["Running"]

    def memory(self, pid):
        """The most memory that its control group had, in bytes, and how often the OOM killer ended something in it. None if the
        control group cannot be seen from here."""
        groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
        for controller, root, peak, events in (("memory", "/sys/fs/cgroup/memory", "memory.max_usage_in_bytes", "memory.oom_control"),
                                               ("", "/sys/fs/cgroup", "memory.peak", "memory.events")):
            with contextlib.suppress(OSError, KeyError):
                folder = Path(root + groups[controller])
                killed = re.search(r"^oom_kill (\d+)", (folder / events).read_text(), re.M)
                return int((folder / peak).read_text()), int(killed[1])
        return None

    def end(self):
        self.run("rm", "--force", self.id)


async def listens(port):
    for _ in range(300):
        with contextlib.suppress(OSError, BrokenError):
            return await ask(port, "GET", "/health")
        await asyncio.sleep(0.1)
    raise ContainerError("the container does not listen")


async def ask(port, method, path, body=None, source="127.0.0.9"):
    connection = await Connection.open(port, source)
    try:
        await connection.send(request(method, path, JSON if body else {}, body))
        return await within(PATIENCE, path, connection.response(method))
    finally:
        connection.close()


async def gauges(port):
    text = (await ask(port, "GET", "/metrics")).body.decode()
    return {name: int(value) for name, value in re.findall(r"^gateway_(body_bytes|answer_bytes|slots_in_use|queue_length) (\d+)$", text, re.M)}


class Crowd:
    """Connections that are held, from six addresses, which together leave a seventh to others, and what was rejected: how often with which status."""

    def __init__(self, port):
        self.port, self.held, self.rejected = port, [], collections.Counter()
        self.sources = itertools.cycle(f"127.0.67.{number}" for number in range(1, 7))

    async def hold(self, data, window=None):
        """Sends a request and keeps its connection."""
        connection = await Connection.open(self.port, next(self.sources), window)
        self.held.append(connection)
        await self.send(connection, data)
        return connection

    async def send(self, connection, data):
        with contextlib.suppress(OSError): # rejected while it was sent
            await connection.send(data)

    async def verdict(self, connection):
        """Reads the head of a response, and counts a rejection. Returns whether it was accepted."""
        try:
            status, headers, _ = await connection.head()
        except BrokenError:
            status, headers = "closed", {"retry-after": ""}
        if status in (429, 503) and "retry-after" not in headers:
            raise ContainerError(f"{status} without Retry-After")
        self.rejected.update([] if status == 200 else [status])
        return status == 200

    async def rejections(self, connections, seconds=2):
        """Counts those that were rejected, as far as they know it by now."""
        waiting = [asyncio.ensure_future(self.verdict(connection)) for connection in connections]
        done, pending = await asyncio.wait(waiting, timeout=seconds)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()
        return collections.Counter(self.rejected), self.rejected.clear()

    async def idle(self):
        """Connections with long heads, until some are rejected. Returns how many are not."""
        count, data = 0, request("GET", "/health/live", {"x": "y" * HEAD})
        while self.rejected.total() < 20:
            count += await within(PATIENCE, "a head", self.verdict(await self.hold(data)))
            if count > 20_000:
                raise ContainerError("connections have no limit")
        return count

    def release(self):
        for connection in self.held:
            connection.abort()


async def requests(crowd, kept):
    """Answers that nobody reads, requests at the upstream and in the queue, and bodies on connections that are open already."""
    for _ in range(14):
        await crowd.verdict(await crowd.hold(request("POST", "/v1/chat/completions", JSON, chat("huge", "huge")), window=4096))
    answers = collections.Counter(crowd.rejected)
    crowd.rejected.clear()
    silent = [await crowd.hold(request("POST", "/v1/chat/completions", JSON, chat("x" * 500, "silent", stream=True))) for _ in range(SILENT)]
    slots, _ = await crowd.rejections(silent, 1)
    yield {"answers": answers, "slots and queue": slots}
    for connection in kept:
        await crowd.send(connection, request("POST", "/v1/chat/completions", {**JSON, "content-length": str(BODY)}) + b" " * (BODY - 20))
    bodies, _ = await crowd.rejections(kept, 1)
    yield {"bodies": bodies}


async def fill(container, name):
    """Reaches every limit, and releases nothing before all are reached."""
    crowd, of_gateway = Crowd(container.port), name == "python-backend"
    try:
        before, rejected, reached = (await listens(container.port)).json(), {}, {}
        kept = [await crowd.hold(request("GET", "/health/live")) for _ in range(12 * of_gateway)]
        for connection in kept:
            await connection.response()
        steps = requests(crowd, kept)
        if of_gateway:
            rejected |= await anext(steps)
            reached |= await gauges(container.port) # the queue is full for QUEUE_TIMEOUT only
        held = len(crowd.held)
        reached["connections"] = held + await crowd.idle()
        rejected["connections"] = collections.Counter(crowd.rejected)
        crowd.rejected.clear()
        if of_gateway:
            rejected |= await anext(steps)
            now = await gauges(container.port)
            reached |= {name: now[name] for name in ("body_bytes", "answer_bytes", "slots_in_use")}
        path = "/v1/models" if of_gateway else "/api/auth/get-session"
        others = [(await ask(container.port, "GET", path)).status for _ in range(20)]
        after = (await ask(container.port, "GET", "/health")).json()
    finally:
        crowd.release()
    return before, after, reached, {what: dict(counts) for what, counts in rejected.items()}, others


def one(engine, name, env):
    """Fills one container, and returns a line for the report and the problems."""
    container = Container(engine, name, env)
    try:
        before, after, reached, rejected, others = asyncio.run(fill(container, name))
        killed, pid, is_running = container.state()
        memory, problems = container.memory(pid), []
    except (ContainerError, BrokenError, OSError) as error:
        logs = subprocess.run([engine, "logs", container.id], capture_output=True, text=True).stderr[-300:]
        return f"  {name}: {error}", [f"{name} with {MEMORY[name]} MiB: {type(error).__name__} {error}; {container.state()}; {logs}"]
    finally:
        container.end()
    if killed or not is_running or (memory and memory[1]):
        problems.append(f"{name}: the OOM killer ended something: {killed} {is_running} {memory}")
    if (before["restarts"]["count"], after["restarts"]["count"]) != (0, 0):
        problems.append(f"{name}: it restarted: {after['restarts']}")
    if others != [200] * 20:
        problems.append(f"{name}: another caller got {others}")
    if name == "python-backend":
        quarter = MEMORY[name] << 18
        for gauge, least in (("body_bytes", quarter // 2), ("answer_bytes", quarter // 2), ("slots_in_use", 900)):
            if reached[gauge] < least:
                problems.append(f"{name}: {gauge} reached only {reached[gauge]}, not {least}")
    text = ", ".join(f"{what} {count:,}" for what, count in reached.items())
    peak = f"; at most {memory[0] / 2**20:.0f} MiB" if memory else ""
    return f"  {name}, {MEMORY[name]} MiB: {text}; rejected {rejected}{peak}; OOM killer: none", problems


def engine_name():
    """The engine, or None and why there is none."""
    found = subprocess.run([ROOT / "scripts/engine.sh"], capture_output=True, text=True)
    if found.returncode:
        return None, found.stderr.strip().splitlines()[-1]
    engine = found.stdout.strip()
    for name in MEMORY:
        if subprocess.run([engine, "image", "inspect", f"{name}:latest"], capture_output=True).returncode:
            return None, f"there is no image {name}: scripts/build-image.sh"
    return engine, ""


def run():
    title = "All limits at once in a container"
    engine, why = engine_name()
    if not engine:
        return f"{title}: skipped: {why}", []
    upstreams = Process(servers)
    try:
        ports, _ = upstreams.answer()
        envs = {"python-backend": {"UPSTREAM_URL": f"http://127.0.0.1:{ports[0]}/v1", "IDLE_TIMEOUT": "10min"},
                "nodejs-backend": {"DEV_SIGN_IN": "yes", "AUTH_URL": "http://127.0.0.1:7861", "IDLE_TIMEOUT": "10min"}}
        done = [one(engine, name, envs[name]) for name in MEMORY]
    finally:
        upstreams.end()
    return "\n".join([title, *(text for text, _ in done)]), [problem for _, problems in done for problem in problems]
