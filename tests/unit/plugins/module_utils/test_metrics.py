# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _metrics

TEXT = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="gemma"} 2.0
vllm:num_requests_running{engine="1",model_name="gemma"} 1.0
vllm:num_requests_waiting{engine="0",model_name="gemma"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="gemma"} 0.25
vllm:generation_tokens_total{engine="0",model_name="gemma"} 1.5e3
vllm:generation_tokens_created{engine="0",model_name="gemma"} 1.7e9
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="gemma"} 5.0
vllm:iteration_tokens_total_count{engine="0",model_name="gemma"} 40.0
python_info{implementation="CPython"} 1.0
vllm:num_preemptions_total{engine="0"} NaN
"""


def test_parse() -> None:
    assert _metrics.parse(TEXT) == {
        "running": 3,
        "waiting": 7,
        "kv_cache_use": 0.25,
        "generation_tokens": 1500,
        "iterations": 40,
    }


def test_nothing_is_no_number() -> None:
    assert _metrics.parse("") == {}


@pytest.mark.parametrize(
    ("before", "after", "advanced"),
    [
        ({}, {}, False),
        ({"iterations": 1, "running": 1}, {"iterations": 1, "running": 5}, False),
        ({"iterations": 1}, {"iterations": 2}, True),
        ({"prompt_tokens": 1}, {"prompt_tokens": 9}, True),
        ({"generation_tokens": 9}, {"generation_tokens": 0}, False),
    ],
)
def test_advanced(before: dict[str, int], after: dict[str, int], *, advanced: bool) -> None:
    assert _metrics.advanced(before, after) is advanced
