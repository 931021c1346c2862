"""Rules for the files of the folder, as a push or an upload would send them."""

import fnmatch
import os
import re

from .finding import Finding, Rule

LARGEST = 10_000_000
LARGE = Rule("error", "up to 10 MB in plain git; more through LFS or 'hf upload'", "the Hub refuses the push")
BINARY = Rule("error", "text in plain git; binaries through LFS or 'hf upload'", "the Hub refuses the push")
ENV_FILE = Rule("error", "no file with secrets; .env.example shows the names", "everybody who sees the Space can read it")
TOKEN = Rule("error", "secrets of the Space", "everybody who sees the Space can read it")
IGNORE = Rule("note", "a .dockerignore with at least .git and .env", "COPY of the whole folder takes everything there is")
MISSING = Rule("error", "one at the root of the folder", "the Hub finds neither settings nor what to build")

SECRET = re.compile(  # by their makers' prefixes
    rb"(?<![A-Za-z0-9_])(?:hf_[A-Za-z]{30,}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,}|sk-(?:proj-|ant-)?[A-Za-z0-9]{20}[A-Za-z0-9_-]*"
    rb"|xox[abp]-[0-9A-Za-z-]{20,}|AKIA[A-Z0-9]{16}(?![A-Z0-9])|glpat-[A-Za-z0-9_-]{20})"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
)

PREFIXES = (b"hf_", b"gh", b"sk-", b"xox", b"AKIA", b"glpat-", b"-----BEGIN")  # most files have none: a search is quick
PLACEHOLDER = re.compile(rb"01234567|abcdefgh|(.)\1{5}|example|your|-----BEGIN.*\s+(.)\2{5}", re.I)


def tracked_by_lfs(root):
    """The patterns of .gitattributes."""
    try:
        with open(os.path.join(root, ".gitattributes"), encoding="utf-8") as file:
            return [line.split()[0] for line in file if "filter=lfs" in line]
    except FileNotFoundError:
        return []


def check(root, by_upload):
    """by_upload: the folder goes by 'hf upload', which takes large files and binaries."""
    found, lfs = [], tracked_by_lfs(root)
    def finding(name, rule, what, line=0):
        found.append(Finding(path, line, name, rule, what))
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - {".git"})
        for name in sorted(names):
            at = os.path.join(folder, name)
            path = os.path.relpath(at, root)
            if os.path.islink(at):
                continue
            if (name == ".env" or name.startswith(".env.")) and not name.endswith((".example", ".sample", ".template")):
                finding("env-file", ENV_FILE, "a file of variables")
            with open(at, "rb") as file:
                content = file.read()
            plain = not by_upload and not any(fnmatch.fnmatch(path, it) or fnmatch.fnmatch(name, it) for it in lfs)
            if plain and len(content) > LARGEST:
                finding("large", LARGE, f"{len(content)} bytes")
            if plain and b"\0" in content[:8000]:
                finding("binary", BINARY, "a binary")
            for match in SECRET.finditer(content) if any(it in content for it in PREFIXES) else ():
                if PLACEHOLDER.search(match[0]):
                    continue
                finding("token", TOKEN, "what looks like a secret", content.count(b"\n", 0, match.start()) + 1)
    path = ".dockerignore"
    dockerfile = os.path.join(root, "Dockerfile")
    if not os.path.exists(os.path.join(root, path)) and os.path.exists(dockerfile):
        with open(dockerfile, encoding="utf-8", errors="replace") as file:
            if re.search(r"^\s*(COPY|ADD)\s+(--\S+\s+)*\.\s", file.read(), re.M | re.I):
                finding("dockerignore", IGNORE, "none, and the whole folder is copied")
    for path in ("README.md", "Dockerfile"):
        if not os.path.isfile(os.path.join(root, path)):
            finding("missing", MISSING, "none")
    return found
