"""Rules for the front matter of README.md. The Hub checks it only at a push, and clients do not check it at all."""

import difflib
import re

from . import front_matter
from .finding import Finding, Rule

ONLINE = "the Hub rejects the push"
SHAPE = Rule("error", "the Hub ignores all settings", "Start the file with ---, then NAME: VALUE lines and a closing ---")
TWICE = Rule("error", "only one of the two values applies", "Remove one")
UNKNOWN = Rule("warning", "the Hub ignores unknown settings", "Correct or remove it")
NO_SDK = Rule("error", "the Hub builds no container without it", "Add sdk: docker")
NO_TITLE = Rule("advice", "the page shows the repository's name instead", "Add a title")

NO_OAUTH = Rule("warning", "it has no effect without hf_oauth: true", "Add hf_oauth: true")
SCOPE = Rule("warning", "Hugging Face documents no such scope, so visitors may be unable to sign in", "Correct or remove it")

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
COLOUR = (matches(COLOURS.replace(" ", "|")), Rule("error", ONLINE, "Use " + COLOURS.replace(" ", ", ")))
YES_NO = (lambda it: matches("true|false")(it) and not it.quoted, Rule("error", ONLINE, "Use true or false"))
LIST = (strings, Rule("error", ONLINE, "Use a list with one '- ITEM' per line"))
REPOSITORIES = (lambda it: strings(it) and all(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", item) for item in it.value),
                Rule("error", ONLINE, "Use a list of OWNER/NAME"))
TEXT = (text, Rule("error", ONLINE, "Use a text that is not empty"))

# The scopes that an application at Hugging Face can ask for; openid and profile are always included.
SCOPES = ["openid", "profile", "email", "read-billing", "read-repos", "gated-repos", "contribute-repos", "write-repos", "manage-repos", "read-collections",
          "write-collections", "inference-api", "jobs", "webhooks", "write-discussions", "read-mcp"]

# Each setting: the test of its value, and the rule that a wrong value breaks.
SETTINGS = {
    "title": TEXT,
    "emoji": (lambda it: isinstance(it.value, str) and EMOJI.fullmatch(it.value) is not None, Rule("error", ONLINE, "Use exactly one emoji")),
    "colorFrom": COLOUR,
    "colorTo": COLOUR,
    "sdk": (matches("docker"), Rule("error", "other SDKs do not build the Dockerfile, so the Space does not start", "Use docker")),
    "app_port": (whole(1, 65535), Rule("error", "the proxy probes this port to find out whether the app has started", "Use a number from 1 to 65535 without quotes")),
    "base_path": (matches("/.*"), Rule("error", ONLINE, "Use a path that starts with /")),
    "short_description": (lambda it: text(it) and len(it.value) <= 60, Rule("warning", "the Hub has rejected longer ones; the limit is not documented", "Use at most 60 characters")),
    "header": (matches("mini|default"), Rule("error", ONLINE, "Use mini or default")),
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
    "license": (lambda it: strings(it) or matches(r"[a-z0-9][a-z0-9.+-]*")(it), Rule("error", ONLINE, "Use a license identifier in lower case, such as apache-2.0")),
    "suggested_hardware": (matches("[a-z0-9]+(-[a-z0-9]+)*"), Rule("error", ONLINE, "Use a hardware name, such as cpu-basic")),
    "startup_duration_timeout": (matches(r"[1-9][0-9]*\s?(s|m|h|d)"), Rule("error", ONLINE, "Use a duration such as 30m or 1h")),
    "custom_headers": (headers, Rule("error", "the Hub sends no other headers", "Use only cross-origin-embedder-policy, cross-origin-opener-policy and cross-origin-resource-policy, in lower case")),
    "hf_oauth_expiration_minutes": (whole(1, 43200), Rule("error", ONLINE, "Use a number from 1 to 43200")),
    "hf_oauth_authorized_org": (lambda it: text(it) or strings(it), Rule("error", ONLINE, "Use an organization or a list of organizations")),
    "suggested_storage": (lambda it: False, Rule("advice", "the Hub ignores this former setting", "Attach a storage bucket instead")),
}
IGNORED = {"app_file", "sdk_version", "python_version", "language", "library_name"}  # settings of other SDKs and of models


def suggestion(text, known):
    similar = difflib.get_close_matches(text, known, 1)
    return f" (did you mean {similar[0]}?)" if similar else ""


def check(content):
    """Returns the findings, and the port that the Space probes."""
    def finding(line, name, rule, found):
        found_.append(Finding("README.md", line, name, rule, found))
    found_, port, seen = [], 7860, {}
    try:
        entries = front_matter.read(content)
    except front_matter.FrontMatterError as error:
        finding(error.line, "front-matter", SHAPE, error.found)
        return found_, None
    for name, it in entries:
        if name in seen:
            finding(it.line, "twice", TWICE, f"{name} is already set in line {seen[name]}")
        seen[name] = it.line
        if name in IGNORED:
            continue
        if name not in SETTINGS:
            finding(it.line, "unknown", UNKNOWN, f"unknown setting {name}" + suggestion(name, SETTINGS))
            continue
        holds, rule = SETTINGS[name]
        if name == "emoji" and isinstance(it.value, str) and re.fullmatch(f"(?:{EMOJI.pattern}){{2,}}", it.value):
            rule = rule.likely()  # there are Spaces with two
        if not holds(it):
            finding(it.line, name, rule, f"{it.value!r}" + (" in quotes" if it.quoted and name == "app_port" else ""))
        elif name == "app_port":
            port = int(it.value)
        elif name == "hf_oauth_scopes":
            for scope in (scope for scope in it.value if scope not in SCOPES):
                finding(it.line, name, SCOPE, f"unknown scope {scope}" + suggestion(scope, SCOPES))
        if name.startswith("hf_oauth_") and not any(other == "hf_oauth" and value.value == "true" for other, value in entries):
            finding(it.line, name, NO_OAUTH, f"{name} without hf_oauth: true")
    for name, rule in (("sdk", NO_SDK), ("title", NO_TITLE)):
        if name not in seen:
            finding(1, name, rule, f"no {name}")
    return found_, port
