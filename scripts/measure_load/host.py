"""Describes the machine that was measured on."""

import os
import re
import subprocess


def describe(root):
    with open("/proc/cpuinfo") as cpus:
        name = re.search(r"model name\s*:\s*(.*)", cpus.read())
    git = lambda *words: subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()
    return {"cpu": name.group(1) if name else "unknown", "cpus": os.cpu_count(), "kernel": os.uname().release,
            "load_before": load(), "commit": git("rev-parse", "HEAD"), "modified": bool(git("status", "--porcelain"))}


def load():
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def text(machine):
    busy = float(machine["load_before"].split()[0]) >= machine["cpus"] / 2
    return (f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}; load {machine['load_before']} before, "
            f"{machine['load_after']} after; commit {machine['commit']}{' with changes' if machine['modified'] else ''}"
            + ("\nthe machine was busy before the run, so times are noisy" if busy else ""))
