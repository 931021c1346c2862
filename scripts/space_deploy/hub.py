"""Configures, uploads and watches a Space with the Hub's official client."""

import os
import time

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import httpx2  # noqa: E402 the HTTP library of the client
from huggingface_hub import HfApi, get_token  # noqa: E402
from huggingface_hub.errors import HfHubHTTPError, OIDCError, RepositoryNotFoundError  # noqa: E402
from space_lint import running  # noqa: E402

from . import failure  # noqa: E402

BUSY = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
GRACE = 60  # seconds in which the Hub can still report the stage of the previous build


def guarded(request):
    """Runs the request, and turns the client's exceptions into a DeployError."""
    try:
        return request()
    except HfHubHTTPError as error:
        raise failure.of_status(error.response.status_code, error.server_message or "") from None
    except (httpx2.HTTPError, OSError) as error:
        raise failure.of_connection(type(error).__name__) from None
    except ValueError as error:  # the Hub's check of the front matter
        raise failure.of_status(400, str(error)) from None


def token():
    """Returns the token. In a CI job with HF_OIDC_RESOURCE, the client gets one for an hour if the Space trusts that job."""
    try:
        found = get_token()
    except (HfHubHTTPError, OIDCError) as error:
        message = getattr(error, "server_message", None) or str(error).splitlines()[0]
        raise failure.DeployError("the Hub gives this job no token", failure.TRUST, message) from None
    except httpx2.HTTPError as error:
        raise failure.of_connection(type(error).__name__) from None
    if not found:
        raise failure.no_token()
    return found


class Space:
    def __init__(self, name, say):
        self.name, self.say, self.api = name, say, HfApi()

    def info(self):
        return guarded(lambda: self.api.space_info(self.name))

    def prepare(self, private):
        """Creates the Space if it does not exist, and returns its files and its commit."""
        def find():
            try:
                return self.api.space_info(self.name)
            except RepositoryNotFoundError:
                return None
        found = guarded(find)
        if found is None:
            self.say(f"creating {self.name}")
            guarded(lambda: self.api.create_repo(self.name, repo_type="space", space_sdk="docker", private=private, exist_ok=True))
            found = self.info()
        elif found.sdk not in (None, "docker"):
            raise failure.DeployError(f"{self.name} is a Space with sdk {found.sdk}", "choose another name, or delete that Space")
        return found

    def configure(self, secrets, variables):
        """Sets secrets and variables. Deletes a name's other kind, because the Hub rejects a Space with both."""
        if not secrets and not variables:
            return  # so that a token with only push permission is enough
        known_variables, known_secrets = guarded(lambda: (self.api.get_space_variables(self.name), self.api.get_space_secrets(self.name)))
        for name, value in variables.items():
            if name in known_secrets:
                guarded(lambda: self.api.delete_space_secret(self.name, name))
            if name not in known_variables or known_variables[name].value != value:
                self.say(f"variable {name}")
                guarded(lambda: self.api.add_space_variable(self.name, name, value))
        for name, value in secrets.items():
            if name in known_variables:
                guarded(lambda: self.api.delete_space_variable(self.name, name))
            self.say(f"secret {name}")
            guarded(lambda: self.api.add_space_secret(self.name, name, value))

    def send(self, folder, message, obsolete):
        return guarded(lambda: self.api.upload_folder(
            repo_id=self.name, repo_type="space", folder_path=folder, commit_message=message, delete_patterns=obsolete or None)).oid

    def restart_if_down(self):
        """Restarts the Space if it is down. Without a new commit, the Hub does not start it again."""
        if self.stage()[0] in failure.STAGES:
            self.say("restarting the Space: it is down, and its files have not changed")
            guarded(lambda: self.api.restart_space(self.name))

    def stage(self):
        runtime = guarded(lambda: self.api.get_space_runtime(self.name))
        return runtime.stage, runtime.raw.get("sha")

    def wait(self, commit, timeout, poll):
        begun, last, moved = time.monotonic(), None, False
        while True:
            stage, sha = self.stage()
            if stage != last:
                self.say(f"stage {stage}" + ("" if sha in (None, commit) else " (of the previous commit)"))
            last, moved = stage, moved or stage in BUSY
            waited = time.monotonic() - begun
            if stage in ("RUNNING", "SLEEPING") and sha == commit:
                return
            if stage in failure.STAGES and (moved or sha == commit or waited > GRACE):
                raise failure.of_stage(stage, self.log(stage == "BUILD_ERROR"))
            if waited > timeout:
                raise failure.of_time(timeout, stage)
            time.sleep(poll)

    def log(self, build):
        try:
            return [line for text in self.api.fetch_space_logs(self.name, build=build) for line in text.splitlines()]
        except (HfHubHTTPError, httpx2.HTTPError, ValueError):
            return []  # a missing log must not hide the stage

    def probe(self, timeout, poll):
        """Sends GET and HEAD to the Space's own address until neither breaks a rule. Returns the address."""
        info, begun = self.info(), time.monotonic()
        address = info.host or f"https://{info.subdomain}.hf.space"
        headers = {"authorization": f"Bearer {token()}"} if info.private else {}
        while found := [it for it in running.check(address + "/", headers=headers) if it.rule.level == "error"]:
            if time.monotonic() - begun > timeout:
                raise failure.DeployError("\n  ".join(["the service runs, but its responses have errors", *map(str, found)]), "correct these errors; the Space's page has the log")
            time.sleep(poll)
        return address
