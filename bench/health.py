"""The health of 200 hosts, a tenth of them dead, against one host's; the hosts are 25 light ones by many names."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from lab import light
from lab.config import DIR

ROOT = Path(__file__).resolve().parents[1]
HOSTS = 200
DEAD = 20
LIGHT = 25
# Of the lab's own network, with nobody there.
NOBODY = "10.213.77.250"


def run() -> list[dict[str, Any]]:
    """One row for one host, one for all."""
    _lab("many", str(LIGHT))
    _play(light.INVENTORY, "deploy", {})
    found = yaml.safe_load(light.INVENTORY.read_text())
    living = list(found["all"]["children"]["tpu"]["hosts"].values())
    named = {f"host-{k:03}": dict(living[k % len(living)]) for k in range(HOSTS - DEAD)}
    named |= {f"dead-{k:03}": {**living[0], "ansible_host": NOBODY} for k in range(DEAD)}
    found["all"]["children"]["tpu"]["hosts"] = named
    many = DIR / "light" / "many.yml"
    many.write_text(yaml.safe_dump(found))
    rows = []
    for name, limit in (
        ("one host", "host-000"),
        ("one dead host", "dead-000"),
        (f"{HOSTS} hosts, {DEAD} dead", "all"),
    ):
        begin = time.monotonic()
        _play(many, "health", {"ANSIBLE_FORKS": str(HOSTS)}, "--limit", limit)
        rows.append({"fleet": name, "seconds": round(time.monotonic() - begin, 1)})
    many.unlink()
    _lab("many", "0")
    return rows


def _play(inventory: Path, playbook: str, env: dict[str, str], *args: str) -> None:
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(inventory), f"playbooks/{playbook}.yml", *args]
    environment = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", **env}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=playbook == "deploy")


def _lab(*command: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
