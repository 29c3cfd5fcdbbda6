# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _fingerprint, _profile

NEUTRAL = _fingerprint.load_neutral()
KNOWN = _profile.load_known()
V6E = {"type": "v6e-4", "topology": "2x2"}


def key(accelerator: dict[str, str] | None = None, **over: Any) -> str:
    profile = _profile.merge(_profile.load_profile("turbo_stable"), over)
    return _fingerprint.fingerprint(profile, accelerator or V6E, NEUTRAL)


@pytest.mark.parametrize(
    "over",
    [
        {"args": {"port": 9000}},
        {"args": {"api_key": "s3cret"}},
        {"args": {"served_model_name": "gemma"}},
        {"args": {"shutdown_timeout": 120}},
        {"args": {"tool_call_parser": None, "enable_auto_tool_choice": None}},
        {"args": {"safetensors_load_strategy": "lazy"}},
        {"env": {"HF_HOME": "/elsewhere"}},
        {"env": {"VLLM_LOGGING_LEVEL": "DEBUG"}},
        {"env": {"VLLM_XLA_CACHE_PATH": "/moved"}},
        {"docker": {"shm_size": "1g"}},
        {"startup_timeout": 1},
        {"shm_size": "1g"},
    ],
    ids=str,
)
def test_what_changes_no_graph_keeps_the_key(over: dict[str, Any]) -> None:
    assert key(**over) == key()


@pytest.mark.parametrize(
    "over",
    [
        {"args": {"tensor_parallel_size": 8}},
        {"args": {"dtype": "float32"}},
        {"args": {"kv_cache_dtype": None}},
        {"args": {"gpu_memory_utilization": 0.95}},
        {"args": {"block_size": 64}},
        {"args": {"max_model_len": 8192}},
        {"args": {"max_num_seqs": 128}},
        {"args": {"max_num_batched_tokens": 8192}},
        {"args": {"speculative_config": {"method": "ngram", "num_speculative_tokens": 4}}},
        {"args": {"limit_mm_per_prompt": {"image": 1}}},
        {"args": {"revision": "abc"}},
        {"args": {"enforce_eager": True}},
        {"env": {"VLLM_TPU_BUCKET_PADDING_GAP": 256}},
        {"env": {"LIBTPU_INIT_ARGS": "--xla_x=1"}},
        {"env": {"XLA_FLAGS": "--xla_y"}},
        {"model": "google/gemma-4-31B-it"},
        {"image": {"base": "vllm/vllm-tpu:nightly@sha256:" + "0" * 64}},
        {"image": {"packages": ["transformers==5.20.0"]}},
    ],
    ids=str,
)
def test_what_changes_a_graph_changes_the_key(over: dict[str, Any]) -> None:
    assert key(**over) != key()


@pytest.mark.parametrize("accelerator", [{"type": "v6e-8", "topology": "2x4"}, {"type": "v6e-4", "topology": "1x4"}])
def test_another_accelerator_is_another_key(accelerator: dict[str, str]) -> None:
    assert key(accelerator) != key()


def test_a_tag_beside_the_digest_says_nothing() -> None:
    base = _profile.load_profile("turbo_stable")["image"]["base"]
    assert key(image={"base": base.replace(":nightly@", "@")}) == key()


def test_the_order_of_flags_does_not_count() -> None:
    profile = _profile.load_profile("turbo_stable")
    turned = {**profile, "args": dict(reversed(profile["args"].items()))}
    assert _fingerprint.fingerprint(turned, V6E, NEUTRAL) == key()


@pytest.mark.parametrize("kind", ["args", "env"])
def test_what_is_called_neutral_exists(kind: str) -> None:
    # Those that no list of vLLM's has: Hugging Face's own.
    others = {"HF_HOME", "HF_HUB_OFFLINE"}
    assert set(NEUTRAL[kind]) - set(KNOWN[kind]) - others == set()
    assert len(NEUTRAL[kind]) == len(set(NEUTRAL[kind]))
