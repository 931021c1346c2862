"""A server under load: started on a core of its own, watched through /proc, ended by its own process id."""

import os
import shlex
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """Runs on CPU 0. `command` is a list of words, or a line as scripts/peers.sh prints it.
    In it and in the values of `env`, {port} stands for the free port that it gets as PORT."""

    def __init__(self, name, command, env, cpu=0, wait=30):
        self.name, self.said = name, tempfile.TemporaryFile()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "HOST": "127.0.0.1", "PORT": str(self.port)}
        env = own | {name: value.format(port=self.port) for name, value in env.items()}
        words = [word.format(port=self.port) for word in (shlex.split(command) if isinstance(command, str) else command)]
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *words], env=env, stdin=subprocess.DEVNULL,
                                        stdout=self.said, stderr=self.said, start_new_session=True) # Ctrl-C is not for it
        self.wait(time.monotonic() + wait)

    def wait(self, deadline):
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Missing(f"{self.name} does not listen ({error}): {self.words()}") from None
            time.sleep(0.02)

    def words(self):
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip()[-400:]

    def pids(self):
        """The process and all below it: nginx works in a child."""
        found = [self.process.pid]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                found += [int(child) for child in children.read().split()]
        return found

    def pss(self):
        """Bytes."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) * 1024
        return total

    def cpu(self):
        """Processor time until now, in seconds."""
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as stat:
                ticks += sum(int(field) for field in stat.read().rpartition(") ")[2].split()[11:13])
        return ticks / TICKS

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Missing(Exception):
    """A figure that cannot be taken here, and why."""
