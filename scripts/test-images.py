#!/usr/bin/env python3
"""Runs both images in a real engine and inspects them. Build them first with scripts/build-image.sh.
usage: scripts/test-images.py       (ENGINE as in scripts/engine.sh)"""

import datetime
import http.client
import io
import json
import os
import re
import subprocess
import tarfile
import time
import unittest

NAMES = ("python-backend", "nodejs-backend")
# nodejs-backend requires a provider or these variables; python-backend ignores them.
STARTABLE = ("--env=DEV_SIGN_IN=yes", "--env=AUTH_URL=http://127.0.0.1:7861")
ENGINE = subprocess.check_output([os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine.sh")], text=True).strip()
LOCKED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
SECRET = re.compile(  # tokens with the prefixes of their issuers, private keys, passwords in URLs
    rb"\b(hf_|hf_oauth_|ghp_|github_pat_|sk-|sk-proj-|xox[abp]-|AKIA|glpat-)[A-Za-z0-9_]{16,}"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
    rb"|://[^/\s:@\"]+:[^/\s:@\"]+@"
)


def engine(*words, **options):
    done = subprocess.run([ENGINE, *words], capture_output=True, text=True, timeout=60, **options)
    if done.returncode != 0:
        raise AssertionError(f"{ENGINE} {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Running:
    """A container with the strictest common options. Leaving the context removes it."""

    def __init__(self, name, uid, *options):
        self.id = engine("run", "--detach", *LOCKED, f"--user={uid}:{uid}", "--publish=127.0.0.1::7860",
                         "--health-interval=1s", *STARTABLE, *options, f"{name}:latest")
        self.port = int(engine("port", self.id, "7860/tcp").splitlines()[0].rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        engine("rm", "--force", self.id)

    def health(self):
        """Returns the result of the image's health check. podman runs it only once here, because it needs systemd to repeat it."""
        if ENGINE.endswith("podman"):
            return "healthy" if engine("healthcheck", "run", self.id) == "" else "unhealthy"
        begun = engine("inspect", "--format={{.Created}}", self.id)
        command = ["timeout", "30", ENGINE, "events", f"--since={begun}", f"--filter=container={self.id}",
                 "--filter=event=health_status", "--format={{.Status}}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
            status = events.stdout.readline().strip()
            events.terminate()
        return status.removeprefix("health_status: ")

    def lines(self):
        done = subprocess.run([ENGINE, "logs", self.id], stderr=subprocess.PIPE, text=True, check=True)
        return {line["message"]: line for line in map(json.loads, done.stderr.splitlines())}

    def ended(self):
        """Returns the exit status and the Unix time of the exit."""
        status = int(engine("wait", self.id))
        at = engine("inspect", "--format={{json .State.FinishedAt}}", self.id).strip('"')
        return status, datetime.datetime.fromisoformat(at).timestamp()


class Images(unittest.TestCase):
    def test_image_runs_read_only_without_capabilities_as_any_uid_and_stops_within_a_second(self):
        for name in NAMES:
            for uid in (1000, 12345):
                with self.subTest(name=name, uid=uid), Running(name, uid) as container:
                    self.assertEqual(container.health(), "healthy")
                    self.assertEqual(container.lines()["listening"]["service"], name)
                    asked = time.time()
                    engine("stop", container.id)
                    status, at = container.ended()
                    self.assertEqual(status, 0)
                    self.assertLess(at - asked, 1)
                    self.assertEqual(container.lines()["draining"]["in_flight"], 0)

    def test_image_restarts_in_place_after_a_crash_read_only_and_as_any_uid(self):
        for name in NAMES:
            for uid in (1000, 12345):
                with self.subTest(name=name, uid=uid), Running(name, uid) as container:
                    self.assertEqual(container.health(), "healthy")
                    begun = engine("inspect", "--format={{.State.StartedAt}} {{.State.Pid}}", container.id)
                    for number, signal in enumerate(("SEGV", "BUS", "ILL", "FPE", "ABRT"), 1):
                        engine("kill", f"--signal={signal}", container.id)
                        client = http.client.HTTPConnection("127.0.0.1", container.port, timeout=30)
                        client.request("GET", "/health", headers={"connection": "close"})
                        health = json.loads(client.getresponse().read())
                        client.close()
                        self.assertEqual((health["restarts"]["count"], health["restarts"]["last"]["cause"]), (number, signal))
                    self.assertEqual(engine("inspect", "--format={{.State.StartedAt}} {{.State.Pid}}", container.id), begun)
                    engine("stop", container.id)
                    self.assertEqual(container.ended()[0], 0)

    def test_stream_in_flight_is_finished_before_the_exit(self):
        with Running("python-backend", 1000, "--env=DEMO_DELAY=40ms") as container:
            self.assertEqual(container.health(), "healthy")
            client = http.client.HTTPConnection("127.0.0.1", container.port, timeout=30)
            chat = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "word " * 20}]}
            client.request("POST", "/v1/chat/completions", json.dumps(chat), {"content-type": "application/json"})
            answer = client.getresponse()
            first = answer.readline()
            with subprocess.Popen([ENGINE, "stop", "--time=20", container.id], stdout=subprocess.DEVNULL) as stop:
                rest = answer.read()
                finished = time.time()
                self.assertEqual(stop.wait(30), 0)
            self.assertTrue(first.startswith(b"data: {"), first)
            self.assertEqual(rest.count(b"word "), 20)
            self.assertTrue(rest.endswith(b"data: [DONE]\n\n"), rest[-80:])
            client.close()
            status, at = container.ended()
            self.assertEqual(status, 0)
            self.assertLess(at - finished, 1, "it exits right after the stream")
            self.assertEqual(container.lines()["draining"]["in_flight"], 1)

    def test_image_contains_only_its_binary(self):
        for name in NAMES:
            with self.subTest(name=name):
                config, files = contents(name)
                self.assertEqual([file.name for file, _ in files], [name])
                (file, binary) = files[0]
                self.assertEqual(file.mode & 0o777, 0o755)
                self.assertLessEqual(sum(len(content) for _, content in files) + len(config), len(binary) + 4096)
                self.assertEqual(json.loads(config)["config"]["User"], "1000:1000")

    def test_image_contains_no_secret(self):
        proxies = {os.environ.get(f"{which}_proxy", "").encode() for which in ("http", "https", "HTTP", "HTTPS")} - {b""}
        for name in NAMES:
            config, files = contents(name)
            self.assertEqual([env.split("=")[0] for env in json.loads(config)["config"]["Env"]], ["PATH"])
            for what in (config, *(content for _, content in files)):
                self.assertIsNone(SECRET.search(what))
                for proxy in proxies:
                    self.assertNotIn(proxy, what)

    def test_secret_pattern_matches_each_kind_of_secret(self):
        for secret in (b"x hf_" + b"aB3" * 11, b"key=sk-" + b"a1" * 20, b"https://me:word@host/",
                       b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIE" * 16):
            self.assertTrue(SECRET.search(secret), secret)


def contents(name):
    """Returns the image's configuration, and all entries of its layers with their contents."""
    saved = subprocess.run([ENGINE, "save", f"{name}:latest"], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as image:
        manifest = json.load(image.extractfile("manifest.json"))[0]
        files = []
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=image.extractfile(layer)) as entries:
                files += [(entry, entries.extractfile(entry).read() if entry.isfile() else b"") for entry in entries]
        return image.extractfile(manifest["Config"]).read(), files


if __name__ == "__main__":
    unittest.main(verbosity=2)
