"""Rules for COPY and ADD: what they name has to be in what the Hub gets."""

import difflib
import os
import re

from . import copies, dockerignore
from .finding import Finding, Rule

STOPS = "the build stops"
MISSING = Rule("error", STOPS + ", because what the Hub gets does not contain it", "Add it, or correct the path, which is relative to the folder of the Dockerfile")
CASE = Rule("error", STOPS + ", because names of files are case-sensitive", "Write the name as the file has it")
GIT = Rule("error", STOPS + ", because the Hub does not get ignored files", "Remove it from .gitignore, or create it in a step of the Dockerfile")
EXCLUDED = Rule("error", STOPS + ", because a build sees no excluded files", "Remove it from .dockerignore, or add a line with ! and its path")
UNSENT = Rule("warning", "the image that is tested here has them, and that of the Hub does not", "Exclude them in .dockerignore, or remove them from .gitignore")
STAGE = Rule("error", STOPS + ", because it is neither a stage nor an image", "Correct the name, or add AS NAME to the FROM of the stage")

# Short names that stages have and no image at Docker Hub. Another short name can be an image.
STAGES = {"build", "builder", "builds", "base", "deps", "dependencies", "frontend", "backend", "front", "back", "client", "compile", "compiler", "assets", "installer",
          "development", "production", "prod", "dev", "runtime", "prepare", "source", "planner", "packages", "stage", "final"}

IMAGES = {"python", "node", "nginx", "golang", "rust", "alpine", "debian", "ubuntu", "busybox", "redis", "postgres", "php", "ruby", "composer", "maven", "gradle", "docker", "bash", "caddy", "httpd",
          "perl", "mongo", "mysql", "mariadb", "tomcat", "openjdk", "swift", "julia", "elixir", "erlang", "haskell", "haproxy", "traefik", "registry", "consul", "vault"}
CACHES = {".git", "__pycache__", "node_modules", ".venv", "venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".next", ".idea", ".vscode"}  # what a build makes anew, or nothing reads
OUTPUT = {"dist", "build", "out", "target", "bin", "publish", "release", "node_modules", ".next", ".output", "_site", "wheels", "vendor"}  # made by a build before the push
PUSHES = re.compile(r"git (push|add)|(hf|huggingface-cli) upload|upload_folder|upload_file|rsync|docker build")


def check(all_stages, folder):
    """folder: what is sent, as a start.Folder."""
    found, every = [], dockerignore.patterns(folder.read(ignore_file(folder)))
    for stage in copies.needed(all_stages):
        for step in stage.steps:
            copy = copies.read(step)
            if copy is None:
                continue
            if "from" in copy.options:
                found += other_stage(copy.options["from"] or "", stage, step, all_stages)
                continue
            for source in copy.sources if folder.root else ():
                if copies.local(source) and (problem := missing(copies.clean(source), folder, every)):
                    rule, reason = problem
                    found.append(Finding("Dockerfile", step.line, "copy", rule, f"{step.word} {source}: {reason}"))
    return found


def unsent(all_stages, folder):
    """A COPY of a folder that contains more here than at the Hub, so that a build here proves less."""
    found, every, sent = [], dockerignore.patterns(folder.read(ignore_file(folder))), set(folder.paths)
    here = []
    for at, folders, names in os.walk(folder.root):
        folders[:] = [name for name in folders if name not in CACHES and os.path.relpath(os.path.join(at, name), folder.root).replace(os.sep, "/") not in sent]  # no submodules
        here += [os.path.relpath(os.path.join(at, name), folder.root).replace(os.sep, "/") for name in names if not name.endswith((".pyc", ".DS_Store"))]
    extra = [path for path in here if path not in sent and not dockerignore.excluded(path, every)]
    for stage in copies.needed(all_stages):
        for step in stage.steps:
            copy = copies.read(step)
            for source in copy.sources if copy and "from" not in copy.options else ():
                prefix = copies.clean(source)
                more = sorted(path for path in extra if not prefix or path.startswith(prefix + "/")) if copies.local(source) else []
                if more and (not prefix or any(path.startswith(prefix + "/") for path in sent)):
                    found.append(Finding("Dockerfile", step.line, "copy", UNSENT, f"{step.word} {source} copies what .gitignore ignores: {', '.join(more[:3])}{' and more' * (len(more) > 3)}"))
    return found


def ignore_file(folder):
    return "Dockerfile.dockerignore" if "Dockerfile.dockerignore" in folder.paths else ".dockerignore" if ".dockerignore" in folder.paths else ""


def other_stage(name, stage, step, all_stages):
    if copies.stage_named(name, all_stages) or "$" in name or re.search(r"[/:.@]", name):
        return []
    names = [it.name for it in all_stages if it is not stage and not it.name.isdecimal()]
    near = difflib.get_close_matches(name.lower(), names, 1, 0.8) if name.lower() not in IMAGES else []
    certain = name.isdecimal() or near or name.lower() in STAGES
    hint = f" (did you mean {near[0]}?)" if near else f" (there are {len(all_stages)}, from 0)" if name.isdecimal() else ""
    return [Finding("Dockerfile", step.line, "stage", STAGE, f"{step.word} --from={name}, which is no stage" + hint)] if certain else []


def missing(path, folder, every):
    """Returns the rule that a source breaks and the reason, or None."""
    if path in ("", "Dockerfile", ".dockerignore") or path.split("/")[0] == ".git":
        return None  # a build gets these in any case, or it is not documented
    inside = [it for it in folder.paths if it == path or it.startswith(path + "/")]
    above = [path[:at] for at, char in enumerate(path) if char == "/"]
    if any(it in folder.paths for it in above):
        return None  # a submodule or a symbolic link
    if inside:
        if dockerignore.excluded(path, every) and all(dockerignore.excluded(it, every) for it in inside):
            return EXCLUDED, "excluded by .dockerignore"
        return None
    at = os.path.join(folder.root, path)
    if exact(folder.root, path):
        if os.path.isdir(at) and not any(files for _, _, files in os.walk(at)):
            return MISSING, "an empty folder, which is not sent"
        return GIT.likely() if generated(path, folder) else GIT, "ignored by .gitignore"
    known = {it for file in folder.paths for it in (file, *(file[:at] for at, char in enumerate(file) if char == "/"))}
    if same := sorted(it for it in known if it.lower() == path.lower()):
        return CASE, f'"{path}" exists as "{same[0]}"'
    likely = OUTPUT & set(path.split("/")) or generated(path, folder)
    return MISSING.likely() if likely else MISSING, "missing"


def exact(root, path):
    """Whether the path exists with exactly this name, also on a file system that ignores case."""
    for part in path.split("/"):
        try:
            if part not in os.listdir(root):
                return False
        except OSError:
            return False
        root = os.path.join(root, part)
    return True


def generated(path, folder):
    """Whether a step before the push may create it, or add it although it is ignored: a workflow or a script that pushes names it."""
    word = re.compile(r"(?<![\w.-])" + re.escape(os.path.basename(path)) + r"(?![\w-])")
    for it in folder.paths:
        workflow = it.startswith((".github/", ".gitlab-ci", ".circleci/"))
        if workflow or it.endswith((".sh", ".ps1", ".bat", ".py")) or re.match(r"(?i)(makefile|justfile|taskfile\.ya?ml)$", os.path.basename(it)):
            text = folder.read(it)
            if word.search(text) and (workflow or PUSHES.search(text)):
                return True
    return False
