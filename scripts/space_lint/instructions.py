"""Splits a Dockerfile into instructions and stages, as BuildKit does."""

import json
import re
from typing import NamedTuple

HERE = re.compile(r"(?<!<)<<(-?)[\"']?([A-Za-z_]\w*)")


class Step(NamedTuple):
    line: int
    word: str  # the instruction in upper case
    rest: str  # its arguments as one line
    body: str = ""  # its here-documents


class Stage(NamedTuple):
    name: str
    base: str
    line: int
    options: list  # of FROM, such as --platform=…
    steps: list


def escape(text):
    """Returns the escape character, which a directive in the first lines can set."""
    for line in text.split("\n"):
        directive = re.match(r"#\s*(\w+)\s*=\s*(\S+)\s*$", line)
        if not directive:
            return "\\"
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def steps(text):
    """Returns each instruction as one line, without comments."""
    result, pending, ends, body = [], None, [], []
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    mark = escape(text)
    for number, line in enumerate(text.split("\n"), 1):
        if ends:
            dash, end = ends[0]
            if (line.lstrip("\t") if dash else line) == end:
                ends.pop(0)
                result[-1] = result[-1]._replace(body="\n".join(body))
            else:
                body.append(line)
            continue
        if line.lstrip().startswith("#") or not line.strip():
            continue
        begun, so_far = pending or (number, "")
        if line.rstrip().endswith(mark):
            pending = (begun, so_far + line.rstrip()[:-1] + " ")
            continue
        pending = None
        add(result, begun, so_far + line)
        if result[-1].word in ("RUN", "COPY", "ADD"):
            ends, body = HERE.findall(result[-1].rest), []
    if pending and pending[1].strip():
        add(result, *pending)
    return result


def add(result, line, text):
    word, *rest = text.split(None, 1)
    result.append(Step(line, word.upper(), rest[0].strip() if rest else ""))


def stages(every):
    """Returns the stages in order. An ARG before the first FROM belongs to none."""
    result, defaults = [], {}
    for step in every:
        if step.word == "FROM":
            words = step.rest.split()
            options = [word for word in words if word.startswith("--")]
            words = [word for word in words if not word.startswith("--")]
            name = words[2] if len(words) > 2 and words[1].upper() == "AS" else str(len(result))
            base = expand(words[0], defaults) if words else ""
            result.append(Stage(name.lower(), base, step.line, [expand(it, defaults) for it in options], []))
        elif result:
            result[-1].steps.append(step)
        elif step.word == "ARG":
            for word in words_of(step.rest):
                name, equals, value = word.partition("=")
                if equals:
                    defaults[name] = unquoted(value)
    return result


def chain(all_stages):
    """Returns the last stage, after the stages that it is based on."""
    by_name = {stage.name: stage for stage in all_stages}
    result = [by_name.pop(all_stages[-1].name)]
    while result[0].base.lower() in by_name:
        result.insert(0, by_name.pop(result[0].base.lower()))
    return result


def words_of(text):
    """Splits at blanks outside of quotes, and keeps the quotes."""
    return re.findall(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\]|[\"'\\])+", text)


def unquoted(text):
    return re.sub(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'", lambda it: (it[1] or "").replace('\\"', '"') + (it[2] or ""), text)


def expand(text, values):
    """Replaces $NAME, ${NAME} and ${NAME:-default}. An unknown name stays as it is."""
    def value(match):
        name = match[1] or match[2]
        return values.get(name) or (match[4] if match[3] in (":-", "-") else None) or values.get(name, match[0])
    return re.sub(r"(?<!\\)\$(?:(\w+)|\{(\w+)(?:(:?[-+?])([^}]*))?\})", value, text)


class Problem(NamedTuple):
    name: str
    found: str
    fails: bool  # whether the build fails; otherwise the variable gets another value


def env(rest):
    """Returns the names and values of ENV, and the Problem with them, or None."""
    first, *after = rest.split(None, 1)
    if "=" not in first:  # the old form: everything after the name is its value
        if not after:
            return [], Problem(first, f"{first} has no value", True)
        if after[0].startswith("="):
            return [], Problem(first, f"blanks around the = make it a part of {first}'s value", False)
        if first.endswith(":"):
            return [], Problem(first[:-1], f"the name is {first!r}, with the colon", False)
        return [(first, unquoted(after[0].strip()))], several(first, words_of(after[0]))
    result = []
    for word in words_of(rest):
        name, equals, value = word.partition("=")
        if not equals:
            return result, Problem(result[-1][0] if result else word, f"{word[:20]!r} is not NAME=VALUE", True)
        result.append((unquoted(name), unquoted(value)))
    return result, None


def several(first, words):
    """Returns the Problem with the old form if its value looks like more names and values: ENV A 1 B 2."""
    names = [first, *words[1::2]]
    odd = len(words) >= 3 and len(words) % 2 and all(re.fullmatch(r"[A-Z][A-Z0-9_]+", it) for it in names)
    if not odd or not any("_" in name or re.fullmatch(r"\d.*|true|false|/.*|[\"'].*", value, re.I) for name, value in zip(names, words[::2])):
        return None
    return Problem(first, f"without = the value of {first} is {' '.join(words)[:40]!r}", False)


def pairs(step):
    """Returns the names and values of an ENV."""
    return env(step.rest)[0] if step.word == "ENV" and step.rest else []


def environment(base_values, last):
    """Returns the variables that the steps leave to the start command."""
    values, arguments = dict(base_values), {}
    for step in last:
        if step.word == "ENV":
            values.update((name, expand(value, {**arguments, **values})) for name, value in pairs(step))
        elif step.word == "ARG":
            for name, value in (word.split("=", 1) for word in words_of(step.rest) if "=" in word):
                arguments[name] = unquoted(value)
    return values


def array(text):
    """Returns the words of the form ["PROGRAM", "ARGUMENT"], or None."""
    try:
        words = json.loads(text)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None
