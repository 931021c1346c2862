"""A Rule, and a Finding: one place that breaks it."""

from typing import NamedTuple


class Rule(NamedTuple):
    level: str  # "error" fails the run, "note" does not
    reason: str  # why the rule exists, or what happens without it
    fix: str  # what to do, as an imperative


class Finding(NamedTuple):
    file: str
    line: int  # 0: the whole file
    name: str  # the rule's name
    rule: Rule
    found: str

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.rule.level} {self.name}: {self.found}: {self.rule.reason}. {self.rule.fix}."
