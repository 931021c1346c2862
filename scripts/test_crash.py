"""Crashes the services under load. scripts/test-crash.sh describes it and calls it."""

import atexit
import collections
import contextlib
import http.client
import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("replicas", os.path.join(HERE, "test-replicas.py"))
replicas = importlib.util.module_from_spec(spec)
spec.loader.exec_module(replicas)

PATIENCE = 60  # seconds to wait for an event before the test fails
SIGNALS = [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT]
OFTEN = {"CRASH_BURST": "1000000/60s"}


class Service:
    """A process of a backend, and the number of its restarts that it has logged."""

    def __init__(self, name, env=None, command=None, port=0):
        self.name, self.restarts, self.errors, self.logged = name, -1, [], threading.Condition()
        self.process = subprocess.Popen(command or [os.path.join(replicas.ROOT, "dist", name)], stderr=subprocess.PIPE,
                                        text=True, env={**replicas.COMMON, **replicas.ENV.get(name, {}), **(env or {}), "PORT": str(port)})
        atexit.register(self.process.kill) # also if the test fails
        threading.Thread(target=self.read, daemon=True).start()
        self.after(0)

    def read(self):
        with self.process.stderr as log:
            for line in log:
                if '"message":"listening"' in line:
                    record = json.loads(line)
                    with self.logged:
                        self.port, self.restarts = int(record["address"].rpartition(":")[2]), record["restarts"]
                        self.logged.notify_all()
                elif '"level":"error"' in line and all(f'"message":"{one}"' not in line for one in ("crashed", "request")):
                    self.errors.append(line.strip())

    def after(self, restarts):
        """Waits until the process listens after so many restarts."""
        with self.logged:
            assert self.logged.wait_for(lambda: self.restarts >= restarts or self.process.poll() is not None, PATIENCE) \
                and self.process.poll() is None, f"{self.name}: status {self.process.poll()} after {self.restarts} restarts"

    def crash(self, number):
        """Sends a signal, and waits until the process has restarted."""
        next_one = self.restarts + 1 # read before the signal: the process may have restarted when it has been sent
        self.process.send_signal(number)
        self.after(next_one)

    def health(self):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/health")
            return json.loads(connection.getresponse().read())

    def held(self):
        """Descriptors, and bytes of memory that this process has written. What it reads of its file varies with the load."""
        folder = f"/proc/{self.process.pid}"
        rollup = open(f"{folder}/smaps_rollup", encoding="ascii").read()
        written = sum(int(kilobytes) for kilobytes in re.findall(r"^Private_Dirty:\s+(\d+) kB", rollup, re.M))
        return len(os.listdir(f"{folder}/fd")), written * 1024

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, f"{self.name}: it did not end in order"


class Load(replicas.Workers):
    """Requests until they are stopped, and what became of them."""

    def __init__(self, port, request, kinds):
        super().__init__()
        self.port, self.request = port, request
        self.answered, self.lost, self.refused, self.damaged = collections.Counter(), collections.Counter(), [], []
        self.start(enumerate(kinds))

    def work(self, number, kind):
        connection, used, turn = None, 0, number
        while not self.stopped:
            turn += 1
            method, path, body, headers, check = self.request(kind, turn)
            group = "in progress"
            try:
                if not connection:
                    connection, used = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE), 0
                    connection.connect()
                connection.request(method, path, body, {**headers, **({"connection": "close"} if kind == "fresh" else {})})
                # Whether the process had this request before it crashed cannot be seen from outside.
                group = "on a kept-alive connection" if used else "in progress"
                response = connection.getresponse()
                group = "in progress"
                content = response.read()
                replica = int(re.findall(r":(\d+)", response.headers["x-replica"] or f":{self.port}")[-1])
                used += 1
                if response.status == 502:
                    # Every replica failed, or the request must not be sent twice.
                    raise ConnectionResetError(f"502 after {response.headers['x-replica']}")
                if response.status == 200 and not check(content):
                    self.note(lambda: self.damaged.append((kind, method, path, content[-80:])))
                elif response.status != 500: # the prepared response to a request that crashed
                    self.note(lambda: self.answered.update([replica]))
            except ConnectionRefusedError as error:
                self.note(lambda: self.refused.append((kind, method, path, str(error))))
                connection = None
            except (OSError, http.client.HTTPException) as error:
                reason = f"{type(error).__name__} {error}"
                self.note(lambda: self.lost.update([(group, kind, method, reason)]))
                connection.close()
                connection = None
            if kind == "fresh" and connection:
                connection.close()
                connection = None

    def served_by(self, port):
        """Waits for two responses from the process at this port."""
        with self.changed:
            enough = self.answered[port] + 2
            assert self.changed.wait_for(lambda: self.answered[port] >= enough, PATIENCE), f"no response from {port}; lost: {self.lost}"


def requests(name, port):
    """The load of a backend."""
    make = (replicas.chats if name == "python-backend" else replicas.sessions)(port)

    def request(kind, turn):
        if kind == "head":
            return "HEAD", "/health", None, {}, lambda content: content == b""
        return make(kind, turn)
    return request


def kinds(name):
    return ["kept"] * 4 + ["fresh"] * 3 + ["head"] + (["stream"] * 4 if name == "python-backend" else [])


