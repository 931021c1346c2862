"""Rules for the user: a Space's container runs as uid 1000."""

import posixpath
import re

from .finding import Finding, Rule

UID = "the platform runs the container as uid 1000"
TAKEN = Rule("error", "the build fails, because the base image already has a user with this id", "Use that user, or delete it first with userdel -r")
NAME = Rule("warning", "an engine cannot start it", "Write USER 1000")
USER = Rule("advice", UID + ", which cannot write files of another user", "Create the user with useradd -m -u 1000, and use it")
LATE = Rule("warning", UID + ", which cannot use files of root's home folder", "Set USER before this instruction, or install to a folder that everyone can read")
EARLY = Rule("error", "the build fails, because only root installs packages", "Move it before USER")
FOLDER = Rule("warning", UID + ", which cannot write to a folder of root", "Before USER, write RUN mkdir -p PATH && chown 1000 PATH; to create it after USER, the folder above has to belong to the user")
INSTALL = Rule("warning", "the build fails if the folder does not exist in the base image, because it then belongs to root", "Set USER first, or add chown 1000")
NO_USER = Rule("advice", "runs as root locally but as uid 1000 on a Space", "Add USER 1000")
OWNER = Rule("advice", "copied files belong to root, and uid 1000 cannot write to them", "Add --chown=1000")
WORKDIR = Rule("advice", UID + ", which cannot create files in a folder of root", "Set USER first, or add chown 1000")

# Users that base images already have: by a pattern for the image's name.
IDS = (
    (r"^(docker\.io/)?(library/)?node(:|@|$)", {"node": 1000}),
    (r"^(docker\.io/)?(library/)?ubuntu(:(2[4-9]|latest|noble|oracular|plucky|rolling|devel)|$)", {"ubuntu": 1000}),
    (r"^nvidia/cuda:.*ubuntu2[4-9]\.", {"ubuntu": 1000}),
    (r"^oven/bun", {"bun": 1000}),
    (r"^(quay\.io/)?jupyter/", {"jovyan": 1000}),
    (r"^n8nio/n8n", {"node": 1000}),
    (r"(^|/)nginx", {"nginx": 101}),
    (r"^mambaorg/micromamba", {"mambauser": 57439}),
    (r"(^|/)(postgres)(:|$)", {"postgres": 999}),
    (r"^denoland/deno", {"deno": 1993}),
)
HOME = re.compile(r"(?<![\w/])/root/(?!\.cache/(pip|uv|huggingface)\b)[\w.-]+")
PACKAGES = re.compile(r"(?:^|[;&|(\n]|\b(?:then|do)\b)\s*(?:\w+=\S*\s+)*((?:apt|apt-get|apk|dnf|microdnf|yum)(?:\s+-\S+)*\s+(?:add|install|update|upgrade))\b")
MODULES = re.compile(r"(?:^|[;&|\n])\s*((?:npm|pnpm|yarn|bun)\s+(?:ci|install|i)|yarn)\s*(?=$|[;&|\n]|\s-(?!g\b|-global|-prefix|-cwd|-dir|C\b))")
GIVEN = re.compile(r"\b(?:chown|setfacl)\b|(?:^|[;&|])\s*install\s[^;&|]*\s-o\b|\bchmod\b[^;&|]*(?:-R|777|a\+|o\+|g\+)")
CREATE = re.compile(r"\b(useradd|adduser)\b([^;&|]*)")
WITH_VALUE = {"-u", "--uid", "-g", "--gid", "-G", "--groups", "-s", "--shell", "-d", "--home-dir", "--home", "-h", "-c", "--comment", "--gecos", "-k", "-b", "-e", "-f", "-p", "--ingroup", "-K", "--password", "-i"}


def known_ids(base):
    return dict(pair for pattern, ids in IDS if re.search(pattern, base) for pair in ids.items())


