"""Rules for the shell scripts that a container starts."""

import os
import re
from typing import NamedTuple

from . import copies, instructions, repository, shell, start
from .finding import Finding, Rule

LINE_ENDS = Rule("error", "the kernel looks for an interpreter with a carriage return in its name, and the container ends with 'no such file or directory'",
                 r"Run sed -i 's/\r$//' on it, and add '*.sh text eol=lf' to .gitattributes")
SHELL_LINE_ENDS = Rule("warning", "the shell takes the carriage return as a part of each line's last word", LINE_ENDS.fix)
SHEBANG = Rule("error", "no shell runs, and the kernel cannot execute it: 'exec format error'", "Start the file with #!/bin/sh, or use [\"sh\", \"PATH\"]")
MODE = Rule("error", "the container ends with 'permission denied'", "Use COPY --chmod=755, RUN chmod +x, git update-index --chmod=+x, or [\"sh\", \"PATH\"]")
UPLOAD = Rule("warning", "'hf upload' sends no modes, so that the container ends with 'permission denied'", "Use COPY --chmod=755, RUN chmod +x, or [\"sh\", \"PATH\"]")
BACKGROUND = Rule("error", "the container ends when its first process does, and this one does not wait", "Start the last server in the foreground: exec, and no & behind it")

# Images without an ENTRYPOINT, which could start the command through a shell or wait for others.
PLAIN = re.compile(r"^(docker\.io/)?(library/)?(python|debian|ubuntu|alpine|golang|rust|ruby|busybox|buildpack-deps)(:|@|$)")
EXECUTABLE = re.compile(r"(?:-m)?\S*[+=]\w*[xX]\w*|(?:-m)?[0-7]*[1357][0-7]{0,2}")
LOOPS = re.compile(r"\b(wait|while|until|for|trap|function|tail|sleep|fg|exec\s+\"?\$)|\(\)")
QUICK = {"echo", "printf", ":", "true", "date", "disown"}


class Script(NamedTuple):
    path: str  # in the folder
    step: instructions.Step  # which copies it
    direct: bool  # the kernel starts it, and not a shell with its path as an argument
    kernel: bool  # the container's engine starts it, so that no shell can stand in for a missing interpreter
    last: bool  # nothing runs after it


def check(all_stages, last, folder, by_upload):
    entry, cmd = start.effective(last)
    words = start.command_line(last)
    if not words or not folder.root:
        return []
    at, found = ("Dockerfile", (cmd or entry).line), []
    sure = bool(entry or PLAIN.match(instructions.chain(all_stages)[0].base))
    background = BACKGROUND if sure else BACKGROUND.likely()
    text = start.shell_text(start.behind_wrappers(words, {})[0])
    if text is not None and (program := in_background(text)):
        found.append(Finding(*at, "background", background, f"{program} is started with &, and nothing after it stays"))
    for script in started(words, text, all_stages, folder):
        with open(os.path.join(folder.root, script.path), "rb") as file:
            content = file.read(1_000_000)
        found += file_rules(script, content, all_stages, folder, by_upload, sure)
        shell_script = script.path.endswith((".sh", ".bash")) or re.match(rb"#!.*sh\b", content)
        if script.last and shell_script and (program := in_background(content.decode("utf-8", "replace").replace("\r\n", "\n"))):
            found.append(Finding(script.path, 0, "background", background, f"{program} is started with &, and nothing after it stays"))
    return found


