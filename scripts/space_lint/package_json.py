"""Rule for the scripts of package.json that npm, yarn or pnpm start."""

import difflib
import json
import os
import re

from . import copies, shell, start
from .finding import Finding, Rule

NO_SCRIPT = Rule("error", "there is no such script, so the container ends at once", "Add it to the scripts of package.json, or start one of these")
ELSEWHERE = {"--prefix", "-C", "--cwd", "-w", "--workspace", "--workspaces", "--filter", "-F", "--dir", "-r", "--recursive", "--if-present"}
RUN = {"npm": {"run", "run-script"}, "yarn": {"run"}, "pnpm": {"run", "run-script"}}
CHANGES = re.compile(r"\b(npm|pnpm|yarn) (init|pkg|set-script|create)\b|\bjq\b|package\.json")


def check(all_stages, last, folder):
    """folder: what is sent."""
    found, place = [], start.effective(last)
    for file, words in commands(all_stages, last, folder):
        name = wanted(words)
        known = scripts(all_stages, folder) if name else None
        if known is None or name in known[1]:
            continue
        path, names = known
        if name == "start" and any(os.path.basename(it) == "server.js" for it in folder.paths):
            continue  # what the managers start without such a script
        near = difflib.get_close_matches(name, names, 1)
        line = (place[1] or place[0]).line if file == "Dockerfile" else 0
        what = f"{' '.join(words[:3 if words[1] in RUN.get(words[0], ()) else 2])}, but {path} has " + (f"only {', '.join(sorted(names)[:8])}" if names else "no scripts")
        found.append(Finding(file, line, "script", NO_SCRIPT, what + (f" (did you mean {near[0]}?)" if near else "")))
    return found


def commands(all_stages, last, folder):
    """Yields (file, words) of each command of the Dockerfile's start command and of the script that it starts."""
    words = start.behind_wrappers(start.command_line(last), {})[0]
    text, file = start.shell_text(words), "Dockerfile"
    if text is None and words and os.path.basename(words[0]) not in start.MANAGERS:
        path = words[1] if os.path.basename(words[0]) in start.SHELLS and len(words) > 1 else words[0]
        origin = copies.origin(path, all_stages[-1], all_stages, folder.paths)
        if origin is None or not origin.path.endswith(".sh"):
            return
        text, file = folder.read(origin.path).replace("\r\n", "\n"), origin.path
    if text is None:
        yield file, words
    elif not re.search(r"\b(cd|pushd|if|case|while|function)\b|\|\|", text):
        for it in shell.commands(shell.without_documents(text), {}):
            yield file, start.behind_wrappers(it.words, {}, 1)[0]


def wanted(words):
    """Returns the name of the script that the command needs, or None if it can be something else."""
    if not words or words[0] not in RUN or ELSEWHERE & {word.partition("=")[0] for word in words}:
        return None
    if len(words) > 2 and words[1] in RUN[words[0]]:
        name = words[2]
        if words[0] == "yarn" and ":" not in name and name not in ("start", "dev", "prod"):
            return None  # yarn run also starts programs of packages
    else:
        name = words[1] if len(words) > 1 and words[1] == "start" else ""
    return name if re.fullmatch(r"[\w.:-]+", name) and not name.startswith("-") else None


def scripts(all_stages, folder):
    """Returns the path of the package.json in the image's working folder, and the names of its scripts; None if it is not certain."""
    runs = [step.rest + "\n" + step.body for stage in all_stages for step in stage.steps if step.word == "RUN"]
    origin = copies.origin("package.json", all_stages[-1], all_stages, folder.paths)
    if origin is None or any(CHANGES.search(it) for it in runs):
        return None
    try:
        found = json.loads(folder.read(origin.path)).get("scripts", {})
    except (ValueError, AttributeError):
        return None
    return (origin.path, list(found)) if isinstance(found, dict) else None