def created(text, ids):
    """Yields (name, uid, explicit) of each user that a RUN creates. A uid of None is a system user's."""
    for match in CREATE.finditer(text):
        words = match[2].replace('"', " ").replace("'", " ").split()
        joined = [part for word in words for part in (word.split("=", 1) if word.startswith("--") and "=" in word else [re.sub(r"^(-u)(\d+)$", r"\1 \2", word)])]
        joined = " ".join(joined).split()
        name, uid, system, skip = None, None, False, False
        for at, word in enumerate(joined):
            if skip:
                skip = False
            elif word in WITH_VALUE:
                skip = True
                if word in ("-u", "--uid") and at + 1 < len(joined):
                    uid = joined[at + 1]
            elif word in ("-S", "--system", "-r") or re.fullmatch(r"-[a-zA-Z]*[rS][a-zA-Z]*", word):
                system = True
            elif re.fullmatch(r"-[a-zA-Z]+u", word) and at + 1 < len(joined):
                uid, skip = joined[at + 1], True
            elif not word.startswith("-") and name is None:
                name = word
        if name is None or name.startswith("$"):
            continue
        if uid is not None:
            yield name, int(uid) if uid.isdecimal() else 1000, True  # a variable is taken to be right
        elif system:
            yield name, None, False
        else:
            yield name, next(number for number in range(1000, 1100) if number not in ids.values()), False


def check(last, base, scratch, whole):
    """whole: the image is the base image, so that nothing is known of its user."""
    ids, found, current, root_folders = known_ids(base), [], None, {}
    base_has_1000 = 1000 in ids.values()
    def finding(line, name, rule, what):
        found.append(Finding("Dockerfile", line, name, rule, what))
    for step in last:
        if step.word == "RUN":
            text = step.rest + "\n" + step.body
            removed = re.search(r"\b(userdel|deluser|usermod|groupmod)\b", text)
            if removed:
                base_has_1000 = False
                ids = {name: uid for name, uid in ids.items() if uid != 1000}
            guarded = removed or re.search(r"\|\||\bid\b|getent|-o\b|--non-unique", text)
            for name, uid, explicit in created(text, ids):
                if explicit and uid in ids.values() and not guarded and name not in ids:
                    finding(step.line, "uid", TAKEN, f"{name} with uid {uid} in {base}")
                ids[name] = uid
            if base_has_1000 and not guarded and re.search(r"\b(groupadd|addgroup)\b[^;&|]*(-g|--gid)[= ]*1000\b", text):
                finding(step.line, "uid", TAKEN, f"a group with gid 1000 in {base}")
            root_folders.update(made_by_root(step, current))
            released(text, root_folders)
            early(step, current, ids, finding)
        elif step.word == "USER":
            current = step
    root_folders = {path: line for path, line in root_folders.items() if current is not None}
    if current is None:
        if not whole:
            finding(0, "user", NO_USER, "no USER")
    else:
        named(current, ids, scratch, finding)
    late(last, current, ids, finding)
    if current is not None and uid_of(current, ids) == 1000:
        copied(last, current, finding)
    for path, line in root_folders.items():
        if not re.match(r"/(etc|usr|var/(lib|cache)/apt|opt|bin|lib|root|run/secrets)\b", path):
            finding(line, "folder", FOLDER, f"mkdir {path} before USER")
    return found


def who(step):
    return step.rest.partition(":")[0].strip().strip("\"'")


def uid_of(step, ids):
    name = who(step)
    return int(name) if name.isdecimal() else 0 if name == "root" else ids.get(name, -1)


def named(step, ids, scratch, finding):
    name, uid = who(step), uid_of(step, ids)
    if "$" in name:
        return
    if scratch and not name.isdecimal():
        finding(step.line, "user", NAME, f"USER {name}, a name, in an image without /etc/passwd")
    elif uid is None:
        finding(step.line, "user", USER, f"USER {name}, a system user whose uid is below 1000")
    elif uid not in (1000, -1):
        finding(step.line, "user", USER, f"USER {name}" + ("" if name == str(uid) or uid == 0 else f", whose uid is {uid}"))


def made_by_root(step, current):
    """Returns the folders that a RUN creates while the user is root."""
    if current is not None and who(current) not in ("root", "0"):
        return {}
    return {path.rstrip("/"): step.line for command in re.findall(r"\bmkdir\b([^;&|\n]*)", step.rest) for path in command.split() if path.startswith("/") and "$" not in path and "{" not in path}


