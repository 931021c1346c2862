"""A Rule, and a Finding: one place that breaks it."""

from typing import NamedTuple

# error: the Space does not start, the push is rejected, or a secret becomes public.
# warning: that is likely, but depends on what the folder does not show.
# advice: the Space starts; something else can be better.
LEVELS = ("error", "warning", "advice")


class Rule(NamedTuple):
    level: str  # one of LEVELS
    reason: str  # why the rule exists, or what happens without it
    fix: str  # what to do, as an imperative

    def likely(self):
        """Returns the same rule for places where the evidence is indirect."""
        return self._replace(level="warning") if self.level == "error" else self


class Finding(NamedTuple):
    file: str
    line: int  # 0: the whole file
    name: str  # the rule's name
    rule: Rule
    found: str

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.rule.level} {self.name}: {self.message()}"

    def message(self):
        return f"{self.found}: {self.rule.reason}. {self.rule.fix}."
