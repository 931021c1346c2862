#!/usr/bin/env python3
"""Runs scripts/deploy.sh with the real client against a fake Hub, scripts/hub_recorder.py.
usage: scripts/test-deploy.py"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)
from hub_recorder import NEW, OLD, Recorder  # noqa: E402
from space_deploy import env_file, folder, mistakes, settings_check  # noqa: E402
from space_lint import __main__ as lint  # noqa: E402
from space_lint import front_matter  # noqa: E402

IMAGE = "registry.example/me/python-backend@sha256:" + "0a" * 32
KEY, TOKEN = "site:" + "kE9x" * 8, "hf_" + "wXyZ" * 9
ENV = f"# keys\nexport API_KEYS='{KEY}'\nMODELS=\"a/b\" # public\nPORT=9000\nEMPTY=\n"


def deploy(hub, *more, env=ENV, token=TOKEN, ci=None):
    """Runs deploy.sh in an environment without the tokens of this machine."""
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/env", "w", encoding="utf-8") as file:
            file.write(env)
        given = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "HF_HOME": work + "/hub", "HF_ENDPOINT": hub.address if hub else "http://127.0.0.1:1", "TMPDIR": work}
        run = subprocess.run(
            [SCRIPTS + "/deploy.sh", "python-backend", "me/space", "--env-file", work + "/env", "--poll", "0.01", *more],
            env=given | ({"HF_TOKEN": token} if token else {}) | (ci or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        run.left = sorted(it for it in os.listdir(work) if it.startswith("python-backend-"))
    return run


class Deploy(unittest.TestCase):
    def good(self, hub, *more, **options):
        run = deploy(hub, "--image", IMAGE, *more, **options)
        self.assertEqual(run.returncode, 0, run.stdout)
        return run.stdout

    def bad(self, hub, *words, more=(), **options):
        run = deploy(hub, "--image", IMAGE, *more, **options)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("next: ", run.stdout)
        for word in words:
            self.assertIn(word, run.stdout)
        return run.stdout

    def test_new_space_is_created_configured_uploaded_and_probed(self):
        with Recorder() as hub:
            hub.exists = False
            output = self.good(hub, "--variable", "MODELS", "--private")
            self.assertIn(f"python-backend answers at {hub.address}", output)
            self.assertTrue(hub.private)
            self.assertEqual((hub.secrets, hub.variables), ({"API_KEYS": KEY}, {"MODELS": "a/b"}))
            self.assertEqual(hub.files["Dockerfile"], f"FROM {IMAGE}\n".encode())
            self.assertTrue(hub.files["README.md"].startswith(b"---\ntitle: python-backend\n"))
            at = [call[1].rpartition("/")[2] for call in hub.calls]
            self.assertLess(at.index("secrets"), at.index("main"), "the settings are there before the first start")
            self.assertEqual(hub.tokens, {f"Bearer {TOKEN}"})

    def test_trusted_ci_job_needs_no_stored_token_and_only_pushes(self):
        with Recorder() as hub:
            ci = {"GITHUB_ACTIONS": "true", "HF_OIDC_RESOURCE": "spaces/me/space", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
                  "ACTIONS_ID_TOKEN_REQUEST_URL": f"{hub.address}/id-token"}
            hub.log = ["the platform repeats hf_jwt_for-an-hour\n"]
            hub.stages = [("BUILDING", OLD), ("BUILD_ERROR", NEW)]
            output = self.bad(hub, "repeats <HF_TOKEN>", env="", token=None, ci=ci)
            self.assertNotIn("hf_jwt", output)
            self.assertEqual((hub.sha, hub.tokens, hub.exchanged["resource"]), (NEW, {"Bearer hf_jwt_for-an-hour"}, "spaces/me/space"))
            self.assertIn("audience=", hub.exchanged["subject_token"])
            self.assertNotIn("/api/spaces/me/space/secrets", [path for _, path in hub.calls])
            hub.refuse = {("POST", "/oauth/token"): (400, "invalid_grant")}
            self.bad(hub, "gives this job no token", "Trusted Publishers", env="", token=None, ci=ci)
            ci.pop("ACTIONS_ID_TOKEN_REQUEST_URL")
            self.bad(hub, "id-token: write", env="", token=None, ci=ci)

    def test_running_stage_of_the_previous_commit_does_not_count(self):
        with Recorder() as hub:
            output = self.good(hub)
            self.assertEqual([hub.stages, hub.sha], [[("RUNNING", NEW)], NEW])
            self.assertLess(output.index("stage RUNNING (of the previous commit)"), output.index("stage APP_STARTING"))

    def test_build_error_of_the_previous_commit_does_not_count(self):
        with Recorder() as hub:
            hub.stages = [("BUILD_ERROR", OLD), ("BUILDING", OLD), ("RUNNING", NEW)]
            self.good(hub)

    def test_second_deploy_commits_nothing_and_restarts_a_space_that_is_down(self):
        with Recorder() as hub:
            self.good(hub)
            hub.calls.clear()
            self.good(hub)
            self.assertNotIn("commit", "".join(path for _, path in hub.calls))
            hub.stages = [("RUNTIME_ERROR", NEW)]
            self.assertIn("restarting the Space", self.good(hub))

    def test_secret_replaces_a_variable_of_the_same_name_and_vice_versa(self):
        with Recorder() as hub:
            hub.variables, hub.secrets = {"API_KEYS": "x"}, {"MODELS": "y"}
            self.good(hub, "--variable", "MODELS")
            self.assertEqual((hub.secrets, hub.variables), ({"API_KEYS": KEY}, {"MODELS": "a/b"}))

    def test_other_files_are_deleted_only_with_delete(self):
        with Recorder() as hub:
            hub.files["app.py"] = b"mine"
            self.bad(hub, "app.py", "--delete")
            self.assertEqual((hub.files["app.py"], hub.sha, hub.secrets), (b"mine", OLD, {}))
            self.good(hub, "--delete")
            self.assertEqual(sorted(hub.files), [".gitattributes", "Dockerfile", "README.md"])

    def test_each_failure_has_its_own_message_and_next_step(self):
        commit, create, secrets = ("POST", "/commit/main"), ("POST", "/create"), ("POST", "/secrets")  # the client does not retry the last one
        for where, status, message, word in (
            (create, 402, "Payment required", "paid plan"), (commit, 401, "Invalid username or password.", "expired or unknown"),
            (commit, 403, "Storage quota exceeded", "a quota of the account"), (commit, 403, "Forbidden", "the token has no permission for this"),
            (create, 404, "No such owner", "does not exist"), (("POST", "/validate-yaml"), 400, "bad", "the Hub rejects the request"),
            (secrets, 429, "Too many", "too many requests"), (secrets, 500, "Oops", "the Hub failed"),
        ):
            with self.subTest(status=status, message=message), Recorder() as hub:
                hub.exists, hub.refuse = where != create, {where: (status, message)}
                self.bad(hub, word)

    def test_failed_build_or_start_shows_the_end_of_its_log_without_secrets(self):
        for stage, word in (("BUILD_ERROR", "the image build failed"), ("RUNTIME_ERROR", "exited or did not answer"), ("CONFIG_ERROR", "are invalid"), ("PAUSED", "is paused")):
            with self.subTest(stage=stage), Recorder() as hub:
                hub.stages = [("BUILDING", OLD), (stage, NEW)]
                hub.log = [f"line {number}\n" for number in range(30)] + [f"the last one: {KEY} {TOKEN}\n"]
                output = self.bad(hub, word, "line 29", "the last one: <API_KEYS> <HF_TOKEN>")
                self.assertNotIn("line 9\n", output)

    def test_waiting_ends_after_the_timeout(self):
        with Recorder() as hub:
            hub.stages = [("BUILDING", OLD)]
            self.bad(hub, "not running after 0 s", "BUILDING", more=("--timeout", "0.2"))

    def test_running_space_that_rejects_head_is_a_failure(self):
        with Recorder() as hub:
            hub.app["HEAD"] = 405
            self.bad(hub, "HEAD", "status 405", more=("--timeout", "2"))

    def test_missing_token_and_missing_connection_have_different_messages(self):
        with Recorder() as hub:
            self.bad(hub, "no token found on this machine", token=None)
            self.assertEqual(hub.calls, [])
        self.bad(None, "cannot connect to the Hub")

    def test_secrets_are_never_printed_or_sent_with_the_files(self):
        with Recorder() as hub:
            output = self.good(hub)
            for secret in (KEY, TOKEN):
                self.assertNotIn(secret, output)
                self.assertNotIn(secret.encode(), b"".join(hub.files.values()))
            self.assertNotIn("PORT", hub.secrets, "the platform chooses the port")

    def test_dry_run_keeps_the_folder_and_sends_no_request(self):
        with Recorder() as hub:
            run = deploy(hub, "--dry-run", token=None)
            self.assertEqual((run.returncode, hub.calls, len(run.left)), (0, [], 1), run.stdout)
            self.assertIn("secrets: API_KEYS MODELS;", run.stdout)
            self.assertIn("dry run: nothing was sent", run.stdout)
            self.assertIn("https://me-space.hf.space\n", run.stdout)
            self.assertEqual(deploy(hub, "--image", IMAGE).left, [], "a deploy removes its folder")

    def test_staged_source_is_sent_unchanged(self):
        with Recorder() as hub:
            run = deploy(hub)
            self.assertEqual(run.returncode, 0, run.stdout)
            self.assertIn(b"FROM scratch", hub.files["Dockerfile"])
            self.assertIn("Cargo.lock", hub.files)

    def test_binary_is_sent_with_its_own_dockerfile_and_passes_the_preflight(self):
        with tempfile.TemporaryDirectory() as root:
            for folder_ in ("dist", "python-backend", "to"):
                os.mkdir(f"{root}/{folder_}")
            for name in ("README.md", "Dockerfile"):
                shutil.copy(f"{SCRIPTS}/../python-backend/{name}", f"{root}/python-backend")
            with self.assertRaisesRegex(folder.FolderError, "scripts/build.sh python-backend"):
                folder.stage(root, "python-backend", root + "/to", binary=True)
            with open(root + "/dist/python-backend", "wb") as file:
                file.write(b"\x7fELF\0")
            folder.stage(root, "python-backend", root + "/to", binary=True)
            self.assertEqual(sorted(folder.files(root + "/to")), ["Dockerfile", "README.md", "python-backend"])
            self.assertEqual(lint.check(root + "/to", by_upload=True), [])

    def test_invalid_arguments_are_rejected_before_anything_is_sent(self):
        with Recorder() as hub:
            for more, env, word in (
                (("--image", "python-backend:latest"), "", "sha256"), (("--variable", "NOPE"), "A=1\n", "NOPE"), ((), "A=1\nTOKEN hf_secret\n", "line 2 is not NAME=value"),
            ):
                run = deploy(hub, *more, env=env)
                self.assertEqual((run.returncode, hub.calls), (2, []), run.stdout)
                self.assertIn(word, run.stdout)
                self.assertNotIn("hf_secret", run.stdout)

    def test_settings_that_the_program_rejects_are_rejected_before_anything_is_sent(self):
        with tempfile.TemporaryDirectory() as root:
            program = root + "/program"
            missing, = settings_check.check(program, {"A": "b"})
            self.assertIn("the values were not checked, because dist/program does not exist", missing)
            for script, lines in (
                ('test "$1 $A $SPACE_ID" = "check b owner/space" && echo "x: the configuration is valid" && echo "  HF_TOKN is not known here"', ["HF_TOKN is not known here"]),
                ('printf "x: 1 problem\\n  A: not accepted\\nTry: x --help\\n" >&2; exit 64', None),
            ):
                with open(program, "w", encoding="utf-8") as file:
                    file.write("#!/bin/sh\n" + script + "\n")
                os.chmod(program, 0o700)
                if lines is not None:
                    self.assertEqual(settings_check.check(program, {"A": "b"}), lines)
                else:
                    with self.assertRaisesRegex(settings_check.RejectedSettingsError, r"dist/program rejects .*nothing was sent\):\n  A: not accepted$"):
                        settings_check.check(program, {"A": "b"})

    def test_the_program_is_asked_with_the_variables_that_the_front_matter_brings(self):
        with tempfile.TemporaryDirectory() as root:
            for settings, scopes in (("", None), ("hf_oauth: true\n", "openid profile"), ("hf_oauth: true\nhf_oauth_scopes: [inference-api]\n", "openid profile inference-api"),
                                     ("hf_oauth: true\nhf_oauth_scopes:\n- email\n", "openid profile email"), ("hf_oauth: false\n", None)):
                with open(root + "/README.md", "w", encoding="utf-8") as file:
                    file.write(f"---\nsdk: docker\n{settings}---\n")
                given = settings_check.platform(root + "/README.md")
                self.assertEqual((given.get("OAUTH_SCOPES"), "OAUTH_CLIENT_ID" in given, given["SPACE_ID"]), (scopes, scopes is not None, "owner/space"), settings)

    def test_settings_that_look_like_mistakes_stop_a_deploy_unless_they_are_accepted(self):
        secret = "s3cr3t-of-nobody-" + "aB9" * 8
        env = f"BETTER_AUTH_SECRET={secret}\nALLOWED_ORIGINS=https://site.example\nHF_TOKE={secret}1\nMY_OWN={secret}2\nHF_TOKEN={TOKEN}\nMETRICS_TOKEN='\"{secret}\"'\n"
        env += f"API_KEYS=site:{secret}\nUPSTREAM_URL=https://site.example/v1\nUPSTREAM_API_KEYS=hf_xxxxxxxx\n"
        with Recorder() as hub:
            for more in ((), ("--dry-run",)):
                run = deploy(hub, "--image", IMAGE, *more, env=env)
                self.assertEqual((run.returncode, hub.calls), (2, []), run.stdout)
                for line in ("ALLOWED_ORIGINS is not a setting of this backend; did you mean CORS_ORIGINS?", "METRICS_TOKEN has quotes",
                             "UPSTREAM_API_KEYS is a placeholder", "HF_TOKEN is the token that deploys", "nothing was sent"):
                    self.assertIn(line, run.stdout)
                for text in (secret, TOKEN, "MY_OWN is", "BETTER_AUTH_SECRET is"): # that is nodejs-backend's
                    self.assertNotIn(text, run.stdout)
            self.assertIn("add --accept-warnings", deploy(hub, "--image", IMAGE, env="OPENAI_BASE_URL=https://site.example/v1\n").stdout)
            self.assertEqual(hub.calls, [])
            self.assertIn("warning: OPENAI_BASE_URL", self.good(hub, "--accept-warnings", env="OPENAI_BASE_URL=https://site.example/v1\n"))

    def test_each_name_that_people_bring_is_met_by_a_setting_that_exists(self):
        root = os.path.dirname(SCRIPTS)
        names = {name: mistakes.known(f"{root}/{name}") for name in ("python-backend", "nodejs-backend")}
        for theirs in mistakes.THEIRS:
            self.assertTrue(any(mistakes.meant(theirs, ours, {}) for ours in names.values()), theirs)
        for name, ours in names.items():
            for known in ours:
                self.assertEqual(mistakes.find(ours, {known: "0123456789abcdef"}, set()), [], f"{name}: {known}")
        sign_in = names["nodejs-backend"]
        self.assertEqual(mistakes.meant("BETTER_AUTH_SECRET", sign_in, {}), "AUTH_SECRET")
        self.assertEqual(mistakes.meant("TRUSTED_ORGIN", sign_in, {}), "TRUSTED_ORIGINS")
        self.assertEqual(mistakes.meant("trusted_origins", sign_in, {}), "TRUSTED_ORIGINS")
        (found,) = mistakes.find(names["python-backend"], {"OPENAI_API_KEY": "sk-0123456789"}, set())
        self.assertTrue(found.endswith("did you mean UPSTREAM_API_KEYS together with UPSTREAM_URL?"), found)
        self.assertIsNone(mistakes.meant("GITLAB_CLIENT_ID", sign_in, {"PROVIDERS": "gitlab, my-idp"}))
        self.assertIsNone(mistakes.meant("DATABASE_PASSWORD", sign_in, {}))

    def test_one_secret_for_two_purposes_is_a_mistake_and_a_public_value_is_shown(self):
        names = {"HF_TOKEN", "METRICS_TOKEN", "TRUSTED_ORIGINS", "UPSTREAM_URL"}
        (found,) = mistakes.find(names, {"HF_TOKEN": "a" * 20, "METRICS_TOKEN": "a" * 20}, set())
        self.assertEqual(found, "HF_TOKEN and METRICS_TOKEN have the same value: use a secret for one purpose only")
        values = {"TRUSTED_ORIGINS": "https://site.example/", "HF_TOKEN": "x", "OWN": "y", "UPSTREAM_URL": "https://u:key@host/v1"}
        self.assertEqual(mistakes.public(names, values), {"TRUSTED_ORIGINS"})
        self.assertEqual(mistakes.public({"KEEP_PROVIDER_TOKEN"}, {"KEEP_PROVIDER_TOKEN": "gateway"}), {"KEEP_PROVIDER_TOKEN"})
        for quoted in ("'secret'", '"secret"', "\u201csecret\u201d", "\u2018secret\u2019"):
            self.assertIn("quotes around it", mistakes.find(names, {"HF_TOKEN": quoted}, set())[0])

    def test_settings_of_another_backend_another_machine_and_visible_secrets_are_mistakes(self):
        root = os.path.dirname(SCRIPTS)
        sign_in, others = mistakes.known(f"{root}/nodejs-backend"), mistakes.elsewhere(root, "nodejs-backend")
        for values, expected in (
            ({"HF_TOKEN": "hf_0123456789"}, "HF_TOKEN is a setting of python-backend, and not of this backend"),
            ({"CORS_ORIGINS": "https://site.example"}, "CORS_ORIGINS is a setting of python-backend, and not of this backend; did you mean TRUSTED_ORIGINS?"),
            ({"AUTH_URL": "http://127.0.0.1:7861"}, "AUTH_URL is an address of this machine"),
            ({"AUTH_SECRET": "0123456789"}, "AUTH_SECRET is a secret, and --variable"),
            ({"GATEWAY_SECRET": "Bearer 0123456789"}, "begins with the word Bearer"),
        ):
            (found,) = mistakes.find(sign_in, values, set(), others, ["AUTH_SECRET"])
            self.assertIn(expected, found)
        origin = "https://me-sign-in.hf.space"
        gateway, others = mistakes.known(f"{root}/python-backend"), mistakes.elsewhere(root, "python-backend")
        for audience, count in ((origin, 0), ("https://me-gateway.hf.space", 1)):
            self.assertEqual(len(mistakes.find(gateway, {"JWT_ISSUER": origin, "JWT_AUDIENCE": audience}, set(), others)), count)
        self.assertEqual(mistakes.find(gateway, {"JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "api", "UPSTREAM_URL": "https://x/v1"}, set(), others), [])

    def test_client_and_preflight_read_the_same_front_matter(self):
        """Uses the client's own parser, in the environment that the deploy in this test has installed."""
        with Recorder() as hub:
            self.good(hub)
        root = os.path.dirname(SCRIPTS)
        for name in ("python-backend", "nodejs-backend"):
            readme = f"{root}/{name}/README.md"
            code = "import json, sys; from huggingface_hub import SpaceCard; print(json.dumps(SpaceCard.load(sys.argv[1]).data.to_dict()))"
            card = json.loads(subprocess.check_output([root + "/.cache/venv-deploy/bin/python", "-c", code, readme], timeout=60))
            with open(readme, encoding="utf-8") as file:
                ours = {key: it.value for key, it in front_matter.read(file.read())}
            self.assertEqual({key: str(value).lower() for key, value in card.items()}, {key: str(value).lower() for key, value in ours.items()})

    def test_env_file_is_read_like_the_services_read_it(self):
        with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
            file.write("\ufeff# x\n\nA=1\nexport B = 'two words' # c\nC=\"l\\n\\\"q\\\" \\$\"\nD='over\nlines'\nE=\nF=a#b")
            file.flush()
            self.assertEqual(env_file.read(file.name), {"A": "1", "B": "two words", "C": 'l\n"q" $', "D": "over\nlines", "F": "a#b"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
