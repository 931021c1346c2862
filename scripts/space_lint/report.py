"""Prints the findings: for people, as JSON, or as annotations of a GitHub workflow."""

import json
import os

from .finding import LEVELS


def counts(found):
    return {level: sum(finding.rule.level == level for finding in found) for level in LEVELS}


def summary(folder, found):
    number = counts(found)
    return f"lint: {folder}: {number['error']} errors, {number['warning']} warnings, {number['advice']} pieces of advice"


def text(folder, found, advice):
    """Errors come first. Advice is one line, unless all of it was requested."""
    lines = [str(finding) for level in LEVELS for finding in found if finding.rule.level == level and (level != "advice" or advice)]
    names = dict.fromkeys(finding.name for finding in found if finding.rule.level == "advice")
    if names and not advice:
        lines.append(f"advice: {' '.join(names)} (--advice explains it)")
    return "\n".join([*lines, summary(folder, found)])


def as_json(folder, found):
    number = counts(found)
    rows = [{"file": it.file, "line": it.line or None, "level": it.rule.level, "rule": it.name, "found": it.found, "reason": it.rule.reason, "fix": it.rule.fix} for it in found]
    return json.dumps({"folder": folder, "errors": number["error"], "warnings": number["warning"], "advice": number["advice"], "findings": rows}, ensure_ascii=False, indent=2)


def escaped(value, also=""):
    for char in "%\r\n" + also:
        value = value.replace(char, f"%{ord(char):02X}")
    return value


def github(folder, found, advice):
    """Workflow commands, which GitHub shows at the line of a change."""
    lines = []
    for finding in found:
        if finding.rule.level == "advice" and not advice:
            continue
        kind = {"error": "error", "warning": "warning", "advice": "notice"}[finding.rule.level]
        place = f"file={escaped(os.path.normpath(os.path.join(folder, finding.file)), ',:')}," if "://" not in finding.file else ""
        line = f"line={finding.line}," if finding.line else ""
        lines.append(f"::{kind} {place}{line}title={escaped('Space: ' + finding.name, ',:')}::{escaped(finding.message())}")
    return "\n".join([*lines, summary(folder, found)])
