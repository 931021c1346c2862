"""The command line of scripts/deploy.sh."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from space_lint.__main__ import check

from . import env_file, folder, mistakes, settings_check
from .failure import DeployError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/deploy.sh", description="Deploys a backend to a Docker Space, and waits until it answers there.")
    parser.add_argument("backend", metavar="BACKEND")
    parser.add_argument("space", metavar="OWNER/SPACE")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--image", metavar="REF@sha256:…", help="deploy this image; the Space compiles nothing")
    source.add_argument("--binary", action="store_true", help="deploy dist/BACKEND; the Space compiles nothing")
    parser.add_argument("--env-file", metavar="FILE", help="set the variables of this file as secrets (default: BACKEND/.env if it exists)")
    parser.add_argument("--variable", metavar="NAME", action="append", default=[], help="set this name of the file as a variable instead of a secret; visitors can read it")
    parser.add_argument("--private", action="store_true", help="make a new Space private")
    parser.add_argument("--delete", action="store_true", help="delete the Space's other files")
    parser.add_argument("--accept-warnings", action="store_true", help="deploy although names or secrets look like mistakes")
    parser.add_argument("--dry-run", action="store_true", help="create and check the folder, print what would be sent, and stop; needs no network")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=2100, help="longest wait for the Space (default: 2100)")
    parser.add_argument("--poll", metavar="SECONDS", type=float, default=5, help="interval of status requests (default: 5)")
    options = parser.parse_args()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.space):
        parser.error(f"{options.space!r} is not OWNER/SPACE")
    return options


def settings(options):
    """Returns the secrets, the variables, and the skipped names that only concern this machine."""
    if options.env_file and not os.path.exists(options.env_file):
        raise env_file.EnvFileError(f"--env-file: no such file: {options.env_file}")
    path = options.env_file or os.path.join(ROOT, options.backend, ".env")
    values = env_file.read(path) if options.env_file or os.path.exists(path) else {}
    for name in options.variable:
        if name not in values:
            raise env_file.EnvFileError(f"--variable {name}: {path} does not set it")
    skipped = [values.pop(name) and name for name in env_file.LOCAL_ONLY if name in values]
    return ({name: value for name, value in values.items() if name not in options.variable},
            {name: value for name, value in values.items() if name in options.variable}, skipped)


def check_settings(options, values, names, say):
    """Prints what looks like a mistake and what the program says, and stops on a mistake."""
    found = mistakes.find(names, values, mistakes.local_tokens(os.environ), mistakes.elsewhere(ROOT, options.backend), options.variable)
    for mistake in found:
        say(f"warning: {mistake}")
    for line in settings_check.check(os.path.join(ROOT, "dist", options.backend), values, settings_check.platform(os.path.join(ROOT, options.backend, "README.md"))):
        name, is_unknown, _ = line.partition(" is unknown; did you mean ")
        if not is_unknown:
            say(f"settings: {line}")
        elif not any(it.startswith(f"{name} ") for it in found):
            found.append(line)
            say(f"warning: {line}")
    if found and not options.accept_warnings:
        raise settings_check.RejectedSettingsError("nothing was sent; correct these settings, or add --accept-warnings")


def prepare(options, to):
    folder.stage(ROOT, options.backend, to, options.image, options.binary)
    found = [finding for finding in check(to, by_upload=True) if finding.rule.level != "advice"]  # on files that are ours
    for finding in found:
        print(f"preflight: {finding}")
    if any(finding.rule.level == "error" for finding in found):
        raise folder.FolderError("the preflight check found errors; nothing was sent")
    return folder.files(to)


def deploy(options, to, sent, secrets, variables, say, hidden):
    from .hub import Space, token  # imported here, because a dry run works without the client
    hidden[token()] = "HF_TOKEN"
    space = Space(options.space, say)
    current = space.prepare(options.private)
    obsolete = sorted({it.rfilename for it in current.siblings or []} - set(sent) - {".gitattributes"})
    if obsolete and not options.delete:
        raise DeployError(f"{options.space} has {len(obsolete)} other files, such as {', '.join(obsolete[:5])}", "run this with --delete to delete them, or choose another name")
    space.configure(secrets, variables)
    commit = space.send(to, f"Deploy {options.backend}", obsolete)
    say(f"commit {commit}")
    if commit == current.sha:
        space.restart_if_down()
    space.wait(commit, options.timeout, options.poll)
    say(f"{options.backend} answers at {space.probe(min(options.timeout, 120), options.poll)}")


def main():
    options = arguments()
    hidden, to = {}, None
    def say(text):
        for value, name in hidden.items():
            text = text.replace(value, f"<{name}>")
        print(f"deploy: {text}", flush=True)
    try:
        folder.require(ROOT, options.backend)
        secrets, variables, skipped = settings(options)
        names = mistakes.known(os.path.join(ROOT, options.backend))
        shown = mistakes.public(names, secrets)
        # Longest first, because one value can be part of another. Values of up to 3 characters would match ordinary text.
        hidden.update({value: name for name, value in sorted(secrets.items(), key=lambda it: -len(it[1])) if len(value) > 3 and name not in shown})
        check_settings(options, secrets | variables, names, say)
        to = tempfile.mkdtemp(prefix=f"{options.backend}-")
        sent = prepare(options, to)
        say(f"{len(sent)} files, {sum(sent.values())} bytes, in {to}")
        say(f"secrets: {' '.join(secrets) or 'none'}; variables: {' '.join(variables) or 'none'}; skipped: {' '.join(skipped) or 'none'}")
        if options.dry_run:
            say("dry run: nothing was sent")
            subdomain = re.sub("[^a-z0-9]+", "-", options.space.lower())
            say(f"the Hub usually serves a Space of this name at https://{subdomain}.hf.space")
            to = None # keep the folder for inspection
        else:
            deploy(options, to, sent, secrets, variables, say, hidden)
    except (env_file.EnvFileError, folder.FolderError, settings_check.RejectedSettingsError, OSError) as error:
        say(str(error))
        return 2
    except subprocess.CalledProcessError:
        return 2  # stage.sh has printed the reason
    except DeployError as error:
        say(f"failed: {error}")
        return 1
    finally:
        if to:
            shutil.rmtree(to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
