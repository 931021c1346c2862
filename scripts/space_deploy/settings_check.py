"""Asks the built program, before anything is sent, whether it accepts the settings that the Space would get."""

import os
import re
import subprocess

from space_lint import front_matter

# The platform's own variables, as far as a start depends on them. The values are made up.
PLATFORM = {"LOG_FORMAT": "text", "SPACE_ID": "owner/space", "SPACE_HOST": "owner-space.hf.space"}
OAUTH = {
    "OAUTH_CLIENT_ID": "00000000-0000-0000-0000-000000000000", "OAUTH_CLIENT_SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
}


class RejectedSettingsError(Exception):
    """The program does not start with these settings."""


def platform(readme):
    """Returns what the platform sets in a Space with the front matter of this file."""
    try:
        with open(readme, encoding="utf-8") as file:
            settings = {name: it.value for name, it in front_matter.read(file.read())}
    except (OSError, front_matter.FrontMatterError):
        settings = {"hf_oauth": "true"}  # the check of the folder reports it
    if settings.get("hf_oauth") != "true":
        return PLATFORM
    scopes = settings.get("hf_oauth_scopes", [])
    return PLATFORM | OAUTH | {"OAUTH_SCOPES": " ".join(["openid", "profile", *(scopes if isinstance(scopes, list) else [])])}


def check(program, values, given=PLATFORM):
    """Runs `PROGRAM check` with only these values and the given ones. Returns its warnings."""
    name = os.path.basename(program)
    if not os.access(program, os.X_OK):
        return [f"the values were not checked, because dist/{name} does not exist: scripts/build-image.sh {name} makes it"]
    try:
        run = subprocess.run([program, "check"], env=given | values, capture_output=True, text=True, timeout=10)
    except OSError as error:  # such as macOS, where an image's binary does not run
        return [f"the values were not checked, because this machine cannot run dist/{name} ({error.strerror})"]
    warnings = run.stdout.split("\nlimits:\n")[0]  # a table of limits follows the warnings
    lines = [line.strip() for line in (warnings + run.stderr).splitlines()
             if not re.match(r"Try: |\S+: (the configuration is valid|\d+ problems?)$", line)]
    if run.returncode:
        raise RejectedSettingsError(f"dist/{name} rejects these settings (nothing was sent):\n  " + "\n  ".join(lines))
    return lines
