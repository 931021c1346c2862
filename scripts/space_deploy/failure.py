"""What can go wrong on the platform: one row for each class, with the next step."""

import re


class Failure(Exception):
    def __init__(self, what, step, detail=""):
        super().__init__(f"{what}{': ' + detail if detail else ''}\ndeploy: next: {step}")


QUOTA = re.compile(r"quota|storage|limit|exceeded", re.I)
# Status, what the Hub's own words must have, what it is, what to do. The first row that fits counts.
STATUSES = [
    (402, None, "creating a Docker Space needs a paid plan", "upgrade at huggingface.co/pricing, or deploy to a Docker Space that exists"),
    (401, None, "the token is missing, expired or unknown", "make one with write access at huggingface.co/settings/tokens, then 'hf auth login' or set HF_TOKEN"),
    (403, QUOTA, "a quota of the account is used up", "delete or pause what is not needed, or upgrade; then run this again"),
    (403, None, "the token may not do this", "give the token write access to that owner's repositories (a fine-grained token names them), or check OWNER"),
    (404, None, "there is no such owner or Space, or the token cannot see it", "check OWNER/SPACE and what the token may read"),
    (400, None, "the Hub refuses what was sent", "correct what it names, then run this again"),
    (413, None, "the Hub refuses a file's size", "make it smaller, or deploy with --image"),
    (429, None, "too many requests to the Hub", "wait some minutes, then run this again: it goes on where it stopped"),
]
TRUST = "add this repository and workflow under Trusted Publishers on the Space's settings page; the job wants 'permissions: id-token: write'"
STAGES = {
    "BUILD_ERROR": ("the image did not build", "read the log above; 'docker build' in the folder of --dry-run shows the same"),
    "RUNTIME_ERROR": ("the service ended or did not answer on app_port in time", "read the log above; the service's command 'check' tells which variables it cannot use"),
    "CONFIG_ERROR": ("the Space's settings are not usable", "a variable and a secret may have one name, or the front matter is wrong: see the Space's page"),
    "NO_APP_FILE": ("the Hub found no Dockerfile", "run this again; if it stays so, look at the Space's files"),
    "PAUSED": ("the Space is paused", "restart it on its page, then run this again"),
    "STOPPED": ("the Space is stopped", "restart it on its page, then run this again"),
    "DELETING": ("the Space is being deleted", "wait, or choose another name"),
}


def of_status(status, words):
    for number, pattern, what, step in STATUSES:
        if status == number and (pattern is None or pattern.search(words)):
            return Failure(what, step, f"the Hub answered {status} {words}".strip())
    return Failure("the Hub failed", "wait, then run this again: it goes on where it stopped", f"it answered {status} {words}".strip())


def no_token():
    step = next(step for status, _, _, step in STATUSES if status == 401)
    return Failure("no token was found here", step)


def of_connection(detail):
    return Failure("the Hub could not be reached", "check the network and HF_ENDPOINT, then run this again", detail)


def of_stage(stage, log):
    what, step = STAGES[stage]
    tail = "".join(f"\n  {line.rstrip()}" for line in log[-20:]) or "\n  (the platform has no log)"
    return Failure(f"{what} ({stage}); the end of its log{tail}", step)


def of_time(seconds, stage):
    return Failure(f"not running after {seconds:.0f} s, the last stage was {stage}", "look at the Space's page: queues can be long; run this again with a longer --timeout")
