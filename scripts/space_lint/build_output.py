"""Reads the output of a failed build: which instruction failed, and what it printed last."""

import re

from . import instructions

HEADER = re.compile(r"^#(\d+) \[(?:[^\]]* )?\d+/\d+\] (.*)", re.M)  # BuildKit's
INTERNAL = re.compile(r"^#(\d+) (\[internal\] .*)", re.M)
STEP = re.compile(r"^step \d+(?:/\d+)? ?: (.*)", re.M | re.I)  # that of podman, and of docker's former builder
NOISE = re.compile(r"\[notice\]|WARNING: Running pip as|npm notice|-{3,}$|sha256:\w+$|CACHED$|DONE ")


def last_lines(lines, number=6):
    kept = [line.strip()[:200] for line in lines if line.strip() and not NOISE.match(line.strip())]
    return " / ".join(kept[-number:])


def failure(output, dockerfile):
    """Returns the line in the Dockerfile, 0 if it is not known, and what to say of the failure."""
    steps = instructions.steps(dockerfile)
    if failed := re.findall(r"^#(\d+) ERROR: (.*)", output, re.M):
        number, error = failed[-1]
        names = [text for pattern in (HEADER, INTERNAL) for at, text in pattern.findall(output) if at == number]
        name = names[0] if names else ""
        lines = [line for line in re.findall(rf"^#{number} (.*)", output, re.M) if not line.startswith(("ERROR: ", "["))]
        printed = last_lines(re.sub(r"^\d+\.\d+ ", "", line) for line in lines)
        status = re.search(r"exit code: \d+$", error)
        return line_of(name, steps, output), sentence(name, f"{status[0]}: {printed or 'no output'}" if status else error[:400])
    if started := list(STEP.finditer(output)):
        name = started[-1][1]
        printed = [line for line in output[started[-1].end():].split("\n") if not re.match(r"\s*--->|Removing intermediate", line)]
        return line_of(name, steps, output), sentence(name, last_lines(printed) or "no output")
    return 0, sentence("", last_lines(output.split("\n")) or "no output")


def sentence(name, text):
    return "the build failed" + (f" at {name[:60] + '…' * (len(name) > 60)}" if name else "") + f": {text}"


def line_of(name, steps, output):
    """Returns the line of the instruction with this text."""
    def plain(text):
        return re.sub(r"\s+", "", text).lower()
    same = [step.line for step in steps if name and plain(step.word + step.rest) == plain(name)]
    if not same and (match := re.search(r"^Dockerfile:(\d+)$", output, re.M)):
        return int(match[1])
    if not same:  # an instruction with variables, which the output has with their values
        same = [step.line for step in steps if name and "$" in step.rest and plain(step.word + step.rest.partition("$")[0]) == plain(name)[:len(plain(step.word + step.rest.partition("$")[0]))]]
    return same[0] if same else 0
