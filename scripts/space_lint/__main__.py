"""The command line of scripts/lint-space.sh."""

import argparse
import os
import sys

from . import dockerfile, files, readme, running


def text(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None  # files.check says so


def check(folder, by_upload=False, address=None):
    found, port = files.check(folder, by_upload), None
    if (content := text(folder, "README.md")) is not None:
        more, port = readme.check(content)
        found += more
    if (content := text(folder, "Dockerfile")) is not None:
        found += dockerfile.check(content, port)
    return found + (running.check(address) if address else [])


def main():
    parser = argparse.ArgumentParser(prog="scripts/lint-space.sh", description="Checks the folder of a Docker Space, offline.")
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--by-upload", action="store_true", help="it goes by 'hf upload', which takes binaries and large files")
    parser.add_argument("--address", metavar="URL", help="also ask the running service there")
    options = parser.parse_args()
    if not os.path.isdir(options.folder):
        parser.error(f"{options.folder} is not a folder")
    found = check(options.folder, options.by_upload, options.address)
    for finding in found:
        print(finding)
    errors = sum(finding.rule.level == "error" for finding in found)
    print(f"lint: {options.folder}: {errors} errors, {len(found) - errors} notes")
    return errors > 0


if __name__ == "__main__":
    sys.exit(main())