def released(text, folders):
    """Forgets the folders that a chown or chmod in the same or a later RUN gives away."""
    for command in re.findall(r"\b(?:chown|chmod|install|setfacl|chgrp)\b([^;&|\n]*)", text):
        for path in command.split():
            path = path.rstrip("/*") or "/"
            for folder in list(folders):
                if folder == path or folder.startswith(path.rstrip("/") + "/") or not path.startswith("/") and not re.fullmatch(r"-\S+|[\w:$.,+=-]+", path):
                    del folders[folder]
            if path in (".", "./") or path.startswith("$"):
                folders.clear()


def commands(step):
    """Returns what a RUN executes: without its flags, and with a here-document only if that is the script."""
    text = re.sub(r"^\s*(--\S+\s+)*", "", step.rest)
    return step.body if re.fullmatch(r"<<-?\S+\s*", text) else text


def early(step, current, ids, finding):
    """Packages of the system that are installed after USER."""
    text = commands(step)
    if current is None or "$" in who(current) or uid_of(current, ids) == 0 or re.search(r"\|\||\b(sudo|su|doas|gosu|fakeroot)\b", text):
        return
    if match := PACKAGES.search(text):
        finding(step.line, "early-user", EARLY, f"{' '.join(match[1].split())} after USER {who(current)}")


def late(last, current, ids, finding):
    """The start command or PATH uses root's home folder."""
    if any(step.word == "RUN" and re.search(r"\bchmod\b[^;&|]*/root\b", step.rest) for step in last):
        return
    if any(step.word in ("RUN", "COPY") and "/root" in step.rest and re.search(r"\bcp\b|\bmv\b|\bln\b", step.rest) for step in last):
        return
    starts = [step for step in last if step.word in ("CMD", "ENTRYPOINT")][-1:]
    for step in starts + [step for step in last if step.word == "ENV" and re.search(r"(^|\s)(PATH|HF_HOME|HOME|TRANSFORMERS_CACHE)[= ]", step.rest)]:
        if path := HOME.search(step.rest):
            if current is not None and who(current) not in ("root", "0"):
                finding(step.line, "late-user", LATE, f"{step.word} uses {path[0]}")
    if current is None or uid_of(current, ids) != 1000:
        return
    before = last[:last.index(current)]
    for step in before:
        text = step.rest + "\n" + step.body
        home = re.search(r"\b(HF_HOME|TRANSFORMERS_CACHE|HF_HUB_CACHE|NLTK_DATA|PLAYWRIGHT_BROWSERS_PATH|XDG_CACHE_HOME)\b", "\n".join(it.rest for it in last if it.word in ("ENV", "RUN")))
        if step.word == "RUN" and not home and (match := re.search(r"\bpip3? install\b[^;&|]*\s--user\b|\bfrom_pretrained\(|\bplaywright install\b(?!-deps)", text)):
            finding(step.line, "late-user", LATE, f"{match[0].split('(')[0]} before USER")


def copied(last, current, finding):
    """Files and the working folder that belong to root although the service runs as uid 1000."""
    if any(step.word == "RUN" and GIVEN.search(step.rest) for step in last):
        return
    at = last.index(current)
    for step in last[at:]:
        if step.word in ("COPY", "ADD") and "--chown" not in step.rest:
            finding(step.line, "owner", OWNER, f"{step.word} without --chown")
    if step := workdir(last[:at]):
        finding(step.line, "owner", WORKDIR, f"WORKDIR {step.rest} before USER")
        for later in last[at:] if not any(it.word == "WORKDIR" for it in last[at:]) else ():
            if later.word == "RUN" and not re.search(r"\|\||\bcd\b", later.rest) and (match := MODULES.search(commands(later))):
                finding(later.line, "owner", INSTALL, f"{match[1]} after USER in WORKDIR {step.rest}")


def workdir(before):
    """Returns the last WORKDIR if root made its folder: WORKDIR makes a missing folder for the user that is set."""
    makers, user, path, last = {}, "root", "/", None
    for step in before:
        if step.word == "USER":
            user = who(step)
        elif step.word == "WORKDIR":
            path, last = posixpath.join(path, step.rest.rstrip("/")), step
            makers.setdefault(path, user)
    if last is None or path.startswith(("/home", "/$HOME", "/tmp")) or makers[path] not in ("root", "0"):
        return None
    return last
