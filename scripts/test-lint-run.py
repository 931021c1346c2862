#!/usr/bin/env python3
"""Tests scripts/lint-space.sh --run with real containers: good ones, and one fault at a time.
usage: scripts/test-lint-run.py       (needs dist/, and docker or podman with debian:bookworm-slim: scripts/engine.sh --start)"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import uuid

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)
from space_lint import __main__ as lint  # noqa: E402
from space_lint import container, dockerignore  # noqa: E402

README = "---\ntitle: Hello\nsdk: docker\napp_port: 7860\n---\n"
# An app in Perl, because Debian's smallest image has Perl. As the first process of a container it must handle SIGTERM itself.
APP = r"""
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 } unless $ENV{FAULT} eq 'term';
die "no such model\n" if $ENV{FAULT} eq 'start';
if ($ENV{FAULT} eq 'writes') { open(my $f, '>', '/home/user/cache') or die $!; print $f "x"; close $f }
my $at = $ENV{FAULT} eq 'loopback' ? '127.0.0.1' : '0.0.0.0';
my $port = $ENV{FAULT} eq 'port' ? 3000 : 7860;
my $server = IO::Socket::INET->new(LocalAddr => $at, LocalPort => $port, Listen => 5, ReuseAddr => 1) or die $!;
while (1) {
  my $client = $server->accept or next;
  my $head = <$client> // '';
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n/ }
  my $status = $ENV{FAULT} eq 'redirect' ? '302 Found' : $head =~ /^HEAD/ && $ENV{FAULT} eq 'head' ? '405 No' : '200 OK';
  print $client "HTTP/1.1 $status\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
  close $client;
}
"""
DOCKERFILE = """FROM debian:bookworm-slim
RUN useradd -m -u 1000 user
COPY app.pl /app.pl
USER 1000
EXPOSE 7860
CMD ["perl", "/app.pl"]
"""
RULES = {"build", "start", "bind", "user", "writes", "term", "ready"}


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = container.Engine()

    def found(self, fault="none", dockerfile=DOCKERFILE, binary=None, fixes=False, files=(), rules=RULES, **how):
        """Returns the rules that a running image breaks, with what was found."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("README.md", README), ("Dockerfile", dockerfile), ("app.pl", APP), ("env", f"FAULT={fault}\n"), *files):
                with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
                    file.write(content)
            if binary:
                shutil.copy(os.path.join(os.path.dirname(SCRIPTS), "dist", binary), folder)
            findings = lint.check(folder, by_upload=True, run=True, env_file=os.path.join(folder, "env"), patience=3, **how)
        return {it.name: f"{it.found}. {it.rule.fix}" if fixes else it.found for it in findings if it.name in rules}

    def test_good_images_have_no_finding(self):
        self.assertEqual(self.found(), {})
        scratch = 'FROM scratch\nCOPY --chown=1000 python-backend /b\nUSER 1000\nEXPOSE 7860\nENTRYPOINT ["/b"]\n'
        self.assertEqual(self.found(dockerfile=scratch, binary="python-backend"), {})

    def test_each_fault_is_found_only_by_its_rule(self):
        for fault, rule, words in (("loopback", "bind", "127.0.0.1:7860"), ("port", "bind", "0.0.0.0:3000"), ("start", "start", "no such model"),
                                   ("head", "ready", "405"), ("redirect", "ready", "302"), ("writes", "writes", "/home/user/cache"), ("term", "term", "no exit")):
            with self.subTest(fault=fault):
                found = self.found(fault)
                self.assertEqual(set(found), {rule})
                self.assertIn(words, found[rule])

    def test_another_user_and_a_failed_build_are_found(self):
        self.assertEqual(self.found(dockerfile=DOCKERFILE.replace("USER 1000", "USER 1001")), {"user": "uid 1001"})
        self.assertIn("build", self.found(dockerfile=DOCKERFILE.replace("COPY app.pl", "COPY none.pl")))

    def test_failed_build_shows_the_line_and_the_last_output_of_its_step(self):
        failing = DOCKERFILE.replace("COPY", "RUN echo first && \\\n  echo 'ERROR: No matching distribution found for sqlite3' && exit 3\nCOPY")
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("README.md", README), ("Dockerfile", failing), ("app.pl", APP)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(content)
            (only,) = [it for it in lint.check(folder, by_upload=True, run=True) if it.name == "build"]
        self.assertEqual((only.file, only.line), ("Dockerfile", 3))
        self.assertRegex(only.found, r"^the build failed at RUN echo first .*: exit code: 3: first / ERROR: No matching distribution found for sqlite3$")
        self.assertNotIn("executor failed", only.found)

    def test_program_that_cannot_be_executed_has_its_reason(self):
        script = DOCKERFILE.replace('CMD ["perl", "/app.pl"]', 'COPY --chmod=755 start.sh /\nCMD ["/start.sh"]')
        windows = self.found(dockerfile=script, fixes=True, files=[("start.sh", "#!/bin/sh\r\nexec perl /app.pl\r\n")])["start"]
        self.assertIn("no such file or directory", windows)
        self.assertIn("line endings", windows)
        self.assertIn("interpreter", windows)

    def test_server_in_the_background_is_told_to_stay_in_the_foreground(self):
        found = self.found(dockerfile=DOCKERFILE.replace('CMD ["perl", "/app.pl"]', "CMD perl /app.pl & echo started"), fixes=True)["start"]
        self.assertIn("it exited with status 0: started", found)
        self.assertIn("Run the server in the foreground", found)

    def test_our_reading_of_dockerignore_agrees_with_the_engine(self):
        names = ["a.txt", "b.md", "src/a.txt", "src/x/b.md", "src/x/y/c.txt", "data/keep.csv", "data/other.csv", "x y.txt", ".env", "build/out.js", "sub/build/out.js"]
        for text in ("*.txt\n", "**/*.txt\n!src/x/y/c.txt\n", "*\n!src\n", "src/*\n!src/x/y\n", "/data/*\n!data/keep.csv\n", "# a\n\n build \n./sub/../b.md\n", "[a-b].*\nx y.txt\n.*\n", "**/x/**\nd?ta\n"):
            with self.subTest(text=text), tempfile.TemporaryDirectory() as folder:
                for name, content in (*((name, "") for name in names), (".dockerignore", text + "Dockerfile\n.dockerignore\n"), ("Dockerfile", "FROM scratch\nCOPY . /\n")):
                    os.makedirs(os.path.dirname(f"{folder}/in/{name}"), exist_ok=True)
                    with open(f"{folder}/in/{name}", "w", encoding="utf-8") as file:
                        file.write(content)
                self.engine("build", f"--output={folder}/out", f"{folder}/in", env={**os.environ, "DOCKER_BUILDKIT": "1"})
                copied = sorted(os.path.relpath(os.path.join(at, name), folder + "/out") for at, _, files in os.walk(folder + "/out") for name in files)
                self.assertEqual(copied, sorted(name for name in names if not dockerignore.excluded(name, dockerignore.patterns(text))))

    def test_ignored_files_in_a_folder_that_is_copied_are_found(self):
        dockerfile, files = DOCKERFILE.replace("COPY app.pl /app.pl", "COPY . /"), [("model.bin", "x"), (".gitignore", "*.bin\n"), (".dockerignore", "env\n")]
        found = self.found(dockerfile=dockerfile, files=files, rules={"copy", *RULES})
        self.assertEqual(found, {"copy": "COPY . copies what .gitignore ignores: model.bin"})
        self.assertEqual(self.found(dockerfile=dockerfile, files=[*files[:2], (".dockerignore", "*.bin\n")], rules={"copy", *RULES}), {})

    def test_image_without_a_user_runs_as_uid_1000(self):
        private = DOCKERFILE.replace("USER 1000\n", "RUN chmod 600 /app.pl\n")
        self.assertIn("Permission denied", self.found(dockerfile=private)["start"])

    def test_given_image_is_run_and_kept(self):
        image = self.engine("build", "--quiet", "-", input="FROM debian:bookworm-slim\nUSER 1000\nCMD [\"false\"]\n").stdout.strip().splitlines()[-1]
        try:
            self.assertIn("it exited with status 1", self.found(image=image)["start"])
            self.assertEqual(self.engine("image", "inspect", image).returncode, 0)
        finally:
            self.engine("image", "rm", "--force", image)
        self.assertIn("build", self.found(image="no-such-image:here"))

    def test_container_and_image_are_removed(self):
        label = f"made-by={uuid.uuid4()}"
        for fault in ("start", "none"):
            self.found(fault, DOCKERFILE + f"LABEL {label}\n")
        for kind in (("ps", "--all"), ("images",)):
            self.assertEqual(self.engine(*kind, "--quiet", f"--filter=label={label}").stdout, "")

    def test_missing_engine_is_exit_code_2(self):
        with tempfile.TemporaryDirectory() as folder:
            for tool in ("bash", "dirname", "env", "python3", "timeout"):
                os.symlink(shutil.which(tool), os.path.join(folder, tool))
            run = subprocess.run([SCRIPTS + "/lint-space.sh", folder, "--run"], env={"ENGINE": "podman", "PATH": folder}, capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("cannot run an image", run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