def started(words, text, all_stages, folder):
    """Yields each Script that the start command names."""
    lines = [(words, True)] if text is None else [(it.words, at == len(every) - 1 and it.end != "&") for every in [shell.commands(text, {})] for at, it in enumerate(every)]
    for line, stays in lines if text is None or not re.search(r"\[ -|\btest -", text) else ():  # a test can be for what the script lacks
        inner = start.behind_wrappers(line, {}, 1)[0]
        direct = bool(inner) and os.path.basename(inner[0]) not in start.SHELLS
        if not direct:
            inner = start.without_options(inner[1:], ())
        if not inner or shell.UNKNOWN in inner[0] or direct and "/" not in inner[0]:
            continue
        origin = copies.origin(inner[0], all_stages[-1], all_stages, folder.paths)
        at = os.path.join(folder.root, origin.path) if origin else ""
        if origin and os.path.isfile(at) and not os.path.islink(at) and (origin.path.endswith((".sh", ".bash")) or folder.read(origin.path)[:2] == "#!"):
            yield Script(origin.path, origin.step, direct, text is None and inner[0] == words[0], stays)
            if stays and re.search(r"^\s*exec \"\$@\"", folder.read(origin.path), re.M):
                lines.append((inner[1:], True))


def file_rules(script, content, all_stages, folder, by_upload, sure):
    found, runs = [], [step.rest + "\n" + step.body for stage in all_stages for step in stage.steps if step.word == "RUN"]
    def finding(line, name, rule, what):
        found.append(Finding(script.path, line, name, rule, what))
    first = content.partition(b"\n")[0]
    corrected = any(re.search(r"dos2unix|\\r|\\x0d|\\015", it) for it in runs) or not by_upload and b"\r\n" in content and repository.normalized(folder.root, script.path)
    if script.direct and first.startswith(b"#!") and first.endswith(b"\r"):
        if not corrected:
            finding(1, "line-ends", LINE_ENDS, "the line ends of Windows")
    elif b"\r\n" in content and not script.direct and not corrected:
        finding(0, "line-ends", SHELL_LINE_ENDS, "the line ends of Windows")
    without_chmod = [re.sub(r"\bchmod\b[^;&|\n]*", "", it) for it in runs]
    edited = any(os.path.basename(script.path) in it or re.search(r"\bsed\b", it) for it in without_chmod)
    if script.kernel and not first.startswith(b"#!") and b"\0" not in content and content.strip() and not edited:
        finding(1, "shebang", SHEBANG if sure else SHEBANG.likely(), "a byte order mark before #!" if first.startswith(b"\xef\xbb\xbf#!") else "no #! in the first line")
    if script.direct and not made_executable(script, all_stages, runs):
        sent = repository.executable(folder.root, script.path, by_upload)
        if not sent:
            finding(0, "mode", UPLOAD if sent is None else MODE, "not executable" if sent is False else "executable only in this folder")
    return found


def made_executable(script, all_stages, runs):
    if any(EXECUTABLE.fullmatch(word) for text in runs for command in re.findall(r"\b(?:chmod|install)\b([^;&|\n]*)", text) for word in re.split(r"[\s=]+", command) + command.split()):
        return True
    for stage in all_stages:
        for step in stage.steps:
            copy = copies.read(step)
            if copy and "chmod" in copy.options and (step == script.step or "from" in copy.options):
                mode = copy.options["chmod"] or ""
                if "$" in mode or EXECUTABLE.fullmatch(mode):
                    return True
    return any(re.search(r"\bchmod\(|\bchmod\b[^;&|\n]*\$", text) for text in runs)


def in_background(text):
    """Returns the program that the shell text leaves in the background at its end, or None."""
    text = shell.without_documents(text)
    if LOOPS.search(text):
        return None
    lines = [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.split("\n")) if line]
    every = shell.commands(text, {})
    while every and every[-1].words[0] in QUICK and every[-1].end != "&":
        every.pop()
    while lines and lines[-1].split()[0] in QUICK and not lines[-1].endswith("&"):
        lines.pop()
    if every and every[-1].end == "&" and (lines[-1:] and lines[-1].endswith("&") or not re.search(r"\b(if|case)\b|[{(]", text)):
        words = start.behind_wrappers(every[-1].words, {}, 1)[0] or ["$"]
        return "a program" if shell.UNKNOWN in words[0] or "$" in words[0] else os.path.basename(words[0])
    return None
