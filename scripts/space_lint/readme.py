"""Rules for README.md's front matter. The Hub checks it at a push only, and clients do not check it at all."""

import difflib
import re

from . import front_matter
from .finding import Finding, Rule

ONLINE = "the Hub refuses the push"
SHAPE = Rule("error", "--- as the first line, NAME: VALUE lines, a closing ---", "else the Hub sees no settings at all")
TWICE = Rule("error", "each setting once", "only one of the two would count")
UNKNOWN = Rule("note", "a setting of Spaces", "the Hub ignores others, and misspelt ones too")
NO_SDK = Rule("error", "sdk: docker", "without it no container is built")
NO_TITLE = Rule("note", "a title", "the page would show the repository's name")

MARK = "[\ufe0f\U0001f3fb-\U0001f3ff\u20e3\U000e0020-\U000e007f]*"
PICTURE = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]" + MARK
EMOJI = re.compile(f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{PICTURE}(?:\u200d{PICTURE})*)")


def matches(pattern):
    return lambda it: isinstance(it.value, str) and re.fullmatch(pattern, it.value) is not None


def whole(low, high):
    return lambda it: matches("[0-9]+")(it) and not it.quoted and low <= int(it.value) <= high


def strings(it):
    return isinstance(it.value, list) and all(isinstance(item, str) and item for item in it.value)


def headers(it):
    known = {f"cross-origin-{what}" for what in ("embedder-policy", "opener-policy", "resource-policy")}
    return isinstance(it.value, dict) and set(it.value) <= known


def text(it):
    return isinstance(it.value, str) and it.value != ""


COLOURS = "red yellow green blue indigo purple pink gray"
COLOUR = (matches(COLOURS.replace(" ", "|")), Rule("error", COLOURS.replace(" ", ", "), ONLINE))
YES_NO = (lambda it: matches("true|false")(it) and not it.quoted, Rule("error", "true or false", ONLINE))
LIST = (strings, Rule("error", "a list, one '- ITEM' a line", ONLINE))
REPOSITORIES = (lambda it: strings(it) and all(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", item) for item in it.value),
                Rule("error", "a list of OWNER/NAME", ONLINE))
TEXT = (text, Rule("error", "a text", ONLINE))

# Each setting: what it has to be, and the rule that it breaks else.
SETTINGS = {
    "title": TEXT,
    "emoji": (lambda it: isinstance(it.value, str) and EMOJI.fullmatch(it.value) is not None, Rule("error", "one emoji", ONLINE)),
    "colorFrom": COLOUR,
    "colorTo": COLOUR,
    "sdk": (matches("docker"), Rule("error", "docker", "other SDKs never build the Dockerfile: the Space does not start")),
    "app_port": (whole(1, 65535), Rule("error", "a number from 1 to 65535, without quotes", "the proxy asks there whether the app has started")),
    "base_path": (matches("/.*"), Rule("error", "a path that starts with /", ONLINE)),
    "short_description": (lambda it: text(it) and len(it.value) <= 60, Rule("note", "a text of up to 60 characters", "longer ones have been refused; the limit is not documented")),
    "header": (matches("mini|default"), Rule("error", "mini or default", ONLINE)),
    "fullWidth": YES_NO,
    "pinned": YES_NO,
    "disable_embedding": YES_NO,
    "hf_oauth": YES_NO,
    "models": REPOSITORIES,
    "datasets": REPOSITORIES,
    "tags": LIST,
    "preload_from_hub": LIST,
    "hf_oauth_scopes": LIST,
    "thumbnail": TEXT,
    "license": (lambda it: strings(it) or matches(r"[a-z0-9][a-z0-9.+-]*")(it), Rule("error", "a licence's identifier in small letters, such as apache-2.0", ONLINE)),
    "suggested_hardware": (matches("[a-z0-9]+(-[a-z0-9]+)*"), Rule("error", "a hardware's name, such as cpu-basic", ONLINE)),
    "startup_duration_timeout": (matches(r"[1-9][0-9]*\s?(s|m|h|d)"), Rule("error", "a duration such as 30m or 1h", ONLINE)),
    "custom_headers": (headers, Rule("error", "cross-origin-embedder-policy, cross-origin-opener-policy, cross-origin-resource-policy, in small letters", "others are not passed on")),
    "hf_oauth_expiration_minutes": (whole(1, 43200), Rule("error", "a number from 1 to 43200", ONLINE)),
    "hf_oauth_authorized_org": (lambda it: text(it) or strings(it), Rule("error", "an organization or a list of them", ONLINE)),
    "suggested_storage": (lambda it: False, Rule("note", "no such setting any more", "it is ignored; attach a storage bucket")),
}
IGNORED = {"app_file", "sdk_version", "python_version", "language", "library_name"}  # of other SDKs and of models


def check(content):
    """Findings, and the port that the Space asks."""
    def finding(line, name, rule, found):
        found_.append(Finding("README.md", line, name, rule, found))
    found_, port, seen = [], 7860, {}
    try:
        entries = front_matter.read(content)
    except front_matter.Unreadable as problem:
        finding(problem.line, "front-matter", SHAPE, problem.found)
        return found_, None
    for name, it in entries:
        if name in seen:
            finding(it.line, "twice", TWICE, f"{name} again, after line {seen[name]}")
        seen[name] = it.line
        if name in IGNORED:
            continue
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, 1)
            finding(it.line, "unknown", UNKNOWN, name + (f", perhaps {near[0]}" if near else ""))
            continue
        holds, rule = SETTINGS[name]
        if not holds(it):
            finding(it.line, name, rule, f"{it.value!r}" + (" in quotes" if it.quoted and name == "app_port" else ""))
        elif name == "app_port":
            port = int(it.value)
    for name, rule in (("sdk", NO_SDK), ("title", NO_TITLE)):
        if name not in seen:
            finding(1, name, rule, "none")
    return found_, port
