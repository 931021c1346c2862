"""The servers to measure: both backends, other builds of them, and the peers from scripts/peers.sh."""

import contextlib
import subprocess
from pathlib import Path

from . import sign_in
from .errors import MeasurementError
from .server import Server

ROOT = Path(__file__).resolve().parents[2]
# The targets that each server supports; a peer that is not listed supports only /health.
SUPPORTED = {"python-backend": {"health", "chat", "proxy"}, "nodejs-backend": {"health", "session", "token"},
        "fastapi": {"health", "chat", "proxy"}, "better-auth": {"session", "token"}, "nginx": {"health", "proxy"}}
PEERS = ["nginx", "fastapi", "better-auth", "go", "axum", "node-http"]
UPSTREAM = "upstream alone"


def service(name):
    """The service that a build belongs to: python-backend for `python-backend.old`."""
    return name.split(".", 1)[0]


class Subjects:
    """The commands of all servers. A peer that cannot be prepared is skipped with its reason."""

    def __init__(self, builds, peers, upstream):
        self.commands = {name: [str(file)] for name, file in builds.items()}
        self.upstream, self.skipped = upstream, {}
        for peer in peers:
            ran = subprocess.run([ROOT / "scripts/peers.sh", peer], capture_output=True, text=True)
            if ran.returncode:
                self.skipped[peer] = (ran.stderr.strip().splitlines() or ["scripts/peers.sh failed"])[-1]
                continue
            self.commands[peer] = ran.stdout.strip().splitlines()[-1].split("\t")[1]

    def supporting(self, target):
        return [name for name in self.commands if target in SUPPORTED.get(service(name), {"health"})]

    def env(self, name):
        # One address may have half of the connections, and all of the load comes from one.
        common = {"LOG_LEVEL": "error", "MAX_CONNECTIONS": "32768"}
        gateway = {**common, "UPSTREAM_URL": f"http://{self.upstream}/v1"}
        auth = {**common, "DEV_SIGN_IN": "yes", "SIGN_IN_RATE": "1000000/s", "AUTH_URL": "http://127.0.0.1:{port}"}
        return {"python-backend": gateway, "fastapi": gateway, "nodejs-backend": auth,
                "nginx": {"UPSTREAM": self.upstream}}.get(service(name), {})

    @contextlib.contextmanager
    def running(self, names, more=None):
        """Runs all of them at once, because an idle server takes no CPU time from the others. `more` are further variables."""
        with contextlib.ExitStack() as stack:
            servers = []
            for name in names:
                try:
                    env = self.env(name) | (more or {})
                    if service(name) == "better-auth":
                        provider = stack.enter_context(sign_in.Provider())
                        env = {"AUTH_URL": "http://127.0.0.1:{port}", "OAUTH_CLIENT_ID": "client", "OAUTH_CLIENT_SECRET": "secret",
                               "OPENID_PROVIDER_URL": provider.issuer}
                    server = Server(name, self.commands[name], env)
                except (MeasurementError, OSError) as error:
                    self.skipped[name] = str(error)
                    continue
                stack.callback(server.stop)
                servers.append(server)
            yield servers
