"""--check --diff after one changed flag shows that one flag, and touches nothing."""

from __future__ import annotations

import re

import pytest

from tests.integration.conftest import EAGER, on_host, play

STATE = "'{{.Id}} {{.State.StartedAt}} {{.RestartCount}}'"


@pytest.mark.usefixtures("fleet")
def test_one_changed_flag_shows_and_nothing_else() -> None:
    before = on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4")
    changed = {"vllm_args": {**EAGER["vllm_args"], "max_num_seqs": 8}}
    result = play("deploy", "--check", "--diff", "--limit", "tpu-a*", extra=changed)

    assert result.returncode == 0
    assert result.changed() == {"tpu-a.us-east5-b": 1}
    lines = re.findall(r"^[-+](?![-+]) *(\S.*)$", result.output, re.MULTILINE)
    assert lines == ["- --max-num-seqs=16", "- --max-num-seqs=8"]
    assert on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4") == before


@pytest.mark.usefixtures("fleet")
def test_a_second_deploy_changes_nothing() -> None:
    assert set(play("deploy").changed().values()) == {0}
