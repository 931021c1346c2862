"""Rules for instructions that BuildKit rejects, or reads differently from what was meant."""

import os
import re

from . import instructions, start
from .finding import Finding, Rule
from .listening import HOST_NAMES, PORT_NAMES

BUILD = "the build fails"
KNOWN = "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
INSTRUCTION = Rule("error", BUILD, "Correct the name, or end the line before with a backslash")
ENV = Rule("error", BUILD, "Write NAME=VALUE without blanks around the =, and comments on lines of their own")
VALUE = Rule("error", "the variable does not get the value that was meant", "Write NAME=VALUE without blanks around the =")
EMPTY = Rule("warning", "nothing sets it before, so that it is empty unless the Space has a variable of this name", "Write the value, or a default: ${NAME:-VALUE}")
PORTS = Rule("error", BUILD, "List only ports, and put comments on lines of their own")
JSON = Rule("error", "what is no JSON list of strings is run by a shell, which finds no such program", 'Use the form ["PROGRAM", "ARGUMENT"] with double quotes, a comma between strings, and nothing behind it')
STRINGS = Rule("error", BUILD, 'Put numbers in double quotes: ["PROGRAM", "7860"]')
PROGRAM = Rule("error", "no shell runs, so no program has this name", 'Use one string per word, ENV for variables, or ["sh", "-c", "exec …"]')
SHELL_WORDS = Rule("error", "no shell runs, so the program gets these words as arguments", 'Use the shell form, or ["sh", "-c", "…"]')
ONE_WORD = Rule("error", "the program gets it as one argument, which it does not know", "Use one string per word")
ONLY_FIRST = Rule("error", "sh -c takes only the string behind it as the command", "Write the whole command as one string")
OPTION_PROGRAMS = {"uvicorn", "gunicorn", "hypercorn", "streamlit", "flask", "fastapi"}
ADDRESS_NAMES = HOST_NAMES | PORT_NAMES  # a wrong value of these stops the Space
TEST = re.compile(r"\[\[?\s")


def check(every):
    found = []
    for step in every:
        def finding(name, rule, what, line=step.line):
            found.append(Finding("Dockerfile", line, name, rule, what))
        if step.word not in KNOWN:
            finding("instruction", INSTRUCTION, f"{step.word[:40]} is no instruction")
        elif step.word == "ENV":
            variable(step, finding)
        elif step.word == "EXPOSE":
            for word in step.rest.split():
                if not re.fullmatch(r"[\d:.-]+(/(tcp|udp|sctp))?", word, re.I) and "$" not in word:
                    finding("expose", PORTS, f"EXPOSE {word}")
                    break
        elif step.word in ("CMD", "ENTRYPOINT", "SHELL"):
            listed(step, finding)
    return found


def variable(step, finding):
    problem = instructions.env(step.rest)[1] if step.rest else instructions.Problem("", "ENV without a variable", True)
    if problem and problem.fails:
        finding("env", ENV, problem.found)
    elif problem:
        finding("env", VALUE if problem.name in ADDRESS_NAMES else VALUE.likely(), problem.found)


def itself(last):
    """ENV that sets a name to its own value, which neither an ENV nor an ARG sets before."""
    found, known = [], set()
    for step in last:
        if step.word == "ARG":
            known |= {word.partition("=")[0] for word in instructions.words_of(step.rest)}
        for name, value in instructions.pairs(step):
            if re.fullmatch(rf"\$(?:{re.escape(name)}|\{{{re.escape(name)}\}})", value) and name not in known and name in ADDRESS_NAMES:
                found.append(Finding("Dockerfile", step.line, "env", EMPTY, f"ENV sets {name} to {value}"))
            known.add(name)
    return found


def listed(step, finding):
    text = step.rest
    if text[:1] not in ("[", "“") or TEST.match(text) and re.search(r"\]\s*(&&|\|\||;)", text):
        return
    words = instructions.array(text)
    if words is None:
        try:
            numbers = isinstance(instructions.json.loads(text), list)
        except ValueError:
            numbers = False
        finding("json", STRINGS if numbers else JSON, f"{step.word} {text[:60]}")


def program(last):
    """Checks the program of the start command, which ENTRYPOINT and CMD name together."""
    entry, cmd = start.effective(last)
    step = entry or cmd
    words = instructions.array(step.rest) if step else None
    if not words:
        return []
    name = "ENTRYPOINT" if entry else "CMD"
    if re.match(r"[A-Za-z_]\w*=", words[0]):
        return [Finding("Dockerfile", step.line, "program", PROGRAM, f"{name} starts with {words[0].partition('=')[0]}=…")]
    if re.search(r"\s", words[0].strip()) and not words[0].startswith(("/", ".")):
        return [Finding("Dockerfile", step.line, "program", PROGRAM, f"{name} has the program {words[0][:40]!r}")]
    operators = [word for word in words[1:] if word in ("&&", "||", "|", ">", ">>", "2>&1")]
    if operators and not any(word in ("-c", "-e", "-lc") for word in words):
        return [Finding("Dockerfile", step.line, "program", SHELL_WORDS, f"{name} has {operators[0]!r} as an argument")]
    together, line = start.command_line(last), (cmd or entry).line
    return joined(together, line) or only_first(together, line)


def joined(words, line):
    """Two words in one string, where the program cannot mean it."""
    inner = start.behind_wrappers(words, {})[0]
    name, args = os.path.basename(inner[0]) if inner else "", inner[1:]
    for at, word in enumerate(args[:args.index("--")] if "--" in args else args):
        manager = at == 0 and name in start.MANAGERS and re.search(r"\S\s+\S", word)
        script = at == 0 and re.fullmatch(r"python[\d.]*|node", name) and re.fullmatch(r"([\w./-]+\.(py|[cm]?js)|-m)\s+\S.*", word)
        option = name in OPTION_PROGRAMS and re.fullmatch(r"--?[a-z][\w-]*\s+[\w.:$/{}-]+", word)
        if manager or script or option:
            return [Finding("Dockerfile", line, "program", ONE_WORD, f"{name} has the argument {word[:40]!r}")]
    return []


def only_first(words, line):
    """Words behind the command of sh -c, which only become its $0, $1 and so on."""
    inner = start.behind_wrappers(words, {})[0]
    text = start.shell_text(inner)
    extra = inner[inner.index(text) + 1:] if text else []
    if not text or extra in ([], ["--"]) or re.search(r"\$\{?[0-9@*#]", text):
        return []
    again = os.path.basename(text) in start.SHELLS and extra[0] == "-c"  # ENTRYPOINT ["sh", "-c"] and a CMD in shell form
    rule = ONLY_FIRST if again or not re.search(r"[\s/]", text) else ONLY_FIRST.likely()
    whole = extra[1].strip() if again and len(extra) > 1 else " ".join([text, *extra])
    if again:
        return [Finding("Dockerfile", line, "program", rule._replace(fix='Remove ENTRYPOINT, or write CMD as ["…"]'), f"ENTRYPOINT with -c runs only {text}, and not {whole[:60]!r}")]
    return [Finding("Dockerfile", line, "program", rule._replace(fix=f'Write one string: ["{inner[0]}", "-c", "exec {whole[:80]}"]'), f"-c {text[:60]!r} is followed by {extra[0][:40]!r}")]
