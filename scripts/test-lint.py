#!/usr/bin/env python3
"""Tests scripts/lint-space.sh with a good folder, and with that folder and one fault at a time.
usage: scripts/test-lint.py"""

import http.server
import os
import subprocess
import sys
import tempfile
import threading
import unittest

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)
from space_lint import __main__ as lint  # noqa: E402
from space_lint import build_output, front_matter, readme  # noqa: E402

README = """---
title: Hello
emoji: 🛰️
colorFrom: indigo
colorTo: blue
sdk: docker
app_port: 7860
---
# Hello
"""
DOCKERFILE = """FROM python:3.12-slim@sha256:0
RUN useradd -m -u 1000 user
USER user
COPY --chown=user app.py .
RUN pip install --no-cache-dir flask
EXPOSE 7860
HEALTHCHECK CMD ["true"]
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
"""
TOKEN = "hf_" + "aBcD" * 9
# A common problem of users (numbered), the file, the text to replace, its replacement, and the rule that must find it.
# A linter cannot find 1 and 6 (the platform's queue), 3 (sleep), 4 (plan and quota, which deploy.sh reports) and 13 (the
# service's CORS and proxy headers, and the Space's visibility).
FAULTS = [
    ("2 starting for ever", "README.md", "sdk: docker", "sdk: gradio", "sdk"),
    ("2 starting for ever", "Dockerfile", "EXPOSE 7860", "EXPOSE 8000", "expose"),
    ("2 starting for ever", "README.md", "app_port: 7860", "app_port: 8000", "port"),
    ("2 starting for ever", "Dockerfile", '"7860"', '"8000"', "port"),
    ("2 starting for ever", "Dockerfile", "0.0.0.0", "127.0.0.1", "loopback"),
    ("2 starting for ever", "Dockerfile", DOCKERFILE[DOCKERFILE.index("CMD [\"python"):], 'ENV HOST=localhost\nCMD ["python", "app.py"]', "loopback"),
    ("2 starting for ever", "Dockerfile", DOCKERFILE[DOCKERFILE.index("CMD [\"python"):], 'ENV PORT=3000\nCMD ["python", "app.py"]', "port"),
    ("2 starting for ever", "Dockerfile", DOCKERFILE, "FROM scratch\nUSER 1000\nEXPOSE 7860\nCMD /app", "start"),
    ("2 starting for ever", "Dockerfile", DOCKERFILE, "FROM scratch\nUSER 1000\nEXPOSE 7860", "start"),
    ("5 permission denied", "Dockerfile", "USER user", "USER root", "user"),
    ("5 permission denied", "Dockerfile", "USER user", "USER 1001", "user"),
    ("5 permission denied", "Dockerfile", " --chown=user", "", "owner"),
    ("8 front matter", "README.md", "---\ntitle", "<!-- -->\n---\ntitle", "front-matter"),
    ("8 front matter", "README.md", "---\n# Hello", "# Hello", "front-matter"),
    ("8 front matter", "README.md", "title: Hello", "title: a: b", "front-matter"),
    ("8 front matter", "README.md", "title: Hello", "title: Hello\ntitle: Hello", "twice"),
    ("8 front matter", "README.md", "title: Hello", "\ttitle: Hello", "front-matter"),
    ("8 front matter", "README.md", "sdk: docker\n", "", "sdk"),
    ("8 front matter", "README.md", "indigo", "teal", "colorFrom"),
    ("8 front matter", "README.md", "blue", "emerald", "colorTo"),
    ("8 front matter", "README.md", "🛰️", "🛰️🛰️", "emoji"),
    ("8 front matter", "README.md", "7860", '"7860"', "app_port"),
    ("8 front matter", "README.md", "7860", "65536", "app_port"),
    ("8 front matter", "README.md", "7860", "7860\nbase_path: app", "base_path"),
    ("8 front matter", "README.md", "7860", "7860\nheader: large", "header"),
    ("8 front matter", "README.md", "7860", "7860\npinned: no", "pinned"),
    ("8 front matter", "README.md", "7860", "7860\ntags: one", "tags"),
    ("8 front matter", "README.md", "7860", "7860\nmodels:\n- a/b/c", "models"),
    ("8 front matter", "README.md", "7860", "7860\nstartup_duration_timeout: soon", "startup_duration_timeout"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth: true\nhf_oauth_expiration_minutes: 43201", "hf_oauth_expiration_minutes"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth: true\nhf_oauth_scopes: [inference-apis]", "hf_oauth_scopes"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth: true\nhf_oauth_scopes:\n- email\n- read_repos", "hf_oauth_scopes"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth: true\nhf_oauth_scopes: inference-api", "hf_oauth_scopes"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth_scopes: [inference-api]", "hf_oauth_scopes"),
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth: false\nhf_oauth_authorized_org: lab", "hf_oauth_authorized_org"),
    ("8 front matter", "README.md", "7860", "7860\ncustom_headers:\n  x-frame-options: DENY", "custom_headers"),
    ("8 front matter", "README.md", "app_port", "app_prt", "unknown"),
    ("9 secrets", "Dockerfile", "EXPOSE", f"ENV HF_TOKEN={TOKEN}\nEXPOSE", "secret"),
    ("9 secrets", "Dockerfile", "EXPOSE", "ARG API_KEY\nEXPOSE", "secret"),
    ("9 secrets", "app.py", "", f"key = '{TOKEN}'\n", "token"),
    ("9 secrets", ".env", "", "A=1\n", "env-file"),
    ("9 secrets", "Dockerfile", "COPY --chown=user app.py", "COPY --chown=user .", "dockerignore"),
    ("10 push refused", "app.py", "", "#" * 10_000_001, "large"),
    ("10 push refused", "model.bin", "", "\0\1", "binary"),
    ("12 huge images", "Dockerfile", "--no-cache-dir ", "", "pip-cache"),
    ("14 outbound ports", "Dockerfile", "EXPOSE", "ENV DATABASE=postgres://db.example.org:5432/x\nEXPOSE", "outbound"),
    ("a base that moves", "Dockerfile", "python:3.12-slim@sha256:0", "python", "base"),
    ("a base that moves", "Dockerfile", "python:3.12-slim@sha256:0", "python:latest", "base"),
    ("TERM does not arrive", "Dockerfile", DOCKERFILE[DOCKERFILE.index("CMD [\"python"):], "CMD python app.py", "start"),
]
ALSO = {  # other rules that a fault breaks as well
    "app_port: 8000": {"expose"},
    f"ENV HF_TOKEN={TOKEN}\nEXPOSE": {"token"},
    "FROM scratch\nUSER 1000\nEXPOSE 7860\nCMD /app": {"health"},
    "FROM scratch\nUSER 1000\nEXPOSE 7860": {"health"},
}


def found(changes, **options):
    with tempfile.TemporaryDirectory() as folder:
        files = {"README.md": README, "Dockerfile": DOCKERFILE, "app.py": ""}
        for name, old, new in changes:
            before = files.get(name, "")
            assert old in before, (name, old)
            files[name] = before.replace(old, new, 1) if old else new
        for name, content in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        return lint.check(folder, **options)


class Serve(http.server.BaseHTTPRequestHandler):
    def answer(self):
        status, headers = self.server.answers.get(self.command, (405, []))
        self.send_response(status)
        for header in headers:
            self.send_header(*header)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        pass


class Lint(unittest.TestCase):
    def test_good_folder_has_no_finding(self):
        self.assertEqual(found([]), [])

    def test_each_fault_is_found_only_by_its_rule(self):
        for complaint, name, old, new, rule in FAULTS:
            with self.subTest(complaint=complaint, rule=rule, new=new[:60]):
                names = {it.name for it in found([(name, old, new)])}
                self.assertIn(rule, names)
                self.assertLessEqual(names - ALSO.get(new, set()), {rule})

    def test_correct_code_that_resembles_a_fault_has_no_finding(self):
        for old, new in (
            ("RUN pip install --no-cache-dir", "ENV A=b \\\n    PIP_NO_CACHE_DIR=1\nRUN pip install"),
            ("RUN pip install --no-cache-dir", "RUN uv pip install --system"),
            (DOCKERFILE[DOCKERFILE.index('CMD ["python'):], "CMD exec uvicorn app:app --host 0.0.0.0 --port ${PORT:-7860}"),
            ("HEALTHCHECK", "ENV TRUSTED_HOSTS=*.hf.space,localhost,127.0.0.1\nHEALTHCHECK"),
        ):
            self.assertEqual(found([("Dockerfile", old, new)]), [], new)
        self.assertEqual([it.name for it in found([("Dockerfile", "RUN pip install --no-cache-dir", "ENV PIP_NO_CACHE_DIR=0\nRUN pip install")])], ["pip-cache"])

    def test_finding_has_place_value_reason_and_fix(self):
        (only,) = found([("README.md", "indigo", "teal")])
        self.assertTrue(str(only).startswith("README.md:4: error colorFrom: 'teal': the Hub rejects the push. Use red, yellow"), only)

    def test_scopes_of_hugging_face_are_known_and_a_typo_gets_a_suggestion(self):
        scopes = "\n".join(f"- {scope}" for scope in readme.SCOPES)
        self.assertEqual(found([("README.md", "7860", f"7860\nhf_oauth_scopes:\n{scopes}\nhf_oauth: true")]), [])
        (only,) = found([("README.md", "7860", "7860\nhf_oauth: true\nhf_oauth_scopes: [email, inferense-api]")])
        self.assertIn("README.md:9: warning hf_oauth_scopes: unknown scope inferense-api (did you mean inference-api?)", str(only))

    def test_secret_is_never_printed(self):
        output = "".join(map(str, found([("app.py", "", TOKEN), ("Dockerfile", "EXPOSE", f"ENV HF_TOKEN={TOKEN}\nEXPOSE")])))
        self.assertIn("token", output)
        self.assertNotIn(TOKEN, output)

    def test_upload_accepts_large_and_binary_files(self):
        self.assertEqual(found([("model.bin", "", "\0" * 10_000_001)], by_upload=True), [])

    def test_lfs_files_can_be_binary(self):
        self.assertEqual(found([("model.bin", "", "\0"), (".gitattributes", "", "*.bin filter=lfs -text\n")]), [])

    def test_stage_inherits_from_its_base_and_here_documents_are_skipped(self):
        staged = "FROM python:3.12-slim@sha256:0 AS base\nENV HOST=127.0.0.1\nRUN <<EOF\nUSER root\nEOF\nFROM base\n" + DOCKERFILE.partition("\n")[2].replace('"--host", "0.0.0.0", ', "")
        self.assertEqual([it.name for it in found([("Dockerfile", DOCKERFILE, staged)])], ["loopback"])

    def test_front_matter_reads_the_yaml_that_readmes_use(self):
        text = '---\na: "\\U0001F0CF" # x\nb:\n- one\n- "two"\nc: [x, \'y\']\nd:\n  e: f\ng: >-\n  long\n  text\nh: it\'s #1\n---\n'
        values = {name: it.value for name, it in front_matter.read(text)}
        self.assertEqual(values, {"a": "🃏", "b": ["one", "two"], "c": ["x", "y"], "d": {"e": "f"}, "g": "long text", "h": "it's"})

    def test_emoji_can_have_several_code_points(self):
        for emoji in ("🚀", "🛰️", "👩🏽‍🚀", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©️", "‼️", "⚡"):
            self.assertTrue(readme.EMOJI.fullmatch(emoji), emoji)
        for other in ("", "a", "7", "🚀🚀", ":rocket:", "é"):
            self.assertFalse(readme.EMOJI.fullmatch(other), other)

    def rules_broken_by(self, **answers):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve) as server:
            server.answers = {name: answer if isinstance(answer, tuple) else (answer, []) for name, answer in answers.items()}
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()
            names = {it.name for it in found([], address=f"http://127.0.0.1:{server.server_port}/")}
            server.shutdown()
        return names

    def test_running_service_must_answer_get_and_head_with_200(self):
        self.assertEqual(self.rules_broken_by(GET=200, HEAD=200), set())
        for answers in ({"GET": 200, "HEAD": 405}, {"GET": 401, "HEAD": 200}, {"GET": 302, "HEAD": 302}):  # 11
            self.assertEqual(self.rules_broken_by(**answers), {"ready"}, answers)

    def test_running_service_must_allow_framing_and_third_party_cookies(self):
        good = (200, [("set-cookie", "a=b; SameSite=None; Secure; Partitioned")])
        self.assertEqual(self.rules_broken_by(GET=good, HEAD=200), set())
        twice = (200, [*good[1], ("set-cookie", "a=b; SameSite=None; Secure")])  # for browsers without partitioned cookies
        self.assertEqual(self.rules_broken_by(GET=twice, HEAD=200), set())
        self.assertEqual(self.rules_broken_by(GET=(200, twice[1][1:]), HEAD=200), {"cookie"})
        self.assertEqual(self.rules_broken_by(GET=(200, [("set-cookie", "a=b; SameSite=Lax; Secure")]), HEAD=200), {"cookie"})  # 7
        self.assertEqual(self.rules_broken_by(GET=(200, [("x-frame-options", "DENY")]), HEAD=200), {"framed"})
        self.assertEqual(self.rules_broken_by(GET=(200, [("content-security-policy", "frame-ancestors 'self'")]), HEAD=200), {"framed"})

    def test_missing_response_is_an_error(self):
        self.assertEqual({it.name for it in found([], address="http://127.0.0.1:1/")}, {"ready"})

    def test_failure_of_a_build_has_its_line_and_its_last_output_in_each_builder_s_format(self):
        dockerfile = "FROM a\nRUN true\nRUN pip install \\\n  sqlite3\n"
        buildkit = ("#5 [build 2/3] RUN true\n#5 DONE 0.2s\n#6 [build 3/3] RUN pip install   sqlite3\n#6 0.293 ERROR: No matching distribution found for sqlite3\n#6 0.3 [notice] A new release\n"
                    '#6 ERROR: process "/bin/sh -c pip install   sqlite3" did not complete successfully: exit code: 1\n------\n > [build 3/3] RUN pip install   sqlite3:\n------\nDockerfile:3\n')
        podman = 'STEP 2/3: RUN true\nSTEP 3/3: RUN pip install   sqlite3\nERROR: No matching distribution found for sqlite3\nError: building at STEP "RUN pip install   sqlite3": exit status 1\n'
        self.assertEqual(build_output.failure(buildkit, dockerfile), (3, "the build failed at RUN pip install   sqlite3: exit code: 1: ERROR: No matching distribution found for sqlite3"))
        line, what = build_output.failure(podman, dockerfile)
        self.assertEqual(line, 3)
        self.assertIn("RUN pip install   sqlite3: ERROR: No matching distribution found for sqlite3 / Error: building", what)
        self.assertEqual(build_output.failure("Cannot connect", dockerfile), (0, "the build failed: Cannot connect"))
        self.assertEqual(build_output.failure('#7 [3/3] COPY b /\n#7 ERROR: "/b" not found: not found\n', "ARG A=b\nFROM a\nCOPY $A /\n"), (3, 'the build failed at COPY b /: "/b" not found: not found'))

    def test_exit_code_is_1_for_errors_and_2_for_wrong_arguments(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, status in (([folder], 1), ([], 2), ([folder + "/none"], 2)):
                run = subprocess.run([SCRIPTS + "/lint-space.sh", *arguments], capture_output=True, timeout=60)
                self.assertEqual(run.returncode, status, run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
