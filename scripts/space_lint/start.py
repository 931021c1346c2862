"""Finds the commands that a Space's container starts, through shells, wrappers, scripts and package.json."""

import json
import os
import re
from typing import NamedTuple

from . import instructions, shell

SHELLS = {"sh", "bash", "ash", "dash", "zsh"}
# Programs that start the rest of their command line, and their options that have a value.
WRAPPERS = {
    "env": ("-u", "-C"), "exec": ("-a",), "nohup": (), "time": (), "sudo": ("-u", "-g"), "nice": ("-n",), "stdbuf": (), "setsid": (), "command": (),
    "tini": (), "dumb-init": (), "catatonit": (), "xvfb-run": ("-s", "-n", "--server-args"), "timeout": ("-s", "-k"),
    "opentelemetry-instrument": (), "ddtrace-run": (), "cross-env": (), "dotenv": ("-e",), "npx": ("-p", "--package"), "bunx": (), "pnpx": (),
    "infisical": (), "watchmedo": (),
}
AFTER = {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run"), ("pixi", "run"), ("bundle", "exec"),
         ("conda", "run"), ("micromamba", "run"), ("mamba", "run"), ("npm", "exec"), ("pnpm", "exec"), ("pnpm", "dlx"), ("yarn", "exec"), ("yarn", "dlx")}
AFTER_OPTIONS = {"-n", "--name", "-p", "--prefix", "--with", "--python", "--project", "--extra", "--group", "--env-file", "--directory", "-e"}
USERS = {"gosu", "su-exec", "setuidgid"}  # their first argument is a user
MANAGERS = {"npm", "yarn", "pnpm", "bun"}
# Commands that neither serve nor hide a server.
HARMLESS = {"wait", "sleep", "tail", "echo", "cd", "trap", "true", ":", "printf", "mkdir", "cat", "cp", "mv", "rm", "ls", "chmod", "chown", "curl", "wget", "for", "case",
            "esac", "[", "[[", "test", "kill", "source", ".", "exit", "return", "pwd", "date", "id", "whoami", "env", "printenv", "ps", "touch", "ln", "sed", "grep", "local", "ulimit",
            "umask", "git", "pip", "pip3", "which", "shift", "read", "break", "continue", "function", "head", "nc", "shopt", "unset", "eval", "envsubst", "find", "ip", "hash"}


class Start(NamedTuple):
    program: str  # without its folder; "" if it is not known
    args: list
    env: dict
    sure: bool  # it stands in the Dockerfile itself
    place: tuple  # file and line
    stays: bool = True  # it runs in the background, or last


class Folder:
    """The files that a start command can refer to."""

    def __init__(self, root, paths):
        self.root, self.paths = root, paths

    def find(self, name):
        """Returns the path of the file that has this path in the image, or None if there is none, or several."""
        name = re.sub(r"^(\./|/)+", "", name)
        if name in self.paths:
            return name
        same = [path for path in self.paths if os.path.basename(path) == os.path.basename(name)]
        exact = [path for path in same if name.endswith("/" + path)]
        return exact[0] if len(exact) == 1 else same[0] if len(same) == 1 else None

    def read(self, path):
        try:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                return file.read(1_000_000)
        except OSError:
            return ""


def effective(last):
    """Returns the ENTRYPOINT and the CMD that apply: the last of each, and no CMD from before the ENTRYPOINT's stage."""
    def latest(word):
        return next((step for step in reversed(last) if step.word == word), None)
    return latest("ENTRYPOINT"), latest("CMD")


def command_line(last):
    """Returns the words that ENTRYPOINT and CMD make together; none if one of them is no JSON."""
    words = []
    for step in effective(last):
        if step is None:
            continue
        array = instructions.array(step.rest)
        if array is None and step.rest.startswith("["):
            return []  # the rule json reports it
        words += ["/bin/sh", "-c", step.rest + "\n" + step.body] if array is None else array
        if array is None:
            break  # the shell ignores the arguments that follow
    return words


def shell_text(words):
    """Returns the text that a shell gets with -c, or None."""
    if words and os.path.basename(words[0]) in SHELLS:
        for at, word in enumerate(words[1:-1], 1):
            if re.fullmatch(r"-[a-z]*c", word):
                return words[at + 1]
            if not word.startswith("-"):
                return None
    return None


def commands(last, env, folder, inherited=None):
    """Returns the commands that run, and whether something that runs is not known."""
    entry, cmd = effective(last)
    place = ("Dockerfile", (cmd or entry).line if cmd or entry else 0)
    if not entry and not cmd:
        return unwrapped(list(inherited), env, True, place, folder) if inherited else []
    words = command_line(last)
    if not words:
        return []
    if not entry and inherited and inherited[0] not in ("nginx", "httpd-foreground"):
        words = [inherited[0], *words] if words[:1] in (["serve"], ["start"]) else words
    return unwrapped(words, env, True, place, folder)


