# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Past starts: what is written after a deploy, and the estimates that come of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _records

HOST: dict[str, Any] = {
    "inventory_hostname": "tpu-a",
    "tpu_accelerator_type": "v6e-4",
    "_vllm_spec": {"model": "a/b", "image": "c@sha256:1"},
    "_vllm_health": {
        "seconds_to_ready": 1400.5,
        "container": {"started_at": "2026-01-01T00:00:00Z"},
        "cache": {"start": "cold"},
    },
}


def test_a_start_is_written_once() -> None:
    lines = _records.new_lines([HOST], "")
    assert _records.read(lines) == [
        {
            "host": "tpu-a",
            "started_at": "2026-01-01T00:00:00Z",
            "type": "v6e-4",
            "model": "a/b",
            "image": "c@sha256:1",
            "start": "cold",
            "seconds": 1400.5,
        }
    ]
    assert _records.new_lines([HOST], lines) == ""


def test_a_host_that_did_not_become_ready_leaves_no_record() -> None:
    assert (
        _records.new_lines([{**HOST, "_vllm_health": {"seconds_to_ready": None}}, {"inventory_hostname": "x"}], "")
        == ""
    )


def test_a_line_that_was_cut_off_is_left_out() -> None:
    assert _records.read('{"seconds": 1}\n{"seconds": 2, "ho\n[]\n{}\n') == [{"seconds": 1}]


def test_an_estimate_is_the_median_of_starts_that_are_alike() -> None:
    alike = {"model": "a/b", "type": "v6e-4"}
    records = [{**alike, "start": "cold", "seconds": seconds} for seconds in (1300, 5000, 1400)]
    records += [{**alike, "start": "warm", "seconds": 100}, {**alike, "type": "v6e-8", "start": "cold", "seconds": 1}]
    estimates = _records.Estimates(records)
    assert estimates.seconds("a/b", "v6e-4", "cold") == 1400
    assert estimates.compile_seconds("a/b", "v6e-4") == 1300
    assert estimates.seconds("other", "v6e-4", "cold") is None
    assert estimates.compile_seconds("a/b", "v6e-8") is None


def test_only_the_last_starts_count() -> None:
    old = [{"model": "m", "type": "t", "start": "cold", "seconds": 9_000}] * 100
    new = [{"model": "m", "type": "t", "start": "cold", "seconds": 60}] * 50
    assert _records.Estimates(old + new).seconds("m", "t", "cold") == 60
