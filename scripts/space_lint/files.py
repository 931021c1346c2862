"""Rules for the files of the folder that a push or an upload would send."""

import fnmatch
import os
import re

from .finding import Finding, Rule

LARGEST = 10_000_000
PUSH = "the Hub rejects the push"
PUBLIC = "everyone who can see the Space can read it"
LARGE = Rule("error", PUSH, "Use LFS or 'hf upload' for files over 10 MB")
BINARY = Rule("error", PUSH, "Use LFS or 'hf upload' for binaries")
ENV_FILE = Rule("error", PUBLIC, "Keep secrets out of the folder; .env.example can list the names")
TOKEN = Rule("error", PUBLIC, "Set it as a secret of the Space")
IGNORE = Rule("note", "COPY of the whole folder includes everything", "Add a .dockerignore with at least .git and .env")
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


def check(root, by_upload):
    """by_upload: the folder is sent with 'hf upload', which accepts large files and binaries."""
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
                finding("env-file", ENV_FILE, "a file with variables")
            with open(at, "rb") as file:
                content = file.read()
            plain = not by_upload and not any(fnmatch.fnmatch(path, it) or fnmatch.fnmatch(name, it) for it in lfs)
            if plain and len(content) > LARGEST:
                finding("large", LARGE, f"a file of {len(content)} bytes")
            if plain and b"\0" in content[:8000]:
                finding("binary", BINARY, "a binary file")
            for match in SECRET.finditer(content) if any(it in content for it in PREFIXES) else ():
                if PLACEHOLDER.search(match[0]):
                    continue
                finding("token", TOKEN, "a text that looks like a secret", content.count(b"\n", 0, match.start()) + 1)
    path = ".dockerignore"
    dockerfile = os.path.join(root, "Dockerfile")
    if not os.path.exists(os.path.join(root, path)) and os.path.exists(dockerfile):
        with open(dockerfile, encoding="utf-8", errors="replace") as file:
            if re.search(r"^\s*(COPY|ADD)\s+(--\S+\s+)*\.\s", file.read(), re.M | re.I):
                finding("dockerignore", IGNORE, "no .dockerignore, and the Dockerfile copies the whole folder")
    for path in ("README.md", "Dockerfile"):
        if not os.path.isfile(os.path.join(root, path)):
            finding("missing", MISSING, f"no {path}")
    return found
