"""The health of 200 hosts, 20 of them hung, against one host's and a bare ping; 25 light hosts play all of them.

What the hosts themselves compute is taken from the same cores here; on a real fleet each has its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.shared import ENVIRONMENT, ROOT, lab, timed
from lab import light
from lab.config import DIR, GATEWAY

HOSTS = 200
HUNG = 20
LIGHT = 25
MANY = DIR / "light" / "many.yml"
HEALTH = ("ansible-playbook", "playbooks/health.yml")
PING = ("ansible", "tpu", "--become", "-m", "ansible.builtin.ping", "--timeout=10", "-e", "ansible_ssh_retries=0")


def run() -> list[dict[str, Any]]:
    """One row for one host, one for a hung one, one for all."""
    lab("many", str(LIGHT))
    _run(light.INVENTORY, "ansible-playbook", "playbooks/deploy.yml", check=True)
    with _hung_port() as port:
        _write_inventory(port)
        rows = [
            _measure("1 that serves", *HEALTH, "--limit", "host-000"),
            _measure("1 that hangs", *HEALTH, "--limit", "hung-000"),
            _measure(f"{HOSTS}, {HUNG} of them hung", *HEALTH),
            _measure("floor: the same, ansible's ping", *PING),
        ]
    MANY.unlink()
    lab("many", "0")
    return rows


def _measure(hosts: str, *command: str) -> dict[str, Any]:
    busy = _busy()
    # With a hung host both are errors, and are meant to be.
    wall, controller = timed(lambda: _run(MANY, *command, f"--forks={HOSTS}"))
    return {
        "hosts": hosts,
        "wall s": round(wall, 1),
        "controller CPU s": round(controller, 1),
        "hosts' CPU s": round(_busy() - busy - controller, 1),
        "cores": os.cpu_count(),
    }


def _busy() -> float:
    """Seconds that this machine's cores have worked since it started (proc_stat(5))."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _hung_port() -> Iterator[int]:
    """A port that takes connections and never says a word, as a hung VM's sshd."""
    with socket.create_server((GATEWAY, 0), backlog=HOSTS) as listener:
        yield listener.getsockname()[1]


def _write_inventory(hung_port: int) -> None:
    found = yaml.safe_load(light.INVENTORY.read_text())
    living = list(found["all"]["children"]["tpu"]["hosts"].values())
    named = {f"host-{k:03}": dict(living[k % len(living)]) for k in range(HOSTS - HUNG)}
    named |= {f"hung-{k:03}": {**living[0], "ansible_host": GATEWAY, "ansible_port": hung_port} for k in range(HUNG)}
    for name, variables in named.items():
        # By its name and not by its address: each is to open a connection of its own.
        variables["ansible_control_path"] = f"~/.ansible/cp/bench-{name}"
    found["all"]["children"]["tpu"]["hosts"] = named
    MANY.write_text(yaml.safe_dump(found))


def _run(inventory: Path, program: str, *args: str, check: bool = False) -> None:
    command = [f"{ROOT}/.venv/bin/{program}", "-i", str(inventory), *args]
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=check)
