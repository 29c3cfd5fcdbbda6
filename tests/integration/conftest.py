"""Real deploys on the lab's fleet, in eager mode: the compile itself is not the subject, and a start takes seconds.

With small limits, so that the warm-up has few shapes to walk.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"max_model_len": 2048, "max_num_batched_tokens": 2048, "max_num_seqs": 16}
EAGER = {"vllm_args": {"enforce_eager": True, **LIMITS}}
_RECAP = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)


@dataclass
class Result:
    """What a playbook run has left: exit code, output, and each host's counters of the recap."""

    returncode: int
    output: str
    recap: dict[str, dict[str, int]] = field(default_factory=dict)

    def changed(self) -> dict[str, int]:
        return {host: counters["changed"] for host, counters in self.recap.items() if host != "localhost"}


def start(playbook: str, *args: str, extra: dict[str, Any] | None = None) -> subprocess.Popen[str]:
    """Start a playbook in a process group of its own."""
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", "inventory/lab", f"playbooks/{playbook}.yml", *args]
    command += ["-e", json.dumps({**EAGER, **(extra or {})})]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"},
    )


def play(playbook: str, *args: str, extra: dict[str, Any] | None = None) -> Result:
    """Run a playbook to its end."""
    process = start(playbook, *args, extra=extra)
    output = process.communicate()[0]
    recap = {
        host: {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", counters)}
        for host, counters in _RECAP.findall(output)
    }
    print(output)
    return Result(process.returncode, output, recap)


def play_until(text: str, playbook: str, *args: str) -> str:
    """Run a playbook and SIGKILL it, with all its workers, once *text* shows in its output; what it had printed."""
    process = start(playbook, *args)
    assert process.stdout is not None
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if text in line:
                return printed
        raise AssertionError(f"{text!r} never came:\n{printed}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def on_host(name: str, *command: str) -> str:
    """Run a command as root on a lab host; its output."""
    lab = [f"{ROOT}/.venv/bin/python", "-m", "lab"]
    done = subprocess.run([*lab, "ssh", name, "sudo", *command], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{command} on {name}: {done.stderr}"
    return done.stdout


def lab(*command: str) -> None:
    """Run one of the lab's own commands."""
    subprocess.run([f"{ROOT}/.venv/bin/python", "-m", "lab", *command], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def fleet() -> None:
    """The three hosts serving."""
    lab("up")
    result = play("deploy")
    assert result.returncode == 0, result.output
