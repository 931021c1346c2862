"""The parameters and the results of one run."""

import sys

from .errors import MeasurementError
from .generators import Steady


class Run:
    """Parameters from the command line, and the rows, figures and skipped measurements found so far."""

    def __init__(self, options):
        self.quick = quick = options.quick
        self.connections = [1, 64] if quick else [1, 16, 64, 256, 1000]
        self.seconds = options.seconds or (1 if quick else 5)
        self.rounds = options.rounds or (1 if quick else 3)
        self.rate = options.rate or (200 if quick else 2000)
        self.settle = 1 if quick else 2 # seconds within which a server returns freed memory
        self.idle = [0, 100, 1000] if quick else [0, 100, 1000, 10_000]
        self.streams, self.stream_seconds = (200, 2) if quick else (1000, 10)
        self.endurance = (1000, 20_000) if quick else (10_000, 1_000_000)
        self.rows, self.figures, self.skipped = [], [], {}
        self.steady = Steady(options.steady)
        self.subjects = self.upstream = None

    def row(self, part, **row):
        self.rows.append({"part": part, **row})

    def figure(self, figure, server, value):
        self.figures.append({"figure": figure, "server": server, "value": value})

    def attempt(self, name, what, measure):
        """Returns the result, or None and notes the reason, so that one failure does not end the run."""
        self.progress(f"{what}: {name}")
        try:
            return measure()
        except MeasurementError as error:
            self.skipped[f"{name}, {what}"] = str(error)

    def progress(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
