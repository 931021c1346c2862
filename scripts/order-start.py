#!/usr/bin/env python3
"""Writes .cargo/start.ld anew: it has the linker put side by side what runs in a start and a first answer.

usage: scripts/order-start.py

Each of both backends and the kit's example is built with its symbols (target/order), run under valgrind with a port
of its own and with a socket handed over, and asked for /health. What ran becomes a list of patterns that match the sections of these functions and of no others. Hashes
in names are left open, so the list holds for other versions of crates and compiler; a function that it has no longer
goes with the rest, which costs a page and breaks nothing. To be run when a start has changed much.
Wants valgrind (scripts/setup.sh measure) and what scripts/build.sh wants.
"""

import bisect
import http.client
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

from measure_load.server import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENV = {"DEV_SIGN_IN": "yes", "AUTH_URL": "http://127.0.0.1:{port}", "LOG_LEVEL": "info"}
HEAD = """\
/* What runs in a start and a first answer, side by side: half a megabyte less of the file is mapped, which Linux does
   in pieces of 64 KiB and more around each page that is touched. Large tables that no start reads stand behind those
   that it reads. The block of the heap comes last, so that libc's few variables share a page with ours.
   Written by scripts/order-start.py. Hashes in names are left open. */
SECTIONS
{
  .text.begin : ALIGN(64)
  {
    *rcrt1.o(.text .text.*)
    *(.text.startup)
    *(.text.mem)
    *libc.a:mem*.lo(.text)
"""
TAIL = """\
  }
}
INSERT AFTER .text;

SECTIONS { .rodata.last : { *(.rodata._RNv*5ROOTS .rodata.ring_core_*k25519Precomp) } }
INSERT AFTER .rodata;

SECTIONS { .bss.last (NOLOAD) : { *(.bss._RNv*8segments5START) *(.bss._RNv*4heap5TABLE) } }
INSERT AFTER .bss;

SECTIONS { .bss.pages (NOLOAD) : { *(.bss._RNv*7buffers5FIRST) } }
INSERT AFTER .bss.last;
"""


def build(name):
    """A binary with its symbols."""
    env = os.environ | {"CARGO_PROFILE_RELEASE_STRIP": "none", "CARGO_TARGET_DIR": str(ROOT / "target/order")}
    subprocess.run([ROOT / "scripts/build.sh", name], env=env, check=True)
    return (ROOT / "dist" / name).rename(ROOT / "target/order" / name)


def symbols(binary):
    """The functions of a file, and those at the same address together."""
    found = {}
    for line in subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout.splitlines():
        *address, kind, name = line.split()
        if kind in "tTwW":
            found.setdefault(address[0], set()).add(name)
    return list(found.values())


def ask(port):
    for headers in {}, {"Connection": "close"}:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/health", headers=headers)
        status = connection.getresponse().status
        if status != 200:
            sys.exit(f"order-start: /health was answered {status}")


def ran(binary):
    """The names of all functions that valgrind saw in two starts and their first answers."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as handed:
        valgrind = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={folder}/%p", str(binary)]
        server = Server(binary.name, valgrind, ENV)
        ask(server.port)
        server.stop()
        port = handed.getsockname()[1]
        env = {name: value.format(port=port) for name, value in ENV.items()} | {"LISTEN_FDS": "1", "READY_FD": "4"}
        words = ["bash", "-c", f'exec "$@" 3<&{handed.fileno()} 4>/dev/null', "bash", *valgrind]
        with subprocess.Popen(words, env=os.environ | env, pass_fds=[handed.fileno()]) as process:
            ask(port)
            process.terminate()
        profiles = "".join(profile.read_text() for profile in pathlib.Path(folder).iterdir())
        return set(re.findall(r"^c?fn=\(\d+\) ([^\s']+)", profiles, re.M)) # 'N: the Nth recursion


def patterns(hot, cold):
    """Beginnings of names, each up to the end of a word, that match all of `hot` and nothing of `cold`."""
    cold = sorted(cold)

    def matches_cold(prefix):
        at = bisect.bisect_left(cold, prefix)
        return at < len(cold) and cold[at].startswith(prefix)

    found = []
    for name in sorted(hot):
        if found and found[-1].endswith("*") and name.startswith(found[-1][:-1]):
            continue
        ends = [word.end() for word in re.finditer(r"[a-z][a-z0-9_]*[a-z0-9]", name)]
        prefix = next((name[:end] for end in ends if not matches_cold(name[:end])), None)
        found.append(f"{prefix}*" if prefix and prefix != name else name)
    return found


def main():
    hot, cold = set(), set()
    for name in "python-backend", "nodejs-backend", "probe":
        binary = build(name)
        seen = ran(binary)
        for same in symbols(binary):
            (hot if same & seen else cold).update(same)
    # Crates' hashes, and numbers that count letters with them, differ from build to build.
    for pattern, instead in (r"Cs[0-9A-Za-z]+_", "Cs*_"), (r"B[0-9A-Za-z]{1,3}_", "B*_"):
        hot, cold = ({re.sub(pattern, instead, name) for name in names} for names in (hot, cold))
    lines = [f"    *(.text*.{name})\n" for name in patterns(hot, cold - hot)] # .text.unlikely too
    (ROOT / ".cargo/start.ld").write_text(HEAD + "".join(lines) + TAIL)
    print(f"order-start: {len(hot)} functions by {len(lines)} patterns in .cargo/start.ld; scripts/build.sh takes it up")


if __name__ == "__main__":
    main()
