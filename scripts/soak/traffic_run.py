"""One run: good traffic alone, then with the attack, then alone again; and its verdict."""

import contextlib
import sys
import time

from . import report, verdict
from .faults import Faults
from .services import IDLE_TIMEOUT, Services
from .traffic.process import Process, callers, servers

# Bytes of private memory that a process may keep: of 1,000 streams the heap keeps up to 3.0 MB (allocator.md).
GROWTH = 4 << 20
SETTLE = 90        # seconds without traffic within which kept connections to upstreams (60 s, looked at every 15 s) end


class Run:
    def __init__(self, seconds):
        self.began, self.samples, self.phase, self.faults = time.monotonic(), [], "", None
        self.seconds = seconds
        self.quiet = max(20, seconds * 0.1)

    def held(self):
        return {service.place: service.memory() for service in self.services.all()}

    def kept(self):
        return {service.place: service.kept() for service in self.services.all()}

    def pass_time(self, seconds):
        """Samples the memory until so many seconds have passed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.faults and self.faults.error:
                raise self.faults.error
            with contextlib.suppress(OSError, TypeError): # a process that is being replaced
                self.samples.append((time.monotonic() - self.began, self.phase, self.held()))
            time.sleep(min(5, left))

    def enter(self, phase):
        self.phase = phase
        if sys.stderr.isatty():
            print(f"\r\033[K{phase}", end="", file=sys.stderr, flush=True)

    def run(self):
        with contextlib.ExitStack() as stack:
            self.upstreams = Process(servers)
            stack.callback(self.upstreams.end)
            ports, issuer = self.upstreams.answer()
            self.services = stack.enter_context(Services(ports, issuer))
            good = Process(callers, "good", self.services.ports())
            stack.callback(good.end)
            self.enter("warm-up")
            good.ask("warm-up")
            self.pass_time(10)
            self.enter("quiet")
            good.ask("quiet")
            self.pass_time(self.quiet)
            before = self.kept()
            self.enter("attack")
            good.ask("attack")
            self.upstreams.ask(5)
            hostile = Process(callers, "hostile", self.services.ports())
            stack.callback(hostile.end)
            attack = self.seconds - 2 * self.quiet
            faults = self.faults = Faults(self.services, max(4, min(10, attack / 40)))
            faults.start()
            self.pass_time(attack * 0.7)
            faults.stop() # so that memory which the last part of the attack keeps is not lost by a restart
            self.pass_time(attack * 0.3)
            bad = hostile.ask("stop")
            self.upstreams.ask(0)
            self.enter("after")
            good.ask("after")
            self.pass_time(self.quiet)
            good = good.ask("stop")
            self.enter("no traffic")
            grown = self.settle(before)
            counts = self.upstreams.ask("counts")
            problems = self.judge(good, bad, faults, counts) + grown
            return self.text(good, bad, faults, counts), problems

    def settle(self, before):
        """Waits until everything is back where it was."""
        deadline = time.monotonic() + SETTLE
        while True:
            self.pass_time(IDLE_TIMEOUT)
            grown = verdict.memory(before, self.kept(), GROWTH)
            if not grown or time.monotonic() > deadline:
                return grown

    def judge(self, good, bad, faults, counts):
        self.lost, unexplained = verdict.split(good["failures"], faults.done)
        self.lost_bad, unexpected = verdict.split(bad["failures"], faults.done, of_good=False)
        tell = lambda it: f"{it['kind']} at {it['begun'] - self.began:.1f} s, {it['ended'] - it['begun']:.1f} s long: {it['reason']} {it['replicas']}"
        problems = [f"good request failed: {tell(it)}" for it in unexplained[:20]]
        problems += [f"… and {len(unexplained) - 20} more good requests"] if len(unexplained) > 20 else []
        problems += [f"bad caller: {tell(it)}" for it in unexpected[:20]]
        problems += [f"… and {len(unexpected) - 20} more of bad callers"] if len(unexpected) > 20 else []
        problems += [f"not reached: {what}: {outcome}" for what, outcome in verdict.uncovered(bad["counts"], verdict.NEEDED)]
        problems += [f"a bug of the test: {each}" for each in good["bugs"] + bad["bugs"]]
        if counts.get("open"):
            problems.append(f"{counts['open']} requests are still open at the upstreams")
        for service in self.services.all():
            if service.restarts != service.injected:
                problems.append(f"{service.place}: {service.injected} crashes were injected, {service.restarts} happened")
            problems += [f"{service.place}: {error}" for error in service.errors[:3]]
        return problems

    def text(self, good, bad, faults, counts):
        kinds = {}
        for fault in faults.done:
            kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
        return "\n\n".join([
            report.counted("Good requests that were answered", good["counts"]),
            report.counted("Faults", kinds),
            report.counted("Good requests in progress in a process that crashed", self.lost),
            report.latencies(good["seconds"]), report.outcomes(bad["counts"]),
            report.counted("Bad callers' requests that a crash or a restart ended", self.lost_bad),
            report.counted("Upstreams and provider", counts), report.memory(self.samples)])


def run(seconds):
    return Run(seconds).run()
