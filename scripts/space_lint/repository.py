"""What a push would send: the files that git does not ignore, and what the history has beyond them."""

import os
import re
import subprocess

from . import gitignore


def git(root, *words):
    """Returns git's output, or None if git is missing or refuses. The folder's own configuration starts no program."""
    try:
        done = subprocess.run(["git", "-C", root, "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *words], capture_output=True, timeout=120, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"})
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def in_repository(root):
    """Whether it is worth starting git."""
    at = os.path.realpath(root)
    while not os.path.exists(os.path.join(at, ".git")):
        at, below = os.path.dirname(at), at
        if at == below:
            return False
    return True


def files(root):
    """Returns the paths of the files that git sends or would add."""
    listed = None
    # A folder that its repository ignores, such as one for build results, is checked as a folder of its own.
    if in_repository(root) and git(root, "rev-parse", "--is-inside-work-tree") == "true\n" and git(root, "check-ignore", "--quiet", ".") is None:
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        return gitignore.files(root)
    return sorted({path for path in listed.split("\0") if path and os.path.lexists(os.path.join(root, path))})


def uploaded(root):
    """Returns the paths of the files that 'hf upload' leaves in the repository. The Hub reads only the .gitignore at the root."""
    return gitignore.files(root, nested=False)


def executable(root, path, by_upload):
    """Whether the file is sent as an executable; None if it is on this machine, but an upload sends no modes."""
    mode = os.stat(os.path.join(root, path)).st_mode & 0o111
    listed = git(root, "ls-files", "--stage", "--", ":(literal)" + path) if in_repository(root) and not by_upload else None
    if listed:
        return listed.startswith("100755")
    return None if mode and by_upload else bool(mode)


def normalized(root, path):
    """Whether git sends the file with the line ends of Unix, although it has others in this folder."""
    if not in_repository(root):
        try:
            with open(os.path.join(root, ".gitattributes"), encoding="utf-8", errors="replace") as file:
                return bool(re.search(r"\b(text|eol=lf)\b", file.read()))
        except OSError:
            return False
    listed = git(root, "ls-files", "--eol", "--", ":(literal)" + path) or git(root, "ls-files", "--eol", "--others", "--", ":(literal)" + path) or ""
    stored, _, more = listed.partition(" ")
    if stored in ("i/crlf", "i/mixed"):
        return False
    convert = (git(root, "config", "core.autocrlf") or "").strip() in ("true", "input")
    return stored == "i/lf" or convert or bool(re.search(r"attr/.*(\btext\b(?!=unset)|eol=)", more)) and "-text" not in more


def history(root):
    """Yields (path, size) of each file in a commit that the Hub does not have yet and that is no longer in the folder like that."""
    top = git(root, "rev-parse", "--show-toplevel") if in_repository(root) else None
    if top is None or os.path.realpath(top.strip("\n")) != os.path.realpath(root) or git(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return
    there = {line.split()[0] for line in (git(root, "remote", "-v") or "").splitlines() if "huggingface.co" in line or "hf.co" in line}
    without = [f"--remotes={name}" for name in sorted(there)]
    objects = git(root, "rev-list", "--objects", "HEAD", *(["--not", *without] if without else []))
    current = {line.split()[2] for line in (git(root, "ls-tree", "-r", "HEAD") or "").splitlines()}
    names = {}
    for line in (objects or "").splitlines():
        number, _, path = line.partition(" ")
        if path and number not in current:
            names[number] = path
    try:
        done = subprocess.run(["git", "-C", root, "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"], input="\n".join(names), capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return
    for line in done.stdout.splitlines():
        number, kind, *size = line.split()
        if kind == "blob" and size:
            yield names[number], int(size[0])
