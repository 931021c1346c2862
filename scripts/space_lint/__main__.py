"""The command line of scripts/lint-space.sh."""

import argparse
import os
import sys

from . import container, dockerfile, files, readme, running


def text(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None  # files.check reports it


def check(folder, by_upload=False, address=None, run=False, **how):
    found, port = files.check(folder, by_upload), None
    if (content := text(folder, "README.md")) is not None:
        more, port = readme.check(content)
        found += more
    if (content := text(folder, "Dockerfile")) is not None:
        found += dockerfile.check(content, port)
    found += running.check(address) if address else []
    return found + (container.check(folder, port or 7860, **how) if run else [])


def main():
    parser = argparse.ArgumentParser(prog="scripts/lint-space.sh", description="Checks the folder of a Docker Space offline; with --run, also the running image.")
    parser.add_argument("folder", metavar="DIR")
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
    run = options.run or options.image is not None
    if options.env_file and not run:
        parser.error("--env-file requires --run or --image REF")
    try:
        found = check(options.folder, options.by_upload, options.address, run, image=options.image, env_file=options.env_file, patience=options.patience)
    except container.EngineError as error:
        parser.error(f"cannot run an image: {error}")
    for finding in found:
        print(finding)
    errors = sum(finding.rule.level == "error" for finding in found)
    print(f"lint: {options.folder}: {errors} errors, {len(found) - errors} notes")
    return errors > 0


if __name__ == "__main__":
    sys.exit(main())
