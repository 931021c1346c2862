"""The command line of scripts/deploy.sh."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from space_lint.__main__ import check

from . import env_file, folder, trial
from .failure import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/deploy.sh", description="Puts a backend on a Docker Space, and waits until it answers there.")
    parser.add_argument("backend", metavar="BACKEND")
    parser.add_argument("space", metavar="OWNER/SPACE")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--image", metavar="REF@sha256:…", help="the Space takes this image; nothing is compiled there")
    way.add_argument("--binary", action="store_true", help="the Space packs dist/BACKEND; nothing is compiled there")
    parser.add_argument("--env-file", metavar="FILE", help="its names become secrets (default: BACKEND/.env where there is one)")
    parser.add_argument("--variable", metavar="NAME", action="append", default=[], help="this name of the file becomes a variable, which visitors can read")
    parser.add_argument("--private", action="store_true", help="a new Space is private")
    parser.add_argument("--delete", action="store_true", help="files of the Space that are not sent are deleted there")
    parser.add_argument("--dry-run", action="store_true", help="makes and checks the folder, says what would be sent, and stops; needs no network")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=2100, help="longest wait for the Space (default: 2100)")
    parser.add_argument("--poll", metavar="SECONDS", type=float, default=5, help="pause between two looks (default: 5)")
    options = parser.parse_args()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.space):
        parser.error(f"{options.space!r} is not OWNER/SPACE")
    return parser, options


def settings(options):
    """Secrets and variables of the file, without what only this machine needs."""
    if options.env_file and not os.path.isfile(options.env_file):
        raise env_file.Unreadable(f"--env-file: there is no file {options.env_file}")
    path = options.env_file or os.path.join(ROOT, options.backend, ".env")
    values = env_file.read(path) if options.env_file or os.path.exists(path) else {}
    for name in options.variable:
        if name not in values:
            raise env_file.Unreadable(f"--variable {name}: {path} does not set it")
    left_out = [values.pop(name) and name for name in env_file.HERE_ONLY if name in values]
    return ({name: value for name, value in values.items() if name not in options.variable},
            {name: value for name, value in values.items() if name in options.variable}, left_out)


def prepare(options, to):
    folder.stage(ROOT, options.backend, to, options.image, options.binary)
    found = check(to, by_upload=True)
    for finding in found:
        print(f"preflight: {finding}")
    if any(finding.rule.level == "error" for finding in found):
        raise folder.Unusable("the preflight found errors; nothing was sent")
    return folder.files(to)


def deploy(options, to, sent, secrets, variables, say, hidden):
    from .hub import Space, token  # needs the client, which a dry run does without
    hidden[token()] = "HF_TOKEN"
    space = Space(options.space, say)
    there = space.prepare(options.private)
    obsolete = sorted({it.rfilename for it in there.siblings or []} - set(sent) - {".gitattributes"})
    if obsolete and not options.delete:
        raise Failure(f"{options.space} has {len(obsolete)} files that are not sent, such as {', '.join(obsolete[:5])}", "run this with --delete to delete them, or choose another name")
    space.configure(secrets, variables)
    commit = space.send(to, f"Deploy {options.backend}", obsolete)
    say(f"commit {commit}")
    if commit == there.sha:
        space.restart_if_down()
    space.wait(commit, options.timeout, options.poll)
    say(f"{options.backend} answers at {space.probe(min(options.timeout, 120), options.poll)}")


def main():
    parser, options = arguments()
    hidden, to = {}, None
    def say(text):
        for value, name in hidden.items():
            text = text.replace(value, f"<{name}>")
        print(f"deploy: {text}", flush=True)
    try:
        secrets, variables, left_out = settings(options)
        # Longest first, so that a value within another one does not keep it from being found. Of very short ones nothing is given away.
        hidden.update({value: name for name, value in sorted(secrets.items(), key=lambda it: -len(it[1])) if len(value) > 3})
        for line in trial.check(os.path.join(ROOT, "dist", options.backend), secrets | variables):
            say(f"settings: {line}")
        to = tempfile.mkdtemp(prefix=f"{options.backend}-")
        sent = prepare(options, to)
        say(f"{len(sent)} files, {sum(sent.values())} bytes, in {to}")
        say(f"secrets: {' '.join(secrets) or 'none'}; variables: {' '.join(variables) or 'none'}; left out: {' '.join(left_out) or 'none'}")
        if options.dry_run:
            say("dry run: nothing was sent")
            to = None # it is left, to be looked at
        else:
            deploy(options, to, sent, secrets, variables, say, hidden)
    except (env_file.Unreadable, folder.Unusable, trial.Refused, OSError) as problem:
        say(str(problem))
        return 2
    except subprocess.CalledProcessError:
        return 2  # stage.sh has said why
    except Failure as problem:
        say(f"failed: {problem}")
        return 1
    finally:
        if to:
            shutil.rmtree(to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
