"""Rules for the files of the folder that a push or an upload would send."""

import fnmatch
import os
import re

from .finding import Finding, Rule

LARGEST = 10_000_000
REPOSITORY = 1_000_000_000
STORAGE = 50_000_000_000
SEARCHED = 10_000_000  # bytes of each file that are searched for secrets
PUSH = "the Hub rejects the push"
PUBLIC = "everyone who can see the Space can read it"
LARGE = Rule("error", PUSH, "Use LFS or 'hf upload' for files over 10 MB")
BINARY = Rule("error", PUSH, "Use LFS or 'hf upload' for binaries")
ENV_FILE = Rule("error", PUBLIC, "Keep secrets out of the folder; .env.example can list the names")
TOKEN = Rule("error", PUBLIC, "Set it as a secret of the Space")
REPOSITORY_SIZE = Rule("error", "a Space's repository can have 1 GB", "Keep models and data in a model or dataset repository, and load them from there")
STORAGE_SIZE = Rule("error", "a Space that uses more than 50 GB of disk is evicted", "Load only what the service needs")
HISTORY = Rule("error", "a push sends all commits, and " + PUSH, "Remove it from the history with git filter-repo, or push one new commit: git checkout --orphan")
HISTORY_SECRET = Rule("warning", "a push sends all commits, and " + PUBLIC, "Remove it from the history with git filter-repo, and replace the secrets")
IGNORED = Rule("error", "git does not send it, so the Hub finds no settings or nothing to build", "Remove it from .gitignore")
IGNORE = Rule("advice", "COPY of the whole folder includes everything", "Add a .dockerignore with at least .git and .env")
MISSING = Rule("error", "the Hub finds no settings or nothing to build", "Add it at the root of the folder")

SECRET = re.compile(  # tokens with the known prefixes of their issuers
    rb"(?<![A-Za-z0-9_])(?:hf_[A-Za-z]{30,}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,}|sk-(?:proj-|ant-)?[A-Za-z0-9]{20}[A-Za-z0-9_-]*"
    rb"|xox[abp]-[0-9A-Za-z-]{20,}|AKIA[A-Z0-9]{16}(?![A-Z0-9])|glpat-[A-Za-z0-9_-]{20})"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
)

PREFIXES = (b"hf_", b"gh", b"sk-", b"xox", b"AKIA", b"glpat-", b"-----BEGIN")  # a quick search, because most files contain none
PLACEHOLDER = re.compile(rb"01234567|abcdefgh|(.)\1{5}|example|your|-----BEGIN.*\s+(.)\2{5}", re.I)


def tracked_by_lfs(root):
    """Returns the LFS patterns of .gitattributes."""
    try:
        with open(os.path.join(root, ".gitattributes"), encoding="utf-8") as file:
            return [line.split()[0] for line in file if "filter=lfs" in line]
    except FileNotFoundError:
        return []


def variables(name):
    """Whether a file has this name because it sets variables."""
    return (name == ".env" or name.startswith(".env.")) and not name.endswith((".example", ".sample", ".template", ".dist"))


def check(root, paths, by_upload):
    """paths: the files that are sent. by_upload: with 'hf upload', which accepts large files and binaries."""
    found, lfs, total = [], tracked_by_lfs(root), 0
    def finding(path, name, rule, what, line=0):
        found.append(Finding(path, line, name, rule, what))
    for path in paths:
        at, name = os.path.join(root, path), os.path.basename(path)
        if os.path.islink(at) or not os.path.isfile(at):
            continue
        size = os.path.getsize(at)
        total += size
        if variables(name):
            finding(path, "env-file", ENV_FILE, "a file with variables")
        with open(at, "rb") as file:
            content = file.read(SEARCHED)
        plain = not by_upload and not any(fnmatch.fnmatch(path, it) or fnmatch.fnmatch(name, it) for it in lfs)
        if plain and size > LARGEST:
            finding(path, "large", LARGE, f"a file of {size} bytes")
        if plain and b"\0" in content[:8000]:
            finding(path, "binary", BINARY, "a binary file")
        for match in SECRET.finditer(content) if any(it in content for it in PREFIXES) else ():
            if not PLACEHOLDER.search(match[0]):
                finding(path, "token", TOKEN, "a text that looks like a secret", content.count(b"\n", 0, match.start()) + 1)
    if total > REPOSITORY:
        finding(".", "repository", REPOSITORY_SIZE, f"{total} bytes in {len(paths)} files")
    if total > STORAGE:
        finding(".", "storage", STORAGE_SIZE, f"{total} bytes in {len(paths)} files")
    dockerfile = os.path.join(root, "Dockerfile")
    if ".dockerignore" not in paths and os.path.exists(dockerfile):
        with open(dockerfile, encoding="utf-8", errors="replace") as file:
            if re.search(r"^\s*(COPY|ADD)\s+(--\S+\s+)*\.\s", file.read(), re.M | re.I):
                finding(".dockerignore", "dockerignore", IGNORE, "no .dockerignore, and the Dockerfile copies the whole folder")
    for path in ("README.md", "Dockerfile"):
        if not os.path.isfile(os.path.join(root, path)):
            finding(path, "missing", MISSING, f"no {path}")
        elif path not in paths:
            finding(path, "missing", IGNORED, f"{path} is ignored")
    return found


def check_history(past, by_upload):
    """past: path and size of each file that only earlier commits have. An upload sends no history."""
    found = []
    for path, size in past if not by_upload else ():
        if size > LARGEST:
            found.append(Finding(path, 0, "history", HISTORY, f"a file of {size} bytes in an earlier commit"))
        elif variables(os.path.basename(path)):
            found.append(Finding(path, 0, "history", HISTORY_SECRET, "a file with variables in an earlier commit"))
    return found
