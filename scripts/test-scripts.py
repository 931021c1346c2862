#!/usr/bin/env python3
"""Checks that the scripts for a user's machine need only a POSIX shell, POSIX tools, and docker or podman.
usage: scripts/test-scripts.py            every shell, without an engine (scripts/setup.sh test installs the shells)
       scripts/test-scripts.py Engine     with docker or podman; build the images first with scripts/build-image.sh"""

import ast
import contextlib
import difflib
import glob
import http.client
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import types
import unittest

from measure_load import sign_in

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What README tells a user to run, and what these call. They call setup.sh and build.sh too, but only to compile here.
PORTABLE = "serve build-image stage deploy new-backend lint-space build-folder engine venv python"
SCRIPTS = [f"scripts/{name}.sh" for name in PORTABLE.split()]
BACKENDS = sorted(os.path.basename(path) for path in glob.glob(ROOT + "/*-backend"))
APPLETS = subprocess.check_output(["busybox", "--list"], text=True).split()


def run(command, at=ROOT, **options):
    done = subprocess.run(command, cwd=at, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, **options)
    return done.returncode, done.stdout


def content(folder):
    """Returns the files of a folder: path to bytes."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(os.path.join(at, name), folder)] = file.read()
    return found


class Machine:
    """A copy of the repository whose scripts run in the given shell, with busybox's tools as the only ones on PATH."""

    def __init__(self, work, shell, *more):
        self.work, self.tree, self.path, self.shell = work, work + "/tree", work + "/bin", shell
        listed = subprocess.check_output(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT)
        for path in filter(None, listed.decode().split("\0")):
            if os.path.exists(f"{ROOT}/{path}"):
                os.makedirs(os.path.dirname(f"{self.tree}/{path}"), exist_ok=True)
                shutil.copy(f"{ROOT}/{path}", f"{self.tree}/{path}")
        for script in SCRIPTS:
            with open(f"{self.tree}/{script}", "r+", encoding="utf-8") as file:
                text = file.read().replace("#!/bin/sh\n", f"#!{self.shell}\n", 1)
                file.seek(0)
                file.write(text)
                file.truncate()
        os.mkdir(self.path)
        for applet in APPLETS:
            os.symlink(shutil.which("busybox"), f"{self.path}/{applet}")
        for program in more:
            os.symlink(shutil.which(program), f"{self.path}/{os.path.basename(program)}")
        os.mkdir(work + "/tmp")
        self.env = {"PATH": self.path, "HOME": work, "TMPDIR": work + "/tmp"}
        self.env |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name in ("ENGINE", "DOCKER_HOST")}

    def run(self, *command, **env):
        return run([f"{self.tree}/{command[0]}", *command[1:]], self.work, env=self.env | env)


class Case(unittest.TestCase):
    PROGRAMS = ()

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.by_shell = {}
        for name, shell in {"dash": shutil.which("dash"), "posh": shutil.which("posh"), "busybox": shutil.which("busybox") + " sh"}.items():
            os.mkdir(f"{cls.work.name}/{name}")
            cls.by_shell[name] = Machine(f"{cls.work.name}/{name}", shell, *cls.PROGRAMS)

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def tearDown(self):
        self.assertEqual([name for machine in self.machines() for name in os.listdir(machine.work + "/tmp")], [], "temporary files are left")

    def machines(self):
        return self.by_shell.values()

    def good(self, result):
        self.assertEqual(result[0], 0, result[1])
        return result[1]


