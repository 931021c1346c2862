"""Who is measured: both backends, other builds of them, and the peers that scripts/peers.sh makes."""

import contextlib
import subprocess
from pathlib import Path

from . import sign_in
from .server import Missing, Server

ROOT = Path(__file__).resolve().parents[2]
# What each one is asked for; a peer that is not here is asked for /health alone.
DOES = {"python-backend": {"health", "chat", "proxy"}, "nodejs-backend": {"health", "session", "token"},
        "fastapi": {"health", "chat", "proxy"}, "better-auth": {"session", "token"}, "nginx": {"health", "proxy"}}
PEERS = ["nginx", "fastapi", "better-auth", "go", "axum", "node-http"]


def kind(name):
    """`python-backend.old` is another build of python-backend."""
    return name.split(".", 1)[0]


class Contenders:
    """Starts those who can do what is to be measured. A peer that cannot be made is skipped, and why is kept."""

    def __init__(self, builds, peers, upstream):
        self.commands = {name: [str(file)] for name, file in builds.items()}
        self.upstream, self.skipped = upstream, {}
        for peer in peers:
            ran = subprocess.run([ROOT / "scripts/peers.sh", peer], capture_output=True, text=True) if (
                ROOT / "scripts/peers.sh").exists() else None
            if ran is None or ran.returncode:
                self.skipped[peer] = (ran.stderr.strip().splitlines() or ["it failed"])[-1] if ran else "scripts/peers.sh is not there"
                continue
            self.commands[peer] = ran.stdout.strip().splitlines()[-1].split("\t")[1]

    def able(self, *targets):
        return [name for name in self.commands if set(targets) & DOES.get(kind(name), {"health"})]

    def env(self, name):
        gateway = {"UPSTREAM_URL": f"http://{self.upstream}/v1", "LOG_LEVEL": "error"}
        auth = {"DEV_SIGN_IN": "yes", "LOG_LEVEL": "error", "SIGN_IN_RATE": "1000000/s", "AUTH_URL": "http://127.0.0.1:{port}"}
        return {"python-backend": gateway, "fastapi": gateway, "nodejs-backend": auth,
                "nginx": {"UPSTREAM": self.upstream}}.get(kind(name), {})

    @contextlib.contextmanager
    def running(self, names):
        """All of them at once: a server without work takes no processor time from the others."""
        with contextlib.ExitStack() as stack:
            servers = []
            for name in names:
                try:
                    env, wait = self.env(name), 30
                    if kind(name) == "better-auth":
                        provider = stack.enter_context(sign_in.Provider())
                        env = {"AUTH_URL": "http://127.0.0.1:{port}", "OAUTH_CLIENT_ID": "client", "OAUTH_CLIENT_SECRET": "secret",
                               "OPENID_PROVIDER_URL": provider.issuer}
                    server = Server(name, self.commands[name], env, wait=wait)
                except (Missing, OSError) as error:
                    self.skipped[name] = str(error)
                    continue
                stack.callback(server.stop)
                servers.append(server)
            yield servers
