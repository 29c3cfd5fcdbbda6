"""Seconds from start to first token on a lab host: cold, warm from a bundle, and `docker restart` of a warm one."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

from bench.shared import ENVIRONMENT, ROOT, lab
from lab.config import HOSTS
from lab.hosts import ssh_command

HOST = HOSTS[0]
REPEATS = 3
CACHE = "/dev/shm/vllm_cache"  # noqa: S108 - the hosts' own, root's alone
LOCAL = "/var/lib/turbostable/xla_cache"
# Runs the command that starts the server, then asks until a first token is there; prints the seconds.
MEASURE = """
import json, subprocess, sys, time, urllib.request
body = {"model": "gemma-4-tiny", "prompt": "Once", "max_tokens": 1}
begin = time.monotonic()
subprocess.run(["sh", "-c", sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
while True:
    request = urllib.request.Request(
        "http://127.0.0.1:8000/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=60).read()
        break
    except OSError:
        time.sleep(0.05)
print(time.monotonic() - begin)
"""


def run() -> list[dict[str, Any]]:
    """Deploys one host with compiling on; the other hosts are off, so that they take nothing of the machine."""
    lab("up")
    for host in HOSTS[1:]:
        lab("halt", host.name)
    deploy = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", "inventory/lab", "playbooks/deploy.yml"]
    subprocess.run(
        [*deploy, "--limit", HOST.inventory_name], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True
    )
    empty = f"docker stop vllm-gemma4; find {CACHE} -mindepth 1 -delete"
    cold = _seconds(empty, "docker start vllm-gemma4")
    # The restore is part of the warm start.
    restore = f"python3 /usr/local/lib/turbostable/bundle.py {LOCAL} && docker start vllm-gemma4"
    pairs = [
        (_seconds(empty, restore), _seconds("true", "docker restart --time 0 vllm-gemma4")) for _ in range(REPEATS)
    ]
    warm, floor = (min(times) for times in zip(*pairs, strict=True))
    bundle = json.loads(_ssh(f"cat {LOCAL}/at-boot.json"))["fingerprint"]
    size = int(_ssh(f"stat -c %s {LOCAL}/{bundle}.tar.zst"))
    lab("up")
    return [
        {"start": "cold", "seconds to first token": round(cold, 1), "ratio to the floor": round(cold / floor, 2)},
        {
            "start": f"warm, from a bundle of {size / 1e6:.1f} MB",
            "seconds to first token": round(warm, 1),
            "ratio to the floor": round(warm / floor, 2),
        },
        {
            "start": "floor: docker restart of a warm one",
            "seconds to first token": round(floor, 1),
            "ratio to the floor": 1.0,
        },
    ]


def _seconds(before: str, start: str) -> float:
    _ssh(before)
    return float(_ssh(f"python3 -c {shlex.quote(MEASURE)} {shlex.quote(start)}"))


def _ssh(command: str) -> str:
    argv = [*ssh_command(HOST), f"sudo sh -c {shlex.quote(command)}"]
    return subprocess.run(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