class EachShell(Case):
    PROGRAMS = ("/usr/bin/python3",)

    def test_scripts_have_no_bashisms(self):
        for script in SCRIPTS:
            with open(f"{ROOT}/{script}", encoding="utf-8") as file:
                self.assertEqual(file.readline(), "#!/bin/sh\n", script)
        self.good(run(["shellcheck", *SCRIPTS]))
        self.good(run(["checkbashisms", "--posix", *SCRIPTS]))

    def test_python_code_parses_as_python_3_9(self):
        for path in [*glob.glob(ROOT + "/scripts/space_lint/*.py"), *glob.glob(ROOT + "/scripts/space_deploy/*.py")]:
            with open(path, encoding="utf-8") as file:
                ast.parse(file.read(), path, feature_version=(3, 9))

    def test_staged_folder_is_the_same_from_each_shell(self):
        for name in BACKENDS:
            expected = None
            for machine in self.machines():
                self.good(machine.run("scripts/stage.sh", name, f"{machine.work}/staged/{name}"))
                staged = content(f"{machine.work}/staged/{name}")
                expected = expected or staged
                self.assertEqual(staged, expected)
        for machine in self.machines():
            for arguments, status in (((), 2), (("nothing-backend", "x"), 2), ((BACKENDS[0], machine.tree), 1)):
                self.assertEqual(machine.run("scripts/stage.sh", *arguments)[0], status)

    def test_new_backend_and_pruned_lock_files_are_what_cargo_would_write(self):
        new, expected = "a-new-backend", None
        for machine in self.machines():
            self.good(machine.run("scripts/new-backend.sh", new))
            made = {path: text for path, text in content(machine.tree).items() if path.startswith(new) or path == "Cargo.lock"}
            self.assertIn(f"{new}/openapi.json", made)
            self.assertEqual([path for path, text in made.items() if b"example-backend" in text or b"example_backend" in text], [])
            own = machine.work + "/own"
            self.good(machine.run("scripts/new-backend.sh", "own-backend", "--standalone", own))
            made.update({"own/" + path: text for path, text in content(own).items()})
            self.assertEqual(made, expected or made)
            if not expected:
                self.assert_up_to_date(machine.tree)
                self.assert_up_to_date(own)
                for name in (*BACKENDS, new):
                    with self.subTest(name=name), tempfile.TemporaryDirectory() as staged:
                        self.good(machine.run("scripts/stage.sh", name, staged))
                        self.assert_up_to_date(staged)
            expected = made

    def assert_up_to_date(self, folder):
        """Fails if cargo would change Cargo.lock."""
        def lines():
            with open(folder + "/Cargo.lock", encoding="utf-8") as file:
                return file.read().split("\n")
        ours = lines()
        self.good(run(["cargo", "update", "--workspace", "--offline", "--quiet"], folder))
        difference = list(difflib.unified_diff(ours, lines(), "ours", "cargo's", lineterm=""))
        self.assertEqual(difference, [], "if cargo drops a dependency, scripts/prune-lock.awk has to know which package enables it")

    def test_without_engine_and_rust_one_sentence_says_what_to_install(self):
        for machine in self.machines():
            for script, *arguments in (("serve",), ("serve", "--processes"), ("serve", "--containers"), ("build-image", BACKENDS[0]),
                                       ("lint-space", "."), ("deploy", BACKENDS[0], "me/space", "--dry-run")):
                status, output = machine.run(f"scripts/{script}.sh", *arguments, ENGINE="podman", CONTAINER="yes")
                self.assertEqual((status != 0, len(output.splitlines())), (True, 1), output)
                self.assertIn("https://docs.docker.com/get-docker/", output)

    def test_linter_and_dry_run_use_this_machine_s_python(self):
        for machine in self.machines():
            self.good(machine.run("scripts/stage.sh", BACKENDS[0], machine.work + "/linted"))
            self.assertIn(": 0 errors", self.good(machine.run("scripts/lint-space.sh", "linted", CONTAINER="no")))
            output = self.good(machine.run("scripts/deploy.sh", BACKENDS[0], "me/space", "--dry-run", CONTAINER="no"))
            self.assertIn("dry run: nothing was sent", output)
            for folder in glob.glob(machine.work + "/tmp/*-backend-*"):
                shutil.rmtree(folder)

    def test_site_of_serve_is_an_origin(self):
        for machine in self.machines():
            for site in ("", "http://", "localhost:5173", "http://127.0.0.1:5173/", "https://site.example/chat"):
                status, output = machine.run("scripts/serve.sh", "--site", site)
                self.assertEqual((status, "needs an origin" in output), (2, True), output)
            self.assertEqual(machine.run("scripts/serve.sh", "--site")[0], 2)


class Terminal:
    """A command on a terminal of its own, so that Ctrl-C reaches it as it reaches a user's."""

    def __init__(self, command, env):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execve(command[0], command, env)
        self.output = ""

    def until(self, text):
        """Reads until the output has the text, or to its end. Returns whether it has the text."""
        while text is None or text not in self.output:
            try:
                more = os.read(self.terminal, 65536)
            except OSError:  # how Linux reports the end
                more = b""
            if not more:
                return False
            self.output += more.decode(errors="replace")
        return True

    def press_ctrl_c(self):
        os.write(self.terminal, b"\x03")

    def end(self):
        """Returns the exit status."""
        self.until(None)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(it.getsockname()[1]) for it in sockets]
    for it in sockets:
        it.close()
    return ports


