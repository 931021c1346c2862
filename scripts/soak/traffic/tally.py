"""What a traffic process counts, and sends to the main process."""

import collections
import time


class Tally:
    def __init__(self):
        self.phase, self.counts, self.seconds, self.failures, self.longest = "quiet", collections.Counter(), {}, [], 0

    def took(self, kind, begun):
        """A request that ended as it should."""
        seconds = time.monotonic() - begun
        self.counts[kind] += 1
        self.seconds.setdefault((kind, self.phase), []).append(seconds)

    def failed(self, kind, target, method, begun, opened, reason, replicas=""):
        """A request that did not. Main knows which crashes happened meanwhile."""
        self.failures.append({"kind": kind, "target": target, "method": method, "begun": begun, "ended": time.monotonic(),
                              "opened": opened, "reason": reason, "replicas": replicas})

    def result(self):
        return {"counts": dict(self.counts), "seconds": self.seconds, "failures": self.failures}
