"""What the linter says: one Finding for each place that breaks a Rule."""

from typing import NamedTuple


class Rule(NamedTuple):
    level: str  # "error" fails the run; "note" is worth knowing
    accepted: str
    reason: str


class Finding(NamedTuple):
    file: str
    line: int  # 0: the whole file
    name: str  # the rule's
    rule: Rule
    found: str

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.rule.level} {self.name}: found {self.found}; accepted: {self.rule.accepted} ({self.rule.reason})"