def inject(services, load, faults):
    """Crashes the services in turn, each as soon as the one before serves again."""
    for number, which in zip(range(faults), itertools.cycle(SIGNALS)):
        service = services[number % len(services)]
        service.crash(which)
        load.served_by(service.port)


def report(name, how, faults, load, started):
    count = lambda group: sum(times for (at, *_), times in load.lost.items() if at == group)
    print(f"{name}, {how}: {faults} faults in {time.monotonic() - started:.1f} s, {sum(load.answered.values())} responses, "
          f"0 connections refused; lost {count('in progress')} requests in progress and "
          f"{count('on a kept-alive connection')} on kept-alive connections", flush=True)


def direct(name, faults):
    """The service without a proxy."""
    service, started = Service(name, OFTEN), time.monotonic()
    pid = service.process.pid
    service.health()
    service.crash(signal.SIGSEGV)
    service.health()
    before = service.held()
    load = Load(service.port, requests(name, service.port), kinds(name))
    try:
        inject([service], load, faults - 2)
    finally:
        load.stop()
    service.crash(signal.SIGSEGV) # so that its connections are closed
    health = service.health()
    most = before[0] + (name == "nodejs-backend") # the file of its used login states
    deadline = time.monotonic() + PATIENCE
    while (after := service.held())[0] > most and time.monotonic() < deadline:
        time.sleep(0.01) # the connection of health() is being closed
    assert health["restarts"]["count"] == faults and service.process.pid == pid, health
    assert not load.refused, f"refused: {load.refused[:3]}"
    assert not load.damaged, f"truncated, but complete for the client: {load.damaged[:3]}"
    assert after[0] <= most, f"descriptors: {before[0]} before, {after[0]} after"
    assert after[1] <= before[1] + 100_000, f"bytes of memory: {before[1]} before, {after[1]} after"
    report(name, "direct", faults, load, started)
    service.stop()


def behind_nginx(name, faults):
    """Three replicas behind nginx, which crash in turn."""
    services, load, nginx, started = [Service(name, OFTEN) for _ in range(3)], None, None, time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        try:
            nginx = replicas.Nginx(work, services)
            for service in services:
                service.health()
            load = Load(nginx.port, requests(name, nginx.port), kinds(name))
            inject(services, load, faults)
        finally:
            if load:
                load.stop()
            if nginx:
                nginx.stop()
            for service in services:
                service.process.kill()
    lost = {key: times for key, times in load.lost.items() if key[2] in ("GET", "HEAD")}
    assert not lost, f"lost behind nginx: {lost}"
    assert not load.refused and not load.damaged, (load.refused[:3], load.damaged[:3])
    report(name, "behind nginx", faults, load, started)


def delays():
    """With the default CRASH_BURST, the fourth crash in a minute waits 10 ms, and each further one twice as long."""
    service, waited = Service("python-backend"), []
    service.health()
    for number in range(11):
        begun = time.monotonic()
        service.process.send_signal(SIGNALS[number % len(SIGNALS)])
        service.health() # its connection waits in the backlog
        waited.append((time.monotonic() - begun) * 1000)
        service.after(number + 1)
    service.stop()
    for number, least in enumerate([0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280]):
        assert waited[number] >= least, f"crash {number + 1} was followed by a response after {waited[number]:.1f} ms: {waited}"
    print("CRASH_BURST=3/60s, from fault to the next response:", ", ".join(f"{each:.1f}" for each in waited), "ms", flush=True)


def one_caller():
    """One caller crashes the service every second. At least 90 % of the other callers' short requests are answered."""
    service, stop, results = Service("probe"), threading.Event(), collections.Counter()

    def ask(path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()

    def others():
        while not stop.is_set():
            try:
                ask("/hello")
                results["answered"] += 1
            except (OSError, http.client.HTTPException):
                results["lost"] += 1
            stop.wait(0.02)

    service.health()
    workers = [threading.Thread(target=others) for _ in range(8)]
    for worker in workers:
        worker.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask("/crash/overflow")
        stop.wait(1)
    stop.set()
    for worker in workers:
        worker.join()
    restarts = service.health()["restarts"]["count"]
    service.stop()
    share = results["answered"] / sum(results.values())
    assert share >= 0.9, f"{results}"
    print(f"one caller crashed the kit's example {restarts} times; of {sum(results.values())} short requests of others, "
          f"{share:.2%} were answered", flush=True)


def without_proc():
    """In a root directory with only the binary, and so without /proc, the process restarts by the path of its start."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(replicas.ROOT, "dist/python-backend"), folder)
        own = [] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user"]
        service = Service("python-backend", OFTEN, [*own, "/usr/sbin/chroot", folder, "/python-backend"])
        service.health()
        for number in SIGNALS:
            service.crash(number)
            count = service.health()["restarts"]["count"]
        service.stop()
    print(f"without /proc: {count} restarts", flush=True)


SECONDS = 20
if __name__ == "__main__":
    total = int(sys.argv[2]) if sys.argv[1:2] == ["--faults"] else 1000
    for each in "python-backend", "nodejs-backend":
        direct(each, total // 4)
        behind_nginx(each, total // 4)
    without_proc()
    delays()
    one_caller()
