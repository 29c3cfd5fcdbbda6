"""What several benchmarks do: the lab's commands, Ansible with this checkout's settings, and the time both take."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of every command of Ansible.
ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg"}


def lab(*command: str) -> None:
    """Run one of the lab's own commands."""
    subprocess.run([sys.executable, "-m", "lab", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of the processes that *work* starts here (the hosts' own are not among them)."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forks() -> int:
    """As ansible.cfg has it."""
    config = ConfigParser()
    config.read(ROOT / "ansible.cfg")
    return config.getint("defaults", "forks")
