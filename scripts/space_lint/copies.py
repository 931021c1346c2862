"""Reads COPY and ADD: their sources, and from which file of the folder a path of the image comes."""

import fnmatch
import posixpath
import re
from typing import NamedTuple

from . import instructions


class Copy(NamedTuple):
    options: dict  # such as from and chmod; None for an option without a value
    sources: list
    target: str


class Origin(NamedTuple):
    path: str  # in the folder
    step: instructions.Step  # which copies it out of the folder


def read(step):
    """Returns the Copy of a COPY or ADD; None for another instruction, and for one that cannot be read."""
    if step.word not in ("COPY", "ADD"):
        return None
    text, options = step.rest, {}
    while match := re.match(r"--([\w-]+)(?:=(\S*))?\s+", text):
        options[match[1]] = match[2]
        text = text[match.end():]
    words = instructions.array(text) if text.startswith("[") else [instructions.unquoted(word) for word in instructions.words_of(text)]
    if not words or len(words) < 2:
        return None
    return Copy(options, words[:-1], words[-1])


def local(source):
    """Whether it names one file or folder of the folder."""
    return not re.search(r"[$*?\[\]\\]|<<|://", source) and not source.startswith(("git@", "github.com/"))


def clean(source):
    """Returns the source as a path of the folder: "" for the whole folder."""
    return posixpath.normpath("/" + source).lstrip("/")


def stage_named(name, all_stages):
    """Returns the stage that --from=NAME means, or None."""
    if name.isdecimal():
        return all_stages[int(name)] if int(name) < len(all_stages) else None
    return next((stage for stage in all_stages if stage.name == name.lower()), None)


def needed(all_stages):
    """Returns the stages that the last one needs. A builder skips the others."""
    found, waiting = [], [all_stages[-1]]
    while waiting:
        stage = waiting.pop()
        if stage in found:
            continue
        found.append(stage)
        names = [stage.base] + [name for step in stage.steps if step.word in ("COPY", "ADD", "RUN") for name in re.findall(r"\bfrom=([^\s,]+)", step.rest)]
        waiting += [it for it in (stage_named(name, all_stages) for name in names) if it and it is not stage]
    return [stage for stage in all_stages if stage in found]


def upto(stage, all_stages):
    """Returns the steps of a stage, after those of the stages that it is based on."""
    return [step for it in instructions.chain(all_stages[:all_stages.index(stage) + 1]) for step in it.steps]


def folder_of(steps, values):
    """Returns the working folder after these steps; "" for that of the base image, None if an unknown variable decides."""
    at = ""
    for step in steps:
        if step.word == "WORKDIR":
            at = posixpath.join(at, instructions.expand(instructions.unquoted(step.rest), values))
    return None if "$" in at else at


def origin(path, stage, all_stages, paths, depth=0):
    """Returns the Origin of a path in the image of this stage, or None if it is not certain. paths: the files of the folder."""
    steps = upto(stage, all_stages)
    values = instructions.environment({}, steps)
    at, path = folder_of(steps, values), instructions.expand(path, values)
    if at is None or "$" in path or depth > 4:
        return None
    path, result = posixpath.normpath(posixpath.join(at, path)), None
    for number, step in enumerate(steps):
        if step.word == "RUN" and re.search(rf"(\b(cp|mv|ln|tee|curl|wget|install|git)\b|>)[^\n;&|]*{re.escape(posixpath.basename(path))}|\bgit clone\b", step.rest + "\n" + step.body):
            result = None
        if step.word not in ("COPY", "ADD"):
            continue
        copy, at = read(step), folder_of(steps[:number], values)
        target = instructions.expand(copy.target, values) if copy else "$"
        if at is None or "$" in target:
            result = None
            continue
        for source, inside in candidates(copy, posixpath.normpath(posixpath.join(at, target)), path):
            if "from" in copy.options:
                other = stage_named(copy.options["from"] or "", all_stages)
                result = origin("/" + clean(posixpath.join(source, inside)), other, all_stages, paths, depth + 1) if other and other is not stage else None
            elif found := of_folder(source, inside, paths):
                result = Origin(found, step)
            elif not local(source):
                result = None
    return result


def candidates(copy, target, path):
    """Yields (source, path below it) of each way in which this copy can be where the path comes from."""
    for source in copy.sources:
        if path == target:
            yield source, ""
        if path.startswith(target.rstrip("/") + "/") or target == "." and not path.startswith("/"):
            inside = posixpath.relpath(path, target)
            yield source, inside
            if "/" not in inside and posixpath.basename(clean(source)) == inside:
                yield source, ""


def of_folder(source, inside, paths):
    if not local(source):
        if re.search(r"[$\\]|<<|://", source):
            return None
        exact = [it for it in paths if posixpath.basename(it) == inside and fnmatch.fnmatchcase(it, clean(source))]
        return exact[0] if len(exact) == 1 else None
    found = clean(posixpath.join(source, inside)) if inside else clean(source)
    return found if found in paths else None
