#!/usr/bin/env python3
"""Holds scripts/lint-space.sh to a good folder and to that folder with one fault at a time.
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
from space_lint import front_matter, readme  # noqa: E402

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
# The complaint of users, the file, what stands there in place of what, and the rule that has to say so.
# Out of reach: 1 and 6 (the platform's queue), 3 (sleep), 4 (plan, quota: the deploy says so), 13 (the service's own use of
# CORS and of the proxy's headers; who may see the Space).
FAULTS = [
    ("2 starting for ever", "README.md", "sdk: docker", "sdk: gradio", "sdk"),
    ("2 starting for ever", "Dockerfile", "EXPOSE 7860", "EXPOSE 8000", "expose"),
    ("2 starting for ever", "README.md", "app_port: 7860", "app_port: 8000", "port"),
    ("2 starting for ever", "Dockerfile", '"7860"', '"8000"', "port"),
    ("2 starting for ever", "Dockerfile", "0.0.0.0", "127.0.0.1", "loopback"),
    ("2 starting for ever", "Dockerfile", "EXPOSE", "ENV HOST=localhost\nEXPOSE", "loopback"),
    ("2 starting for ever", "Dockerfile", "EXPOSE", "ENV PORT=3000\nEXPOSE", "port"),
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
    ("8 front matter", "README.md", "7860", "7860\nhf_oauth_expiration_minutes: 43201", "hf_oauth_expiration_minutes"),
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
ALSO = {  # what else one of them breaks
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
    def test_a_good_folder_has_no_finding(self):
        self.assertEqual(found([]), [])

    def test_each_fault_is_found_by_its_rule_and_nothing_else_is(self):
        for complaint, name, old, new, rule in FAULTS:
            with self.subTest(complaint=complaint, rule=rule, new=new[:60]):
                names = {it.name for it in found([(name, old, new)])}
                self.assertIn(rule, names)
                self.assertLessEqual(names - ALSO.get(new, set()), {rule})

    def test_what_only_looks_like_a_fault_is_none(self):
        for old, new in (
            ("RUN pip install --no-cache-dir", "ENV A=b \\\n    PIP_NO_CACHE_DIR=1\nRUN pip install"),
            ("RUN pip install --no-cache-dir", "RUN uv pip install --system"),
            (DOCKERFILE[DOCKERFILE.index('CMD ["python'):], "CMD exec uvicorn app:app --host 0.0.0.0 --port ${PORT:-7860}"),
            ("HEALTHCHECK", "ENV TRUSTED_HOSTS=*.hf.space,localhost,127.0.0.1\nHEALTHCHECK"),
        ):
            self.assertEqual(found([("Dockerfile", old, new)]), [], new)
        self.assertEqual([it.name for it in found([("Dockerfile", "RUN pip install --no-cache-dir", "ENV PIP_NO_CACHE_DIR=0\nRUN pip install")])], ["pip-cache"])

    def test_a_finding_names_line_found_and_accepted(self):
        (only,) = found([("README.md", "indigo", "teal")])
        self.assertTrue(str(only).startswith("README.md:4: error colorFrom: found 'teal'; accepted: red, yellow"), only)

    def test_a_secret_is_never_repeated(self):
        told = "".join(map(str, found([("app.py", "", TOKEN), ("Dockerfile", "EXPOSE", f"ENV HF_TOKEN={TOKEN}\nEXPOSE")])))
        self.assertIn("token", told)
        self.assertNotIn(TOKEN, told)

    def test_an_upload_takes_what_a_push_does_not(self):
        self.assertEqual(found([("model.bin", "", "\0" * 10_000_001)], by_upload=True), [])

    def test_files_in_lfs_may_be_large_and_binary(self):
        self.assertEqual(found([("model.bin", "", "\0"), (".gitattributes", "", "*.bin filter=lfs -text\n")]), [])

    def test_stages_continue_each_other_and_here_documents_are_no_instructions(self):
        staged = "FROM python:3.12-slim@sha256:0 AS base\nENV HOST=127.0.0.1\nRUN <<EOF\nUSER root\nEOF\nFROM base\n" + DOCKERFILE.partition("\n")[2]
        self.assertEqual([it.name for it in found([("Dockerfile", DOCKERFILE, staged)])], ["loopback"])

    def test_front_matter_reads_the_notations_of_yaml_that_readmes_use(self):
        text = '---\na: "\\U0001F0CF" # x\nb:\n- one\n- "two"\nc: [x, \'y\']\nd:\n  e: f\ng: >-\n  long\n  text\nh: it\'s #1\n---\n'
        values = {name: it.value for name, it in front_matter.read(text)}
        self.assertEqual(values, {"a": "🃏", "b": ["one", "two"], "c": ["x", "y"], "d": {"e": "f"}, "g": "long text", "h": "it's"})

    def test_an_emoji_is_one_picture_however_many_code_points(self):
        for emoji in ("🚀", "🛰️", "👩🏽‍🚀", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©️", "‼️", "⚡"):
            self.assertTrue(readme.EMOJI.fullmatch(emoji), emoji)
        for other in ("", "a", "7", "🚀🚀", ":rocket:", "é"):
            self.assertFalse(readme.EMOJI.fullmatch(other), other)

    def asked(self, **answers):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve) as server:
            server.answers = {name: answer if isinstance(answer, tuple) else (answer, []) for name, answer in answers.items()}
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()
            told = {it.name for it in found([], address=f"http://127.0.0.1:{server.server_port}/")}
            server.shutdown()
        return told

    def test_a_running_service_answers_get_and_head_with_200(self):
        self.assertEqual(self.asked(GET=200, HEAD=200), set())
        for answers in ({"GET": 200, "HEAD": 405}, {"GET": 401, "HEAD": 200}, {"GET": 302, "HEAD": 302}):  # 11
            self.assertEqual(self.asked(**answers), {"ready"}, answers)

    def test_a_running_service_may_be_framed_and_its_cookies_survive_that(self):
        good = (200, [("set-cookie", "a=b; SameSite=None; Secure; Partitioned")])
        self.assertEqual(self.asked(GET=good, HEAD=200), set())
        twice = (200, [*good[1], ("set-cookie", "a=b; SameSite=None; Secure")])  # for browsers that know no partitions
        self.assertEqual(self.asked(GET=twice, HEAD=200), set())
        self.assertEqual(self.asked(GET=(200, twice[1][1:]), HEAD=200), {"cookie"})
        self.assertEqual(self.asked(GET=(200, [("set-cookie", "a=b; SameSite=Lax; Secure")]), HEAD=200), {"cookie"})  # 7
        self.assertEqual(self.asked(GET=(200, [("x-frame-options", "DENY")]), HEAD=200), {"framed"})
        self.assertEqual(self.asked(GET=(200, [("content-security-policy", "frame-ancestors 'self'")]), HEAD=200), {"framed"})

    def test_no_answer_is_an_error(self):
        self.assertEqual({it.name for it in found([], address="http://127.0.0.1:1/")}, {"ready"})

    def test_the_exit_status_tells_errors_from_unusable_arguments(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, status in (([folder], 1), ([], 2), ([folder + "/none"], 2)):
                run = subprocess.run([SCRIPTS + "/lint-space.sh", *arguments], capture_output=True, timeout=60)
                self.assertEqual(run.returncode, status, run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
