# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _report

COMPLETION = {"prompt": "Who?", "text": "Me.\n", "tokens": 8, "e2e_ms": 12.5}
READY: dict[str, Any] = {
    "inventory_hostname": "tpu-a.us-east5-b",
    "tpu_zone": "us-east5-b",
    "tpu_accelerator_type": "v6e-4",
    "_vllm_spec": {"image_base": "vllm/vllm-tpu:nightly@sha256:19a1a0526476f902eb83"},
    "_vllm_health": {"status": "ready", "seconds_to_ready": 57.3, "cache": {"start": "cold"}, "completion": COMPLETION},
}
LOST = {"inventory_hostname": "tpu-b"}


def row(facts: dict[str, Any], kind: str = "deploy") -> dict[str, Any]:
    (found,) = _report.fleet_rows([facts], kind)
    return found


def test_row_of_a_ready_host() -> None:
    assert row(READY) == {
        "host": "tpu-a.us-east5-b",
        "zone": "us-east5-b",
        "type": "v6e-4",
        "image digest": "sha256:19a1a0526476",
        "seconds to ready": 57.3,
        "cache": "cold",
        "status": "ready",
    }


def test_row_of_a_host_of_which_nothing_is_known() -> None:
    found = row(LOST)
    assert found.pop("host") == "tpu-b"
    assert found.pop("status") == "FAILED: unreachable"
    assert set(found.values()) == {"-"}


@pytest.mark.parametrize("seconds", [0, 0.0])
def test_zero_seconds_are_no_dash(seconds: float) -> None:
    facts = {**READY, "_vllm_health": {"status": "ready", "seconds_to_ready": seconds}}
    assert row(facts)["seconds to ready"] == seconds


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        pytest.param({"_vllm_health": {"status": "ready"}}, "ready", id="ready"),
        pytest.param({"_vllm_health": {"status": "loading"}}, "loading", id="not ready"),
        pytest.param({"_deploy_failure": "Pull: no such tag\nlong\ntrace"}, "FAILED: Pull: no such tag", id="one line"),
        pytest.param(
            {"_deploy_failure": "Pull: refused", "_vllm_health": {"status": "ready"}},
            "FAILED: Pull: refused",
            id="a failure outweighs an old result",
        ),
        pytest.param({}, "FAILED: unreachable", id="neither result nor reason"),
        pytest.param({"_vllm_health": None}, "FAILED: unreachable", id="an empty result"),
        pytest.param({"_plan_facts": {"failed": True, "msg": "docker: no\nx"}}, "FAILED: docker: no", id="the plan's"),
        pytest.param({"_plan_facts": {"unreachable": True}}, "FAILED: unreachable", id="lost in the plan"),
    ],
)
def test_status(facts: dict[str, Any], status: str) -> None:
    assert _report.status(facts) == status


@pytest.mark.parametrize(
    ("image", "digest"),
    [
        ("vllm/vllm-tpu:nightly@sha256:19a1a0526476f902", "sha256:19a1a0526476"),
        ("host:5000/name@sha256:19a1a0526476f902", "sha256:19a1a0526476"),
        ("vllm/vllm-tpu:nightly", "-"),
        ("", "-"),
    ],
)
def test_short_digest(image: str, digest: str) -> None:
    assert _report.short_digest(image) == digest


def test_rows_come_by_name_and_make_a_table() -> None:
    third = {**READY, "inventory_hostname": "third", "_deploy_failure": "Serve: no"}
    assert _report.format_table(_report.fleet_rows([LOST, READY, third], "deploy")).splitlines() == [
        "host              zone        type   image digest         seconds to ready  cache  status",
        "----------------  ----------  -----  -------------------  ----------------  -----  -------------------",
        "third             us-east5-b  v6e-4  sha256:19a1a0526476  57.3              cold   FAILED: Serve: no",
        "tpu-a.us-east5-b  us-east5-b  v6e-4  sha256:19a1a0526476  57.3              cold   ready",
        "tpu-b             -           -      -                    -                 -      FAILED: unreachable",
    ]


def test_one_answer_of_a_ready_host() -> None:
    failed = {**READY, "inventory_hostname": "a", "_deploy_failure": "Serve: no"}
    expected = "tpu-a.us-east5-b was asked 'Who?' and answered 'Me.\\n' (8 tokens in 12.5 ms)"
    assert _report.fleet_answer([LOST, READY, failed]) == expected
    assert _report.fleet_answer([LOST, failed]) == ""


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows of kind 'x'; there are: deploy, health, warmup"):
        _report.fleet_rows([READY], "x")


def test_health_row() -> None:
    stuck = {
        "status": "stuck",
        "layer": "completion",
        "evidence": "no answer",
        "next_step": "restart it",
        "engine": {"running": 3, "waiting": 0, "kv_cache_use": 0.254},
        "container": {"restarts": 0},
        "completion": {"ttft_ms": 12.0, "tpot_ms": None},
    }
    assert row({**READY, "_vllm_health": stuck}, "health") == {
        "host": "tpu-a.us-east5-b",
        "status": "stuck",
        "layer": "completion",
        "TTFT ms": 12.0,
        "TPOT ms": "-",
        "running": 3,
        "waiting": 0,
        "KV cache": "25%",
        "restarts": 0,
        "evidence": "no answer; restart it",
    }


def test_health_row_of_a_lost_host_has_ansibles_words() -> None:
    lost = {"unreachable": True, "msg": "Failed to connect to the host via ssh:\n timed out"}
    found = row({**LOST, "_vllm_health": lost}, "health")
    assert (found["status"], found["layer"]) == ("FAILED: unreachable", "-")
    assert found["evidence"] == "Failed to connect to the host via ssh: timed out"


@pytest.mark.parametrize(
    ("warmup", "expected"),
    [
        (
            {"seconds": [9.5, 1.2], "ratio": 7.9, "compiled": [4, 0], "written": [7, 0], "compiled_twice": []},
            [9.5, 1.2, 7.9, 4, 0, 7, "warm"],
        ),
        (
            {
                "seconds": [9.5, 9.2],
                "ratio": 1.0,
                "compiled": [4, 1],
                "written": [7, 2],
                "compiled_twice": ["tokens 16"],
            },
            [9.5, 9.2, 1.0, 4, 1, 9, "compiles twice: tokens 16"],
        ),
        (None, ["-", "-", "-", "-", "-", "-", "FAILED"]),
    ],
)
def test_warmup_row(warmup: Any, expected: list[Any]) -> None:
    assert list(row({**LOST, "_vllm_warmup": warmup}, "warmup").values()) == ["tpu-b", *expected]
