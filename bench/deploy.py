"""A deploy that changes nothing, on light hosts of the lab, against a bare ssh round trip to each of them."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.shared import ENVIRONMENT, ROOT, forks, lab, timed
from lab import light
from lab.config import HOSTS, Host

COUNTS = (3, 50)


def run() -> list[dict[str, Any]]:
    """One row for each fleet size; wall and controller CPU seconds are those of one host."""
    lab("up", "--no-image")
    # The lab's servers would take part of the machine; `lab up` powers them on again.
    for host in HOSTS:
        lab("halt", host.name)
    rows = [_measure(count) for count in COUNTS]
    lab("many", "0")
    return rows


def _measure(count: int) -> dict[str, Any]:
    lab("many", str(count))
    _deploy()  # brings the hosts to serving; not measured
    wall, cpu = timed(lambda: _deploy(changed=0))
    floor_wall, floor_cpu = timed(lambda: _round_trips(count))
    return {
        "light hosts": count,
        "wall s/host": round(wall / count, 2),
        "controller CPU s/host": round(cpu / count, 2),
        "floor: ssh wall s/host": round(floor_wall / count, 2),
        "floor: ssh CPU s/host": round(floor_cpu / count, 2),
        "ratio wall": round(wall / floor_wall, 1),
        "ratio CPU": round(cpu / floor_cpu, 1),
    }


def _deploy(changed: int | None = None) -> None:
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(light.INVENTORY), "playbooks/deploy.yml"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    counters = {int(number) for number in re.findall(r"changed=(\d+)", done.stdout)}
    if done.returncode or (changed is not None and counters != {changed}):
        raise SystemExit(f"bench: the deploy ended with {done.returncode}, changed={counters}\n{done.stdout[-4000:]}")


def _round_trips(count: int) -> None:
    def one(host: Host) -> None:
        subprocess.run([*light.ssh_command(host), "true"], check=True, stdin=subprocess.DEVNULL)

    with ThreadPoolExecutor(forks()) as pool:
        list(pool.map(one, light.fleet(count)))
