"""What can fail on the platform: one row per class of failure, with the next step."""

import re


class DeployError(Exception):
    """`what` failed, `step` says what to do next, and `detail` is the Hub's own message."""

    def __init__(self, what, step, detail=""):
        super().__init__(f"{what}{': ' + detail if detail else ''}\ndeploy: next: {step}")


QUOTA = re.compile(r"quota|storage|limit|exceeded", re.I)
# Status, pattern of the Hub's message, what failed, next step. The first matching row applies.
STATUSES = [
    (402, None, "creating a Docker Space requires a paid plan", "upgrade at huggingface.co/pricing, or deploy to an existing Docker Space"),
    (401, None, "the token is missing, expired or unknown", "create one with write access at huggingface.co/settings/tokens, then run 'hf auth login' or set HF_TOKEN"),
    (403, QUOTA, "a quota of the account is exhausted", "delete or pause what you do not need, or upgrade; then run this again"),
    (403, None, "the token has no permission for this", "give the token write access to that owner's repositories (a fine-grained token lists them), or check OWNER"),
    (404, None, "the owner or Space does not exist, or the token cannot see it", "check OWNER/SPACE and what the token can read"),
    (400, None, "the Hub rejects the request", "correct what the message names, then run this again"),
    (413, None, "the Hub rejects the size of a file", "make the file smaller, or deploy with --image"),
    (429, None, "too many requests to the Hub", "wait some minutes, then run this again: it continues where it stopped"),
]
TRUST = "add this repository and workflow under Trusted Publishers on the Space's settings page; the job requires 'permissions: id-token: write'"
STAGES = {
    "BUILD_ERROR": ("the image build failed", "read the log above; 'docker build' in the folder of --dry-run fails the same way"),
    "RUNTIME_ERROR": ("the service exited or did not answer on app_port in time", "read the log above; the service's command 'check' lists invalid variables"),
    "CONFIG_ERROR": ("the Space's settings are invalid", "look for a variable and a secret with the same name, or an error in the front matter: see the Space's page"),
    "NO_APP_FILE": ("the Hub found no Dockerfile", "run this again; if it still fails, look at the Space's files"),
    "PAUSED": ("the Space is paused", "restart it on its page, then run this again"),
    "STOPPED": ("the Space is stopped", "restart it on its page, then run this again"),
    "DELETING": ("the Space is being deleted", "wait, or choose another name"),
}


def of_status(status, message):
    for number, pattern, what, step in STATUSES:
        if status == number and (pattern is None or pattern.search(message)):
            return DeployError(what, step, f"status {status} {message}".strip())
    return DeployError("the Hub failed", "wait, then run this again: it continues where it stopped", f"status {status} {message}".strip())


def no_token():
    step = next(step for status, _, _, step in STATUSES if status == 401)
    return DeployError("no token found on this machine", step)


def of_connection(detail):
    return DeployError("cannot connect to the Hub", "check the network and HF_ENDPOINT, then run this again", detail)


def of_stage(stage, log):
    what, step = STAGES[stage]
    tail = "".join(f"\n  {line.rstrip()}" for line in log[-20:]) or "\n  (the platform has no log)"
    return DeployError(f"{what} ({stage}); the end of its log:{tail}", step)


def of_time(seconds, stage):
    return DeployError(f"not running after {seconds:.0f} s; the last stage was {stage}", "look at the Space's page, because the queue can be long; run this again with a longer --timeout")