def parsed(text, env, sure, place, folder, arguments=(), depth=0):
    """Returns the commands of a shell text. Of commands in sequence, only the last one can be a server that stays."""
    result = []
    every = shell.commands(shell.without_documents(text), env)
    for at, it in enumerate(every):
        words = it.words
        if words[-1] == shell.UNKNOWN and arguments:
            words = words[:-1] + list(arguments)  # exec "$@"
        for one in unwrapped(words, it.env, sure, place, folder, depth + 1):
            result.append(one._replace(stays=it.end == "&" or at == len(every) - 1))
    return result


def behind_wrappers(words, env, depth=0):
    """Returns the command line that wrappers such as tini and env start, and its variables."""
    env = dict(env)
    while words:
        name = os.path.basename(words[0])
        if shell.ASSIGNMENT.fullmatch(words[0]) and len(words) > 1 and depth:
            match, words = shell.ASSIGNMENT.fullmatch(words[0]), words[1:]
            env[match[1]] = match[2]
        elif tuple(words[:2]) in AFTER:
            words = without_options(words[2:], AFTER_OPTIONS)
        elif name in WRAPPERS and len(words) > 1:
            words = without_options(words[1:], WRAPPERS[name])
            while name in ("env", "cross-env") and words and (match := shell.ASSIGNMENT.fullmatch(words[0])):
                env[match[1]], words = match[2], words[1:]
            if name == "timeout":
                words = words[1:]
        elif name in USERS:
            words = words[2:]
        else:
            break
    return words, env


def unwrapped(words, env, sure, place, folder, depth=0):
    """Returns the commands behind one command line."""
    words, env = behind_wrappers(words, env, depth)
    if not words or depth > 4:
        return [Start("", [], env, sure, place)]
    name, args = os.path.basename(words[0]), words[1:]
    if name in SHELLS:
        return through_shell(args, env, sure, place, folder, depth)
    if re.fullmatch(r"python[\d.]*|pypy3?", name):
        return [through_python(args, env, sure, place)]
    if name in MANAGERS:
        return through_manager(name, args, env, place, folder, depth)
    if name.endswith(".sh") or folder.find(words[0]) and folder.read(folder.find(words[0]))[:2] == "#!" and "sh" in folder.read(folder.find(words[0])).split("\n")[0]:
        return through_script(words[0], args, env, sure, place, folder, depth)
    if name in ("php", "node", "nodejs", "bun", "ruby", "tsx", "ts-node") and args:
        script = next((word for word in args if not word.startswith("-")), "")
        if os.path.basename(script) == "artisan":
            return [Start("artisan", args[args.index(script) + 1:], env, sure, place)]
    return [Start(name, args, env, sure, place)]


def without_options(words, valued):
    """Leaves out the options at the start, with the values of those that have one."""
    while words and words[0].startswith("-"):
        words = words[1:] if words[0] == "--" else words[2:] if words[0] in valued else words[1:]
    return words


def through_shell(args, env, sure, place, folder, depth):
    for at, word in enumerate(args):
        if re.fullmatch(r"-[a-z]*c", word) and at + 1 < len(args):
            return parsed(args[at + 1], env, sure, place, folder, args[at + 3:], depth)  # the word between is $0
        if not word.startswith("-"):
            return through_script(word, args[at + 1:], env, sure, place, folder, depth)
    return [Start("", [], env, sure, place)]


def through_script(path, arguments, env, sure, place, folder, depth):
    found = folder.find(path)
    if found is None or depth > 4:
        # It is not in the folder. What follows may be the command that it starts at its end.
        behind = unwrapped(list(arguments), env, False, place, folder, depth + 1) if arguments else []
        return behind + [Start("", [], env, False, place)]
    return parsed(folder.read(found), env, False, (found, 0), folder, arguments, depth)


def through_python(args, env, sure, place):
    at = 0
    while at < len(args) and args[at].startswith("-") and args[at] not in ("-m", "-c"):
        at += 2 if args[at] in ("-W", "-X") else 1
    if at + 1 < len(args) and args[at] == "-m":
        return Start(args[at + 1], args[at + 2:], env, sure, place)
    if at < len(args) and os.path.basename(args[at]) == "manage.py":
        return Start("manage.py", args[at + 1:], env, sure, place)
    return Start("python", args[at:], env, sure, place)


def through_manager(name, args, env, place, folder, depth):
    """npm start, yarn dev and the like run a script of package.json."""
    args = without_options(args, ("--prefix", "--filter", "-w", "--cwd", "-C"))
    script = args[1] if args[:1] in (["run"], ["run-script"]) and len(args) > 1 else args[0] if args and args[0] != "install" else ""
    path = folder.find("package.json")
    try:
        scripts = json.loads(folder.read(path)).get("scripts", {}) if path else {}
    except (ValueError, AttributeError):
        scripts = {}
    if isinstance(scripts.get(script), str):
        # npm takes options for itself unless they are behind --.
        more = " ".join(args[args.index("--") + 1:] if "--" in args else args[args.index(script) + 1:] if name != "npm" else ())
        return parsed(scripts[script] + " " + more, env, False, (path, 0), folder, depth=depth + 1)
    if script and script not in ("start", "run", "test") and name in ("yarn", "bun", "pnpm") and script not in ("install", "dev", "build"):
        return unwrapped(args, env, False, place, folder, depth + 1)  # yarn next start
    return [Start("", [], env, False, place)]
