# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _report

COMPLETION = {"prompt": "Who?", "text": "Me.\n", "tokens": 8, "total_ms": 12.5}
READY: dict[str, Any] = {
    "inventory_hostname": "tpu-a.us-east5-b",
    "tpu_zone": "us-east5-b",
    "tpu_accelerator_type": "v6e-4",
    "_vllm_spec": {"image_base": "vllm/vllm-tpu:nightly@sha256:19a1a0526476f902eb83"},
    "_vllm_health": {"status": "ready", "seconds_to_ready": 57.3, "cache": {"start": "cold"}, "completion": COMPLETION},
}
LOST = {"inventory_hostname": "tpu-b"}


def test_row_of_a_ready_host() -> None:
    assert _report.row(READY) == {
        "host": "tpu-a.us-east5-b",
        "zone": "us-east5-b",
        "type": "v6e-4",
        "image digest": "sha256:19a1a0526476",
        "seconds to ready": 57.3,
        "cache": "cold",
        "status": "ready",
    }


def test_row_of_a_host_of_which_nothing_is_known() -> None:
    row = _report.row(LOST)
    assert row.pop("host") == "tpu-b"
    assert row.pop("status") == "FAILED: unreachable"
    assert set(row.values()) == {"-"}


@pytest.mark.parametrize("seconds", [0, 0.0])
def test_zero_seconds_are_no_dash(seconds: float) -> None:
    facts = {**READY, "_vllm_health": {"status": "ready", "seconds_to_ready": seconds}}
    assert _report.row(facts)["seconds to ready"] == seconds


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


def test_report_has_a_line_for_each_host_and_one_completion() -> None:
    third = {**READY, "inventory_hostname": "third", "_deploy_failure": "Serve: no"}
    assert _report.fleet_report([LOST, READY, third]).splitlines() == [
        "host              zone        type   image digest         seconds to ready  cache  status",
        "----------------  ----------  -----  -------------------  ----------------  -----  -------------------",
        "third             us-east5-b  v6e-4  sha256:19a1a0526476  57.3              cold   FAILED: Serve: no",
        "tpu-a.us-east5-b  us-east5-b  v6e-4  sha256:19a1a0526476  57.3              cold   ready",
        "tpu-b             -           -      -                    -                 -      FAILED: unreachable",
        "",
        "tpu-a.us-east5-b was asked 'Who?' and answered 'Me.\\n' (8 tokens in 12.5 ms)",
    ]


def test_report_without_a_completion_is_the_table_alone() -> None:
    assert "\n\n" not in _report.fleet_report([LOST])


def test_report_of_no_host() -> None:
    assert _report.fleet_report([]) == "no hosts"
