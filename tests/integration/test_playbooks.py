"""health.yml and warm_cache.yml on the fleet: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.config import SUBNET
from tests.integration.conftest import Result, on_host, play

HOST = "tpu-b.us-east5-b"
# Of the lab's own network, with nobody there.
NOBODY = SUBNET.replace("0/24", "250")
TOKENS = "'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:8000/metrics\").read().decode())'"

pytestmark = pytest.mark.usefixtures("fleet")


def rows(result: Result) -> dict[str, dict[str, Any]]:
    """The rows of the one line of JSON, by host."""
    (line,) = [line for line in result.output.splitlines() if line.startswith("{")]
    return {row["host"]: row for row in json.loads(line)["rows"]}


def generated() -> float:
    """Tokens that the host's server has generated so far."""
    lines = on_host("tpu-b", "python3", "-c", TOKENS).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:generation_tokens_total"))


def test_a_fleet_that_is_ready() -> None:
    result = play("health", extra={"output": "json"})
    assert result.returncode == 0
    assert {row["status"] for row in rows(result).values()} == {"ready"}
    assert len(rows(result)) == 3
    assert set(result.changed().values()) == {0}


def test_one_is_down_and_one_is_dead(tmp_path: Path) -> None:
    dead = tmp_path / "dead.yml"
    dead.write_text(json.dumps({"tpu": {"hosts": {"tpu-dead": {"ansible_host": NOBODY}}}}))
    on_host("tpu-b", "docker", "stop", "vllm-gemma4")
    try:
        result = play("health", "-i", str(dead), extra={"output": "json"})
    finally:
        on_host("tpu-b", "docker", "start", "vllm-gemma4")
    assert result.returncode != 0
    statuses = {host: row["status"] for host, row in rows(result).items()}
    assert statuses == {
        "tpu-a.us-east5-b": "ready",
        HOST: "down",
        "tpu-c.europe-west4-a": "ready",
        "tpu-dead": "FAILED: unreachable",
    }
    assert "the container has exited" in rows(result)[HOST]["evidence"]
    assert f"Not ready: {HOST}, tpu-dead" in " ".join(result.output.split())
    assert play("deploy", "--limit", HOST).returncode == 0


def test_a_second_warm_up_compiles_nothing_and_check_mode_sends_nothing() -> None:
    result = play("warm_cache", "--limit", HOST, extra={"output": "json"})
    assert result.returncode == 0
    row = rows(result)[HOST]
    assert (row["compiled again"], row["status"]) == (0, "warm")
    assert row["first pass s"] > 0

    before = generated()
    assert play("warm_cache", "--check", "--limit", HOST).returncode == 0
    assert generated() == before
