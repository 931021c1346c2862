"""A server process: started on its own CPU, measured through /proc, and stopped by its process id."""

import os
import shlex
import socket
import subprocess
import tempfile
import time

from .errors import MeasurementError

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """`command` is a list of words, or a line in the format of scripts/peers.sh. In it and in the values
    of `env`, {port} is replaced by the free port that the server also gets as PORT."""

    def __init__(self, name, command, env, cpu=0, wait=30):
        self.name, self.output = name, tempfile.TemporaryFile()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "HOST": "127.0.0.1", "PORT": str(self.port)}
        env = own | {name: value.format(port=self.port) for name, value in env.items()}
        words = [word.format(port=self.port) for word in (shlex.split(command) if isinstance(command, str) else command)]
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *words], env=env, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, start_new_session=True) # so that Ctrl-C does not reach it
        self.wait(time.monotonic() + wait)

    def wait(self, deadline):
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise MeasurementError(f"{self.name} does not listen ({error}): {self.last_output()}") from None
            time.sleep(0.02)

    def last_output(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace").strip()[-400:]

    def pids(self):
        """The process and all its descendants, because nginx serves from a child."""
        found = [self.process.pid]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                found += [int(child) for child in children.read().split()]
        return found

    def pss(self):
        """Proportional set size in bytes, summed over all processes."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) * 1024
        return total

    def cpu(self):
        """CPU time so far, in seconds."""
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

