"""Rules for secrets in the image, and for secrets that a build does not get."""

import re

from . import instructions
from .finding import Finding, Rule

SECRET_ENV = Rule("warning", "everyone who can pull the image can read it", "Set it as a secret of the Space, or mount it during the build")
SECRET_ARG = Rule("warning", "build arguments stay in the image's history, and a Space passes only its variables as arguments, not its secrets", "Use RUN --mount=type=secret")
UNMOUNTED = Rule("warning", "a Space's secrets reach a build only through a mount, so that the name is empty here", "Use RUN --mount=type=secret,id=NAME,mode=0444,required=true and read /run/secrets/NAME")

NAME = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|ACCESS_KEY)(_|$)", re.I)
HARMLESS = re.compile(r"(_FILE|_PATH|_URL|_TTL|_EXPIR\w*|_LIMIT|_LENGTH|_DIR|_NAME|_ALGORITHM|_BYTES|_MODE|_TYPE|_ENABLED|_COUNT)$|^(NEXT_PUBLIC|VITE|REACT_APP|PUBLIC|EXPO_PUBLIC)_|^TOKENIZERS|^(MAX|MIN|NUM|DISABLE|ENABLE|USE|SKIP|REQUIRE|ALLOW)_", re.I)
PLACEHOLDER = re.compile(r"^$|^\$|^(none|null|empty|dummy|fake|changeme|change[-_ ]?(me|this|it)?|placeholder|not[-_]?(needed|used|set|required)|example|test|(\S+-)?local|x+|true|false|sk-(dummy|no-key\S*|xxx*)|build\S*|your\S*|<.*>|\d{1,4}|na|n/a)$", re.I)


def secret(name):
    return NAME.search(name) and not HARMLESS.search(name)


def check(all_stages):
    found = []
    for stage in all_stages:
        declared = set()
        for step in stage.steps:
            if step.word in ("ENV", "ARG"):
                declared |= set(declaration(step, found))
            elif step.word == "RUN":
                build(step, declared, found)
    return found


def declaration(step, found):
    """Yields the names that the step declares."""
    named = instructions.pairs(step) if step.word == "ENV" else [(word.partition("=")[0], word.partition("=")[2]) for word in instructions.words_of(step.rest)]
    for name, value in named:
        yield name
        if not secret(name) or step.word == "ENV" and PLACEHOLDER.match(value):
            continue
        rule = SECRET_ENV if step.word == "ENV" else SECRET_ARG
        found.append(Finding("Dockerfile", step.line, "secret", rule, f"ENV sets {name}" if step.word == "ENV" else f"ARG {name}"))


def build(step, declared, found):
    """A RUN that uses a secret's name although no mount provides it."""
    text = re.sub(r"'[^']*'", "", step.rest) + "\n" + step.body
    python = step.rest + "\n" + step.body
    names = re.findall(r"(?<!\\)\$\{?([A-Za-z_]\w*)", text) + re.findall(r"(?:os\.environ\[|os\.getenv\(|os\.environ\.get\(|process\.env\.)[\"']?(\w+)", python)
    for name in dict.fromkeys(names):
        assigned = re.search(rf"\b{name}=|\bread\s+(-\w+\s+)*{name}\b|\benv={name}\b", python)
        if secret(name) and name not in declared and not assigned:
            mount = "--mount=type=secret" in step.rest
            found.append(Finding("Dockerfile", step.line, "build-secret", UNMOUNTED, f"RUN uses ${name}" + (", which its mount does not set (add env=)" if mount else " without a secret mount")))
