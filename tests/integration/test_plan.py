"""The plan against a fleet that serves: nothing after a deploy, one flag after one flag, and vLLM's own refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.conftest import EAGER, on_host, play

STATE = "'{{.Id}} {{.State.StartedAt}} {{.RestartCount}}'"
HOSTS = {"tpu-a.us-east5-b", "tpu-b.us-east5-b", "tpu-c.europe-west4-a"}


def asked(**args: Any) -> dict[str, Any]:
    return {"vllm_args": {**EAGER["vllm_args"], **args}}


def plan_of(output: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(next(line for line in output.splitlines() if line.startswith('{"hosts"')))
    return plan


@pytest.mark.usefixtures("fleet")
def test_nothing_would_change_right_after_a_deploy() -> None:
    result = play("plan", extra={"output": "json", "fail_on_change": True})
    assert result.returncode == 0
    assert set(result.changed().values()) == {0}
    plan = plan_of(result.output)
    assert {row["host"]: row["action"] for row in plan["hosts"]} == dict.fromkeys(HOSTS, "none")
    assert plan["changed"] == 0
    (configuration,) = plan["configurations"]
    # vLLM's own parser was asked, and the tiny model was found where it lies: in the image.
    assert configuration["parser"]["version"].startswith("0.32.0")
    assert configuration["hbm"]["weights"] > 0


@pytest.mark.usefixtures("fleet")
def test_one_changed_flag_is_exactly_that_one() -> None:
    before = on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4")
    result = play("plan", "--limit", "tpu-a*", extra={**asked(max_num_seqs=8), "output": "json"})
    assert result.returncode == 0
    (row,) = plan_of(result.output)["hosts"]
    assert (row["host"], row["action"]) == ("tpu-a.us-east5-b", "restart")
    assert row["changes"] == [{"kind": "flag", "name": "max_num_seqs", "before": "16", "after": "8"}]
    assert play("plan", "--limit", "tpu-a*", extra={**asked(max_num_seqs=8), "fail_on_change": True}).returncode != 0
    assert on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4") == before


@pytest.mark.usefixtures("fleet")
def test_the_images_own_parser_refuses_before_anything_stops() -> None:
    before = on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4")
    # A value among a few: our own check takes any text for it. The plan is the first step of a deploy.
    result = play("deploy", extra=asked(kv_cache_dtype="fp9"))
    assert result.returncode != 0
    output = " ".join(result.output.split())
    assert "argument --kv-cache-dtype: invalid choice: 'fp9'" in output
    assert "The plan is refused before anything is touched: vLLM 0.32.0" in output
    assert on_host("tpu-a", "docker", "inspect", "--format", STATE, "vllm-gemma4") == before
    # Nothing of the throw-away container is left.
    assert on_host("tpu-a", "docker", "ps", "--all", "--format", "'{{.Names}}'").split() == ["vllm-gemma4"]
