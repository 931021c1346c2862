"""Splits shell text into simple commands, as far as start commands and start scripts use the shell."""

import re
from typing import NamedTuple

UNKNOWN = "\0"  # stands for a part of a word that only the running shell knows
NAME = re.compile(r"[A-Za-z_]\w*")
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.S)
CLOSING = {"(": ")", "{": "}"}


class Command(NamedTuple):
    words: list  # without assignments; a variable without a value stays as $NAME
    env: dict  # the variables that the command sees
    end: str  # what follows: & ; && || | or nothing


def balanced(text, at):
    """Returns the position after the bracket that closes the one at this position."""
    opening, depth = text[at], 0
    for here in range(at, len(text)):
        depth += (text[here] == opening) - (text[here] == CLOSING[opening])
        if depth == 0:
            return here + 1
    return len(text)


def variable(text, at, env):
    """Returns the value of the expansion at this $, and the position after it."""
    name = NAME.match(text, at + 1)
    if name:
        return env.get(name[0], "$" + name[0]), name.end()
    if text[at + 1:at + 2] not in CLOSING:
        return (UNKNOWN, at + 2) if text[at + 1:at + 2] in tuple("@*#?$!0123456789") else ("$", at + 1)
    end = balanced(text, at + 1)
    braces = re.fullmatch(r"\{(\w+)(?:(:?[-=])(.*))?\}", text[at + 1:end], re.S)
    if not braces:
        return UNKNOWN, end
    default = braces[3].strip("\"'") if braces[2] else None
    if default and "$" in default:
        default = "".join(word for command in commands(default, env) for word in command.words)
    return env.get(braces[1]) or (default if default is not None else env.get(braces[1], "$" + braces[1])), end


def tokens(text, env):
    """Yields (word, quoted), or (None, operator) between words. Assignments change env on the way."""
    word, used, at = "", False, 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            word, used, at = word + text[at + 1:at + 2].replace("\n", ""), used or text[at + 1:at + 2] != "\n", at + 2
        elif char == "'":
            end = (text + "'").index("'", at + 1)
            word, used, at = word + text[at + 1:end], True, end + 1
        elif char == '"':
            at, used = at + 1, True
            while at < len(text) and text[at] != '"':
                if text[at] == "\\":
                    part, at = text[at + 1:at + 2].replace("\n", ""), at + 2
                elif text[at] == "$":
                    part, at = variable(text, at, env)
                elif text[at] == "`":
                    part, at = UNKNOWN, (text + "`").index("`", at + 1) + 1
                else:
                    part, at = text[at], at + 1
                word += part
            at += 1
        elif char == "$":
            part, at = variable(text, at, env)
            word, used = word + part, True
        elif char == "`":
            word, used, at = word + UNKNOWN, True, (text + "`").index("`", at + 1) + 1
        elif char in " \t\r\n;&|()<>" or char == "#" and not used:
            if used and not (char in "<>" and word.isdecimal()):  # the file descriptor of 2>&1
                yield word, None
            word, used = "", False
            if char == "#":
                at = (text + "\n").index("\n", at)
                continue
            operator = re.compile(r"[<>][<>&|]*\s*|&&|\|\||&>|[;&|()\n]+|\s").match(text, at)[0]
            at += len(operator)
            if operator.strip(" \t\r"):
                yield None, operator.strip(" \t\r")
        else:
            word, used, at = word + char, True, at + 1
    if used:
        yield word, None


def without_documents(text):
    """Leaves out here-documents, which are often files that a script writes."""
    return re.sub(r"(<<-?\s*[\"']?([A-Za-z_]\w*)[^\n]*\n).*?^\s*\2[ \t]*$", r"\1", text, flags=re.S | re.M)


def commands(text, env):
    """Returns the simple commands. A command substitution, a redirection and a control word are left out."""
    env, own, words, result, skip = dict(env), {}, [], [], False
    def finish(end):
        nonlocal own, words
        if words and words[0] in ("export", "set", "readonly", "declare"):
            for word in words[1:]:
                if match := ASSIGNMENT.fullmatch(word):
                    env[match[1]] = match[2]
        elif words:
            result.append(Command(words, {**env, **own}, end))
        else:
            env.update(own)
        own, words = {}, []
    for word, operator in tokens(text, env):
        if operator is not None:
            if operator[0] in "<>" or operator == "&>":
                skip = True
                continue
            finish(operator.strip("\n") or ";")
            skip = False
        elif skip:
            skip = False
        elif word in ("if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "fi", "done", "exec") and not words:
            continue
        elif not words and (match := ASSIGNMENT.fullmatch(word)):
            own[match[1]] = match[2]
        else:
            words.append(word)
    finish("")
    return result
