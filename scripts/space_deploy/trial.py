"""Asks the program itself, where it is built, whether it can start with the settings that a Space would get."""

import os
import re
import subprocess

# What the platform sets, as far as a start depends on it. The values are made up.
PLATFORM = {
    "LOG_FORMAT": "text", "SPACE_ID": "owner/space", "SPACE_HOST": "owner-space.hf.space", "OAUTH_CLIENT_ID": "00000000-0000-0000-0000-000000000000",
    "OAUTH_CLIENT_SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz", "OAUTH_SCOPES": "openid profile", "OPENID_PROVIDER_URL": "https://huggingface.co",
}


class Refused(Exception):
    """The program would not start."""


def check(program, values):
    """Lines with what the program noticed; none where there is no program. It is told what to check by its environment alone."""
    if not os.access(program, os.X_OK):
        return []
    run = subprocess.run([program, "check"], env=PLATFORM | values, capture_output=True, text=True, timeout=10)
    said = (run.stdout + run.stderr).splitlines()
    told = [line.strip() for line in said if not re.match(r"Try: |\S+: (the configuration is valid|\d+ problems?)$", line)]
    if run.returncode:
        raise Refused("the settings cannot be used, as dist/ says; nothing was sent\n  " + "\n  ".join(told))
    return told
