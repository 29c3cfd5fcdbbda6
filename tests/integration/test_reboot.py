"""A rebooted host serves again with no controller: token, directories and container come back in the right order."""

from __future__ import annotations

import subprocess

import pytest

from tests.integration.conftest import ROOT, lab, on_host


@pytest.mark.usefixtures("fleet")
def test_serves_again_unattended() -> None:
    before = on_host("tpu-c", "docker", "inspect", "--format", "'{{.Id}} {{.State.StartedAt}}'", "vllm-gemma4").split()
    lab("reboot", "tpu-c")

    wait = "model=gemma-4-tiny wait=true timeout=300"
    ansible = [f"{ROOT}/.venv/bin/ansible", "-i", "inventory/lab", "tpu-c.europe-west4-a", "--become"]
    subprocess.run([*ansible, "-m", "turbostable.tpu.vllm_health", "-a", wait], cwd=ROOT, check=True)
    after = on_host("tpu-c", "docker", "inspect", "--format", "'{{.Id}} {{.State.StartedAt}}'", "vllm-gemma4").split()
    assert after[0] == before[0], "another container than before the reboot"
    assert after[1] != before[1], "the container was not restarted"
    assert on_host("tpu-c", "stat", "-c", "'%a %U %F'", "/dev/shm/huggingface/token").strip() == "600 root regular file"
