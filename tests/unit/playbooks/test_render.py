# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused is refused before any host is touched, and render.yml needs no host: there is none here to touch."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def play(
    tmp_path: Path, playbook: str, variables: dict[str, Any], host: dict[str, Any] | None = None
) -> tuple[int, str]:
    """Run *playbook* on a host that nobody can reach; (exit code, output)."""
    inventory = tmp_path / "hosts.json"
    unreachable = {"ansible_connection": "ssh", "ansible_ssh_executable": "/bin/false", **(host or {})}
    inventory.write_text(json.dumps({"tpu": {"hosts": {"tpu-x": unreachable}}}))
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(inventory), f"{ROOT}/playbooks/{playbook}.yml"]
    done = subprocess.run(
        [*command, "-e", json.dumps(variables)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Ansible folds long messages.
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_render_prints_the_command_with_the_changed_flag(tmp_path: Path) -> None:
    code, output = play(tmp_path, "render", {"vllm_args": {"max_num_seqs": 128, "block_size": None}})
    assert code == 0, output
    assert "docker run --name vllm-gemma4" in output
    assert "--max-num-seqs=128" in output
    assert "--block-size" not in output
    assert "-e VLLM_TPU_BUCKET_PADDING_GAP=512" in output


@pytest.mark.parametrize(
    ("variables", "host", "message"),
    [
        ({"vllm_args": {"max_num_seq": 128}}, {}, "max_num_seq (did you mean max_num_seqs?)"),
        ({"vllm_env": {"VLLM_TPU_BUCKET_PADING_GAP": 0}}, {}, "VLLM_TPU_BUCKET_PADING_GAP"),
        ({"vllm_profile": "turbo"}, {}, "unknown profile 'turbo'; known: baseline, peak, turbo_stable"),
        ({"vllm_image": {"base": "vllm/vllm-tpu:nightly"}}, {}, "is not pinned"),
        ({"vllm_args": "max_num_seqs: 1"}, {}, "vllm_args must be a mapping"),
        ({}, {"tpu_chips": 1}, "tpu-x has 1 chips, and the profile turbo_stable shards the model over 4"),
        ({}, {"tpu_slice": "big.us-east5-b"}, "tpu-x is a worker of the slice big.us-east5-b"),
        ({"xla_cache_store": "s3://b"}, {}, "xla_cache_store is s3://b"),
        ({"xla_cache_local_max": "lots"}, {}, "xla_cache_local_max is lots"),
    ],
    ids=["flag", "variable", "profile", "image", "no mapping", "chips", "slice", "store", "size"],
)
def test_deploy_refuses_by_name_before_any_host_is_touched(
    tmp_path: Path, variables: dict[str, Any], host: dict[str, Any], message: str
) -> None:
    code, output = play(tmp_path, "deploy", variables, host)
    assert code != 0
    assert message in output
    assert "Bring the hosts to serving" not in output
    assert "unreachable=0" in output


def test_an_empty_fleet_is_no_success(tmp_path: Path) -> None:
    inventory = tmp_path / "empty.json"
    inventory.write_text(json.dumps({"tpu": {"hosts": {}}}))
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(inventory), f"{ROOT}/playbooks/deploy.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "No servable host" in done.stdout + done.stderr


def test_a_limit_to_an_unservable_host_is_no_success(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.json"
    down = {"hosts": {"tpu-down": {"tpu_unservable_reason": "state PREEMPTED"}}}
    inventory.write_text(json.dumps({"tpu": {"hosts": {"tpu-x": {}}}, "tpu_unservable": down}))
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(inventory), f"{ROOT}/playbooks/deploy.yml"]
    done = subprocess.run([*command, "--limit", "tpu-down"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "state PREEMPTED" in done.stdout + done.stderr


def test_a_profile_of_ones_own_lies_beside_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("extends: turbo_stable\nargs: {max_num_seqs: 64}\nenv:\n")
    code, output = play(tmp_path, "render", {"vllm_profile": "own.yml"})
    assert code == 0, output
    assert "--max-num-seqs=64" in output
