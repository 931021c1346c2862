"""The command line of scripts/lint-space.sh."""

import argparse
import os
import sys

from . import container, dockerfile, files, readme, report, repository, running, start

STATUS = """exit status:
  0  no errors (with --strict: no errors and no warnings)
  1  errors
  2  wrong arguments, or no container engine for --run

levels:
  error    the Space does not start, the push is rejected, or a secret becomes public
  warning  that is likely, but depends on what the folder does not show
  advice   the Space starts; something else can be better
"""


def text(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError):
        return None  # files.check reports it


def check(folder, by_upload=False, address=None, run=False, **how):
    """Returns the findings of a Space's folder."""
    paths, port = repository.files(folder), None
    found = files.check(folder, paths, by_upload) + files.check_history(repository.history(folder), by_upload)
    if (content := text(folder, "README.md")) is not None:
        more, port = readme.check(content)
        found += more
    if (content := text(folder, "Dockerfile")) is not None:
        sent = start.Folder(folder, repository.uploaded(folder) if by_upload else paths)
        found += dockerfile.check(content, port, start.Folder(folder, paths), sent, by_upload, run and not how.get("image"))
    found += running.check(address) if address else []
    return found + (container.check(folder, port or 7860, **how) if run else [])


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/lint-space.sh", description="Checks the folder of a Docker Space offline; with --run, also the running image.",
                                     epilog=STATUS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--advice", action="store_true", help="explain the advice, which is one line otherwise")
    parser.add_argument("--strict", action="store_true", help="warnings also give exit status 1")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object with all findings")
    output.add_argument("--github", action="store_true", help="print annotations for a GitHub workflow")
    parser.add_argument("--by-upload", action="store_true", help="the folder is sent with 'hf upload', which accepts binaries and large files")
    parser.add_argument("--address", metavar="URL", help="also check the running service at this address")
    parser.add_argument("--run", action="store_true", help="also build the image and run it like the platform (docker or podman)")
    parser.add_argument("--image", metavar="REF", help="run this image instead of building one")
    parser.add_argument("--env-file", metavar="FILE", help="variables for the image")
    parser.add_argument("--patience", metavar="SECONDS", type=float, default=60, help="longest wait for the first response (default: 60)")
    options = parser.parse_args()
    if not os.path.isdir(options.folder):
        parser.error(f"{options.folder} is not a folder")
    if options.env_file and not os.path.isfile(options.env_file):
        parser.error(f"{options.env_file} is not a file")
    if options.address and not options.address.startswith(("http://", "https://")):
        parser.error(f"--address {options.address} must start with http:// or https://")
    options.run = options.run or options.image is not None
    if options.env_file and not options.run:
        parser.error("--env-file requires --run or --image REF")
    return parser, options


def main():
    parser, options = arguments()
    try:
        found = check(options.folder, options.by_upload, options.address, options.run, image=options.image, env_file=options.env_file, patience=options.patience)
    except container.EngineError as error:
        parser.error(f"cannot run an image: {error}")
    printed = (report.as_json(options.folder, found) if options.json else report.github(options.folder, found, options.advice) if options.github
               else report.text(options.folder, found, options.advice))
    try:
        print(printed, flush=True)
    except BrokenPipeError:  # the reader has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    number = report.counts(found)
    return number["error"] > 0 or options.strict and number["warning"] > 0


if __name__ == "__main__":
    sys.exit(main())
