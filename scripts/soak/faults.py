"""Crashes and restarts, one after another, each as soon as the service before serves again."""

import itertools
import signal
import threading
import time

SIGNALS = [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT]


class Fault:
    def __init__(self, kind, service):
        self.kind, self.target, self.port = kind, service.place, service.port
        self.begun, self.ended = time.monotonic(), None


class Faults:
    """In turn: a replica crashes, another one is restarted by TERM, the gateway crashes, the sign-in service crashes."""

    def __init__(self, services, pause):
        self.services, self.pause, self.done, self.error = services, pause, [], None
        self.stopped, self.thread = threading.Event(), threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.thread.join(120)
        if self.thread.is_alive():
            raise AssertionError("a service does not end or does not restart")
        if self.error:
            raise self.error

    def run(self):
        try:
            signals = itertools.cycle(SIGNALS)
            for turn in itertools.count():
                if self.stopped.wait(self.pause):
                    return
                at = turn // 4 % 3
                if turn % 4 == 1:
                    self.restart((at + 1) % 3)
                else:
                    self.crash([self.services.replicas[at], None, self.services.direct, self.services.sign_in][turn % 4], next(signals))
        except Exception as error: # the main thread raises it
            self.error = error

    def crash(self, service, number):
        fault, pid = Fault(f"crash by {number.name}", service), service.process.pid
        self.done.append(fault)
        service.crash(number)
        fault.ended = time.monotonic()
        assert service.process.pid == pid and service.process.poll() is None, f"{service.place}: another process after a crash"

    def restart(self, at):
        old = self.services.replicas[at]
        fault = Fault("restart by TERM", old)
        self.done.append(fault)
        status, self.services.replicas[at] = old.again()
        fault.ended = time.monotonic()
        assert status == 0, f"{old.place}: status {status} after TERM"
        assert not old.errors, f"{old.place}: {old.errors[:3]}"
