"""Reads the YAML between the two --- lines of README.md, as far as a Space's settings use YAML.

It reads scalars with and without quotes, lists in both notations, one level of nested settings, and block
scalars. Each value keeps its line number, which YAML libraries do not provide. Anything else is an error."""

import json
import re
from typing import NamedTuple

KEY = re.compile(r"([A-Za-z_][\w-]*|\"[^\"]*\"|'[^']*')\s*:(?:\s+(.*)|)$")


class Value(NamedTuple):
    line: int
    value: object  # str, list of str, dict of str
    quoted: bool = False


class FrontMatterError(Exception):
    def __init__(self, line, found):
        super().__init__(found)
        self.line, self.found = line, found


def split(text):
    """Returns the lines of the front matter with their numbers."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        raise FrontMatterError(1, f"line 1 is {lines[0][:40]!r}")
    for number, line in enumerate(lines[1:], 2):
        if line.rstrip() == "---":
            return [(at, it.rstrip()) for at, it in enumerate(lines[1:number - 1], 2)]
    raise FrontMatterError(1, "no closing --- line")


def scalar(text, line):
    """Returns a scalar's text, and whether it was quoted."""
    text = text.strip()
    if text[:1] == '"':
        match = re.match(r'("(?:[^"\\]|\\.)*")\s*(#.*)?$', text)
        if not match:
            raise FrontMatterError(line, "an unclosed double quote, or text after it")
        wide = re.sub(r"\\U([0-9A-Fa-f]{8})", lambda it: chr(int(it[1], 16)), match[1])
        try:
            return json.loads(wide), True
        except ValueError:
            raise FrontMatterError(line, "an unknown escape sequence") from None
    if text[:1] == "'":
        match = re.match(r"'((?:[^']|'')*)'\s*(#.*)?$", text)
        if not match:
            raise FrontMatterError(line, "an unclosed single quote, or text after it")
        return match[1].replace("''", "'"), True
    text = re.sub(r"(^|\s)#.*", "", text).strip()
    if re.search(r":(\s|$)", text):
        raise FrontMatterError(line, f"a second colon in {text!r}, which needs quotes")
    if text[:1] in ("&", "*", "!", "%", "@", "`", "{", "]", "}"):
        raise FrontMatterError(line, f"a value that starts with {text[:1]!r} and needs quotes")
    return text, False


def value(text, line):
    if text.startswith("["):
        match = re.match(r"\[(.*)\]\s*(#.*)?$", text)
        if not match:
            raise FrontMatterError(line, "a list that does not end on its line")
        items = re.findall(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^,]+", match[1])
        return Value(line, [scalar(item, line)[0] for item in items if item.strip()])
    return Value(line, *scalar(text, line))


def read(text):
    """Returns all settings in order, as (name, Value). A name can occur twice."""
    entries, block, last = [], None, None
    for line, text_ in split(text):
        indent = len(text_) - len(text_.lstrip(" "))
        body = text_.strip(" ")
        if block is not None and (not body or indent > 0):
            block.append(body)
            continue
        block = None
        if body.startswith("\t"):
            raise FrontMatterError(line, "a tab, but YAML indents with spaces")
        if not body or body.startswith("#"):
            continue
        if last is not None and (body == "-" or body.startswith("- ")):
            if not isinstance(last.value, list):
                raise FrontMatterError(line, "a list item instead of a setting")
            last.value.append(scalar(body[1:], line)[0])
            continue
        match = KEY.match(body)
        if not match:
            raise FrontMatterError(line, f"{body[:40]!r}, which is not NAME: VALUE")
        name, rest = match[1].strip("\"'"), (match[2] or "").strip()
        if indent:
            if last is None or not isinstance(last.value, (dict, list)) or last.value and isinstance(last.value, list):
                raise FrontMatterError(line, f"{name!r} is indented, but belongs to no setting")
            if isinstance(last.value, list):
                entries[-1] = (entries[-1][0], last := Value(last.line, {}))
            last.value[name] = scalar(rest, line)[0]
            continue
        if re.match(r"[|>][+-]?$", rest):
            block, last = [], None
            entries.append((name, Value(line, Block(block), True)))
        elif not rest or rest.startswith("#"):
            entries.append((name, last := Value(line, [])))  # a list, nested settings or nothing follows
        else:
            last = None
            entries.append((name, value(rest, line)))
    return [(name, it._replace(value=str(it.value)) if isinstance(it.value, Block) else it) for name, it in entries]


class Block:
    def __init__(self, lines):
        self.lines = lines

    def __str__(self):
        return " ".join(self.lines).strip()
