"""A deploy that changes nothing, on light hosts of the lab, against a bare ssh round trip to each of them."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab import light
from lab.config import HOSTS, Host

ROOT = Path(__file__).resolve().parents[1]
COUNTS = (3, 50)
# As ansible.cfg has it, for both sides.
FORKS = 100


def run() -> list[dict[str, Any]]:
    """One row for each fleet size; wall and controller CPU seconds are those of one host."""
    _lab("up", "--no-image")
    # The lab's servers would take part of the machine; `lab up` powers them on again.
    for host in HOSTS:
        _lab("halt", host.name)
    rows = [_measure(count) for count in COUNTS]
    _lab("many", "0")
    return rows


def _measure(count: int) -> dict[str, Any]:
    _lab("many", str(count))
    _deploy()  # brings the hosts to serving; not measured
    wall, cpu = _timed(lambda: _deploy(changed=0))
    floor_wall, floor_cpu = _timed(lambda: _round_trips(count))
    return {
        "light hosts": count,
        "wall s/host": round(wall / count, 2),
        "controller CPU s/host": round(cpu / count, 2),
        "floor: ssh wall s/host": round(floor_wall / count, 2),
        "floor: ssh CPU s/host": round(floor_cpu / count, 2),
        "ratio wall": round(wall / floor_wall, 1),
        "ratio CPU": round(cpu / floor_cpu, 1),
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of the processes that *work* starts here (the hosts' own are not among them)."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _deploy(changed: int | None = None) -> None:
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(light.INVENTORY), "playbooks/deploy.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_FORKS": str(FORKS)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    counters = {int(number) for number in re.findall(r"changed=(\d+)", done.stdout)}
    if done.returncode or (changed is not None and counters != {changed}):
        raise SystemExit(f"bench: the deploy ended with {done.returncode}, changed={counters}\n{done.stdout[-4000:]}")


def _round_trips(count: int) -> None:
    def one(host: Host) -> None:
        subprocess.run([*light.ssh_command(host), "true"], check=True, stdin=subprocess.DEVNULL)

    with ThreadPoolExecutor(FORKS) as pool:
        list(pool.map(one, light.fleet(count)))


def _lab(*command: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
