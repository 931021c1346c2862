"""The services under test: three replicas of the gateway behind nginx, a gateway and a sign-in service that are called directly."""

import contextlib
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import test_crash  # noqa: E402

from .provider import CLIENT_ID, CLIENT_SECRET  # noqa: E402

GOOD_KEYS = [f"good-{number}-0123456789abcdef" for number in range(20)]
BAD_KEYS = [f"evil-{number}-0123456789abcdef" for number in range(80)]
KEYS = ",".join(f"{key.rsplit('-', 1)[0]}:{key}" for key in GOOD_KEYS + BAD_KEYS)
HEADER_TIMEOUT, IDLE_TIMEOUT, REQUEST_TIMEOUT, DRAIN_TIMEOUT, FAILOVER_TIMEOUT = 2, 5, 10, 4, 20 # the last one: a busy machine is no failing upstream
MAX_BODY, MAX_CONNECTIONS, RATE, SLOTS, QUEUE = 2 << 20, 600, 40, 200, 100
COMMON = {"HEADER_TIMEOUT": f"{HEADER_TIMEOUT}s", "IDLE_TIMEOUT": f"{IDLE_TIMEOUT}s", "DRAIN_TIMEOUT": f"{DRAIN_TIMEOUT}s"}
GATEWAY = {**COMMON, "MAX_BODY_BYTES": str(MAX_BODY), "BODY_MEMORY": "16MiB",
           "FAILOVER_TIMEOUT": f"{FAILOVER_TIMEOUT}s", "HEARTBEAT": "2s",
           "MAX_CONCURRENT": str(SLOTS), "QUEUE_LENGTH": str(QUEUE)}
DIRECT = {"TRUSTED_PROXY_HOPS": "0", "MAX_CONNECTIONS": str(MAX_CONNECTIONS)}


def memory(pid):
    """Descriptors, Pss and private dirty memory of a process, in bytes."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        rollup = file.read()
    pss, dirty = (int(re.search(rf"^{name}:\s+(\d+) kB", rollup, re.M)[1]) * 1024 for name in ("Pss", "Private_Dirty"))
    return len(os.listdir(f"/proc/{pid}/fd")), pss, dirty


def sockets(table, inode, is_wanted=lambda row: True):
    """The inodes in a table of /proc/net."""
    with open(f"/proc/net/{table}", encoding="ascii") as file:
        return {row[inode] for row in map(str.split, file.readlines()[1:]) if is_wanted(row)}


def descriptors(pid):
    """The descriptors of a process that are no TCP connections, and those that are. Both are from one listing, because
    connections come and go meanwhile."""
    folder, others, inodes = f"/proc/{pid}/fd", 0, set()
    for descriptor in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError): # closed meanwhile
            kind, _, inode = os.readlink(f"{folder}/{descriptor}").partition(":[")
            if kind == "socket":
                inodes.add(inode.rstrip("]"))
            else:
                others += 1
    fixed = inodes & (sockets("tcp", 9, lambda row: row[3] == "0A") | sockets("unix", 6)) # listeners
    return others + len(fixed), len(inodes) - len(fixed)


class Service(test_crash.Service):
    """A process of a service, its place in the set-up, and what is known of its memory."""

    def __init__(self, place, name, env, port=0):
        self.place, self.env, self.injected = place, env, 0
        super().__init__(name, env, port=port)

    def crash(self, number):
        self.injected += 1
        super().crash(number)

    def memory(self):
        return memory(self.process.pid)

    def kept(self):
        """Descriptors beside connections, connections, and private dirty memory in bytes."""
        return (*descriptors(self.process.pid), self.memory()[2])

    def again(self):
        """Ends it in order, and starts another process at its port."""
        self.process.terminate()
        status = self.process.wait(test_crash.PATIENCE)
        return status, Service(self.place, self.name, self.env, self.port)


class Services(contextlib.ExitStack):
    def __init__(self, upstreams, issuer):
        super().__init__()
        self.work = self.enter_context(tempfile.TemporaryDirectory())
        gateway = {**GATEWAY, "UPSTREAM_URL": ",".join(f"http://127.0.0.1:{port}/v1" for port in upstreams)}
        self.replicas = [self.begin(f"replica {number}", "python-backend", {**gateway, "ALLOWED_HOSTS": "*"}) for number in (1, 2, 3)]
        self.nginx = test_crash.replicas.Nginx(self.work, self.replicas, 8192)
        self.callback(self.nginx.stop)
        self.direct = self.begin("gateway", "python-backend", {**gateway, **DIRECT, "API_KEYS": KEYS, "RATE_LIMIT": f"{RATE}/s"})
        port = test_crash.replicas.free_port()
        self.sign_in = self.begin("sign-in", "nodejs-backend", {
            **COMMON, **DIRECT, "REQUEST_TIMEOUT": f"{REQUEST_TIMEOUT}s", "DEV_SIGN_IN": "no", "AUTH_URL": f"http://127.0.0.1:{port}",
            "OPENID_PROVIDER_URL": issuer, "OAUTH_CLIENT_ID": CLIENT_ID, "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            "SIGN_IN_RATE": "60/min"}, port)

    def begin(self, *words):
        service = Service(*words)
        self.callback(lambda: self.end(service.place))
        return service

    def end(self, place):
        for service in self.all():
            if service.place == place:
                service.process.kill()
                service.process.wait()

    def all(self):
        return [it for it in (*self.__dict__.get("replicas", []), self.__dict__.get("direct"), self.__dict__.get("sign_in")) if it]

    def ports(self):
        return {"nginx": self.nginx.port, "gateway": self.direct.port, "sign-in": self.sign_in.port}