class Engine(Case):
    """With an engine that has debian:bookworm-slim and the images, so that building them again takes only seconds."""

    def test_serve_builds_and_runs_containers_and_ctrl_c_lets_them_finish(self):
        for machine in self.machines():
            python, nodejs = free_ports(2)
            env = machine.env | {"PYTHON_PORT": python, "NODEJS_PORT": nodejs}
            serve = Terminal([f"{machine.tree}/scripts/serve.sh", "--containers"], env)
            started = serve.until("Press Ctrl-C")
            serve.press_ctrl_c()
            serve.press_ctrl_c()
            status = serve.end()
            self.assertEqual((started, status), (True, 0), serve.output)
            for name, port in (("python-backend", python), ("nodejs-backend", nodejs)):
                self.assertRegex(serve.output, f"image: {name}:latest binary [0-9]+ bytes, uncompressed [0-9]+ bytes, pulled [0-9]+ bytes")
                self.assertRegex(serve.output, f"serve: {name} +http://127.0.0.1:{port} +[0-9]+ bytes")
                self.assertNotEqual(run([*self.PROGRAMS, "inspect", f"{name}-{port}"])[0], 0, "the container is removed")

    def test_pages_of_a_site_sign_in_and_chat_with_the_containers_of_serve(self):
        site, (python, nodejs) = "http://site.example", free_ports(2)
        machine = self.by_shell["dash"]
        serve = Terminal([f"{machine.tree}/scripts/serve.sh", "--containers", "--site", site], machine.env | {"PYTHON_PORT": python, "NODEJS_PORT": nodejs})
        self.assertTrue(serve.until("Press Ctrl-C"), serve.output)

        def ask(port, method, path, headers, body=None):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request(method, path, body, headers | {"origin": site})
                response = connection.getresponse()
                return response.status, response.headers["access-control-allow-origin"], json.loads(response.read())
        cookie = sign_in.cookie(types.SimpleNamespace(address=f"127.0.0.1:{nodejs}", name="nodejs-backend"), ours=True)
        status, allowed, found = ask(nodejs, "GET", "/api/auth/token", {"cookie": cookie})
        self.assertEqual((status, allowed), (200, site), found)
        chat = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hello"}]})
        for headers, expected in (({}, 401), ({"authorization": "Bearer " + found["token"]}, 200)):
            status, allowed, said = ask(python, "POST", "/v1/chat/completions", headers | {"content-type": "application/json"}, chat)
            self.assertEqual((status, allowed), (expected, "*"), said)
        serve.press_ctrl_c()
        self.assertEqual(serve.end(), 0, serve.output)

    def test_port_that_is_in_use_ends_serve_and_leaves_no_container(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            python, nodejs = free_ports(1)[0], str(taken.getsockname()[1])
            status, output = self.by_shell["dash"].run("scripts/serve.sh", "--containers", PYTHON_PORT=python, NODEJS_PORT=nodejs)
        self.assertEqual(status, 1, output)
        self.assertIn("python-backend did not start (if a port is in use, set PYTHON_PORT or NODEJS_PORT)", output)
        self.assertNotEqual(run([*self.PROGRAMS, "inspect", f"python-backend-{python}"])[0], 0, "the container is removed")

    def test_linter_and_dry_run_need_no_python(self):
        for machine in self.machines():
            self.good(machine.run("scripts/stage.sh", BACKENDS[0], machine.work + "/a folder"))
            self.assertIn("a folder: 0 errors", self.good(machine.run("scripts/lint-space.sh", "a folder")))
            with open(machine.work + "/settings", "w", encoding="utf-8") as file:
                file.write("AUTH_SECRET=0123456789-secret-value-ABCDEF\n")
            # An image, because the container has no other shell than sh to run this tree's stage.sh. The bare Debian runs it.
            image = "registry.example/me/image@sha256:" + "0a" * 32
            output = self.good(machine.run("scripts/deploy.sh", BACKENDS[0], "me/space", "--image", image, "--dry-run", "--env-file=settings"))
            self.assertIn("secrets: AUTH_SECRET;", output)
            folder, = glob.glob(machine.work + f"/tmp/{BACKENDS[0]}-*")
            self.assertEqual(content(folder)["Dockerfile"], f"FROM {image}\n".encode(), "the folder stays for inspection")
            shutil.rmtree(folder)
        self.assertEqual(machine.run("scripts/lint-space.sh", "tree/docs")[0], 1)
        self.assertEqual(machine.run("scripts/lint-space.sh", "missing")[0], 2)

    def test_bare_debian_with_only_docker_builds_images_and_rehearses_a_deploy(self):
        if self.PROGRAMS[0].endswith("podman"):
            self.skipTest("podman has no socket to share")
        name = BACKENDS[-1]
        with tempfile.TemporaryDirectory() as work:
            machine = Machine(work, "/bin/sh")
            options = [f"--volume={path}:{path}" for path in ("/var/run/docker.sock", work)] + [f"--volume={os.path.realpath(self.PROGRAMS[0])}:/usr/bin/docker:ro"]
            options += [f"--env={name}={value}" for name, value in machine.env.items() if name != "PATH"]
            script = f"set -e; cd {machine.tree}; ! command -v python3; ! command -v cargo; scripts/build-image.sh {name}; " \
                     f"scripts/deploy.sh {name} me/space --dry-run"
            output = self.good(run([*self.PROGRAMS, "run", "--rm", "--network=host", *options, "debian:bookworm-slim", "sh", "-c", script]))
        self.assertIn(f"image: {name}:latest binary", output)
        self.assertIn("dry run: nothing was sent", output)


if __name__ == "__main__":
    if "Engine" in sys.argv:
        found = subprocess.run([ROOT + "/scripts/engine.sh"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        Engine.PROGRAMS = (shutil.which(found),)
    unittest.main(verbosity=2, defaultTest="EachShell")
