#!/usr/bin/env python3
"""Requests through python-backend beside nginx's proxy_pass, before the same upstream, in one run.

usage: scripts/measure-load.py [SECONDS]     (of each measurement; default 5)
Needs wrk and nginx. One core for the proxy, another for the load and the upstream. Variants take turns; each
figure is the median of the rounds. Compare the ratios: the times mean little on another machine.
"""

import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
UPSTREAM, NGINX, GATEWAY = 9101, 9102, 9103
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "org/model",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello " * 20}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23}}
QUESTION = {"model": "org/model", "messages": [{"role": "user", "content": "hi"}]}


def nginx(work, name, http, core):
    """One worker that logs nothing and keeps its connections."""
    config = work / f"{name}.conf"
    config.write_text(f"""worker_processes 1; daemon off; pid {work}/{name}.pid; error_log {work}/{name}.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {work}; proxy_temp_path {work};
        fastcgi_temp_path {work}; uwsgi_temp_path {work}; scgi_temp_path {work}; {http} }}""")
    return subprocess.Popen(["taskset", "-c", core, shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", config])


def wait(port):
    """Until somebody accepts there."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"measure-load: nobody listens on port {port}")


def load(work, port, connections, seconds):
    """p50 in microseconds and requests a second. Every answer must be a 200."""
    script = work / "post.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
                      f"wrk.body = [[{json.dumps(QUESTION)}]]\n")
    command = ["taskset", "-c", "1", "wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
               f"http://127.0.0.1:{port}/v1/chat/completions"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"measure-load: not every answer was a 200:\n{text}")
    number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", text).groups()
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit], rate


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    binary = ROOT / "dist/python-backend"
    for what, there in (("wrk", shutil.which("wrk")), ("nginx", shutil.which("nginx", path="/usr/sbin:/usr/bin")),
                        ("dist/python-backend (scripts/build.sh)", binary.exists())):
        if not there:
            sys.exit(f"measure-load: {what} is missing")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        answer = f"default_type application/json; return 200 '{json.dumps(ANSWER)}';"
        upstream = f"server {{ listen 127.0.0.1:{UPSTREAM}; location / {{ {answer} }} }}"
        proxy = (f"upstream u {{ server 127.0.0.1:{UPSTREAM}; keepalive 64; }} server {{ listen 127.0.0.1:{NGINX}; "
                 "location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ''; } }")
        env = {"HOST": "127.0.0.1", "PORT": str(GATEWAY), "UPSTREAM_URL": f"http://127.0.0.1:{UPSTREAM}/v1",
               "LOG_LEVEL": "error"}
        gateway = subprocess.Popen(["taskset", "-c", "0", binary], env=env)
        running = [nginx(work, "upstream", upstream, "1"), nginx(work, "proxy", proxy, "0"), gateway]
        try:
            variants = {"upstream alone": UPSTREAM, "nginx": NGINX, "python-backend": GATEWAY}
            for port in variants.values():
                wait(port)
            seen = {name: {"p50": [], "rate": []} for name in variants}
            for _ in range(ROUNDS):
                for name, port in variants.items():
                    seen[name]["p50"].append(load(work, port, 1, seconds)[0])
                    seen[name]["rate"].append(load(work, port, 32, seconds)[1])
        finally:
            for process in running:
                process.terminate()
    middle = {name: {kind: statistics.median(all) for kind, all in kinds.items()} for name, kinds in seen.items()}
    bare, ours, theirs = middle["upstream alone"], middle["python-backend"], middle["nginx"]
    print(f"{'':16} {'p50, 1 connection':>18} {'added':>10} {'requests/s, 32':>15}")
    for name, figures in middle.items():
        added = figures["p50"] - bare["p50"]
        print(f"{name:16} {figures['p50']:15.0f} us {added:7.0f} us {figures['rate']:15.0f}")
    added = (ours["p50"] - bare["p50"]) / (theirs["p50"] - bare["p50"])
    print(f"python-backend adds {added:.2f} times what nginx adds (goal: at most 1.5)")
    print(f"python-backend answers {ours['rate'] / theirs['rate']:.2f} times as many as nginx (goal: at least 0.6)")


if __name__ == "__main__":
    main()
