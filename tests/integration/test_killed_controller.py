"""SIGKILL of the controller in each step of a deploy: the next run goes on, nothing is left twice or by half."""

from __future__ import annotations

import pytest

from tests.integration.conftest import lab, on_host, play, play_until

# In the order of a deploy from bare: each run is killed in a later step, on what the killed one before has left.
MOMENTS = [
    "TASK [Gather what the roles look at",
    "turbostable.tpu.docker : Install",
    "turbostable.tpu.shm_cache : ",
    "turbostable.tpu.hf_secret : ",
    "turbostable.tpu.vllm : Image | Pull",
    "turbostable.tpu.vllm : Image | Bake",
    "turbostable.tpu.xla_cache : Boot | ",
    "turbostable.tpu.xla_cache : Restore | ",
    "turbostable.tpu.vllm : Container | Run it",
    "turbostable.tpu.vllm : Ready | Wait",
]


@pytest.mark.usefixtures("fleet")
def test_a_rerun_converges() -> None:
    lab("reset", "tpu-b")
    for moment in MOMENTS:
        # The whole fleet, for the host to restore what another one has.
        play_until(moment, "deploy")

    result = play("deploy")
    assert result.returncode == 0, result.output
    assert set(play("deploy").changed().values()) == {0}

    containers = on_host("tpu-b", "docker", "ps", "--all", "--format", "{{.Names}}").split()
    assert containers == ["vllm-gemma4"]
    images = on_host("tpu-b", "docker", "images", "--format", "{{.Repository}}").split()
    assert sorted(images) == ["turbostable/vllm", "vllm/vllm-tpu"]
    assert on_host("tpu-b", "docker", "images", "--quiet", "--filter", "dangling=true") == ""
