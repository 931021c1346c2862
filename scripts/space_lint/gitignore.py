"""Reads .gitignore files, for folders where git cannot be asked."""

import os
import re


def pattern(line, base):
    """Returns (expression, ignores, only folders) of one line, or None. base: the folder of the .gitignore file."""
    line = re.sub(r"(?<!\\)\s+$", "", line.rstrip("\n"))
    if not line or line.startswith("#"):
        return None
    ignores = not line.startswith("!")
    line = line[0 if ignores else 1:]
    folders = line.endswith("/")
    line = line.rstrip("/")
    anchored = "/" in line
    line = line.lstrip("/")
    text, at = "", 0
    while at < len(line):
        if line.startswith("**/", at) and (at == 0 or line[at - 1] == "/"):
            text, at = text + "(?:.*/)?", at + 3
        elif line.startswith("/**", at) and at + 3 == len(line):
            text, at = text + "/.*", at + 3
        elif line[at] == "*":
            text, at = text + "[^/]*", at + len(re.match(r"\*+", line[at:])[0])
        elif line[at] == "?":
            text, at = text + "[^/]", at + 1
        elif line[at] == "[" and (match := re.match(r"\[([!^]?)(\]?[^]]*)\]", line[at:])):
            text, at = text + "[" + ("^" if match[1] else "") + match[2].replace("\\", "\\\\") + "]", at + len(match[0])
        else:
            at += line[at] == "\\" and at + 1 < len(line)
            text, at = text + re.escape(line[at]), at + 1
    prefix = re.escape(base + "/") if base else ""
    return re.compile(prefix + ("" if anchored else "(?:.*/)?") + text), ignores, folders


def ignored(path, is_folder, patterns):
    """The last pattern that matches decides."""
    for expression, ignores, folders in reversed(patterns):
        if (is_folder or not folders) and expression.fullmatch(path):
            return ignores
    return False


def files(root, nested=True):
    """Returns the paths of all files below this folder that no .gitignore excludes. nested: also one below the root."""
    found = []
    def walk(folder, patterns):
        try:
            if folder and not nested:
                raise FileNotFoundError
            with open(os.path.join(root, folder, ".gitignore"), encoding="utf-8", errors="replace") as file:
                patterns = patterns + [it for it in (pattern(line, folder) for line in file) if it]
        except OSError:
            pass
        for entry in sorted(os.scandir(os.path.join(root, folder)), key=lambda it: it.name):
            path = f"{folder}/{entry.name}" if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name == ".git" or ignored(path, is_folder, patterns):
                continue
            if is_folder:
                walk(path, patterns)
            else:
                found.append(path)
    walk("", [])
    return found
