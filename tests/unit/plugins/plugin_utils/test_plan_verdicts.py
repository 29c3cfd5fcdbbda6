# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations and what the plan says to them: good ones, each trap, each way out of memory, each slip of typing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _plan, _profile, _validate
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import Limits, wanted
from tests.gemma4 import CONFIG_26B, CONFIG_E4B, CONFIG_TINY, TOTAL_SIZE_26B

KNOWN = _profile.load_known()
GIB = 1 << 30
# Notes that the seed's own flags get: what they do not do, and what a trade-off costs.
SEED_NOTES = {"mm_audio", "async_off"}
MODELS = {
    "google/gemma-4-26B-A4B-it": {"config": CONFIG_26B, "weights": TOTAL_SIZE_26B, "source": "index"},
    "google/gemma-4-E4B-it": {"config": CONFIG_E4B, "weights": None, "source": "config.json"},
}


def judge(profile: str, over: dict[str, Any] | None = None, host: dict[str, Any] | None = None) -> dict[str, Any]:
    """As plan.yml does it: a profile with *over* laid over it, on a v6e-4 with what *host* changes."""
    over, host = over or {}, host or {}
    _validate.validate_args(over.get("args", {}), KNOWN)
    _validate.validate_env(over.get("env", {}), KNOWN)
    merged = _profile.merge(_profile.load_profile(profile), over)
    _validate.validate(merged, KNOWN)
    spec = {**_command.build_spec(merged, KNOWN, profile, "vllm-gemma4"), **host.pop("spec", {})}
    facts = {"model": MODELS.get(spec["model"]), "shm": {}, "memory": 720 * GIB, **host.pop("facts", {})}
    asked = wanted({"spec": spec, "type": "v6e-4", "chips": 4, "facts": facts, **host})
    return _plan.judge(asked, Limits(), KNOWN["env"])


def ids(judged: dict[str, Any], *severities: str) -> set[str]:
    return {found["id"] for found in judged["findings"] if found["severity"] in severities}


def test_run_1_the_baseline() -> None:
    """No flag of it is in the document; without a gap its steps are padded as those of Run 2."""
    judged = judge("baseline")
    assert (judged["verdict"], ids(judged, "refuse", "warn", "note")) == ("warn", {"gap_none"})


def test_run_2_warns_of_exactly_what_the_document_says_happened() -> None:
    judged = judge("peak")
    assert judged["verdict"] == "warn"
    # The spike of 131.99 s, and 94 % of the tests passed ("OOM Risk").
    assert ids(judged, "warn") == {"gap_none", "hbm_headroom"}
    assert ids(judged, "refuse") == set()
    messages = " ".join(found["message"] for found in judged["findings"])
    assert "131.99 s" in messages
    assert "94 %" in messages
    assert len(judged["graphs"]["token_buckets"]) == 9


def test_run_3_passes_and_shows_its_figures() -> None:
    judged = judge("turbo_stable")
    assert (judged["verdict"], ids(judged, "note")) == ("pass", SEED_NOTES)
    assert (len(judged["graphs"]["token_buckets"]), judged["graphs"]["count"]) == (13, 13)
    hbm = judged["hbm"]
    # By hand: 51.6 GB over four chips; 0.9 x 32 GiB less that; 25 layers of 1,024 and five of 2,048 bytes a token.
    assert hbm["weights"] == 12_902_968_103
    assert hbm["kv_cache"] == int(0.9 * 32 * GIB) - 12_902_968_103
    assert hbm["kv_bytes_per_token"] == 25 * 1024 + 5 * 2048
    assert hbm["kv_tokens"] == 502_812
    assert hbm["full_sequences"] == 30.7
    # 52 GB of weights in 100 GiB.
    assert judged["shm"]["free"] == 100 * GIB - TOTAL_SIZE_26B
    assert "headroom: (1 - 0.9) x 32.0 GiB = 3.2 GiB a chip, 12.8 GiB in all" in hbm["lines"]


def test_from_run_2_to_run_3_about_6_gb_of_headroom_are_gained() -> None:
    gained = 4 * (judge("turbo_stable")["hbm"]["headroom"] - judge("peak")["hbm"]["headroom"])
    assert gained / GIB == pytest.approx(6.4)


@pytest.mark.parametrize(
    ("over", "host"),
    [
        pytest.param({"args": {"block_size": None}}, {}, id="the backend picks the block size"),
        pytest.param({"args": {"block_size": 64, "max_model_len": "32k"}}, {}, id="longer, with a bigger block"),
        pytest.param({"args": {"kv_cache_dtype": None}}, {}, id="bf16 cache"),
        pytest.param({"args": {"tensor_parallel_size": 8}}, {"type": "v6e-8", "chips": 8}, id="eight chips"),
        pytest.param({"env": {"VLLM_TPU_BUCKET_PADDING_GAP": 256}}, {}, id="a finer ladder"),
        pytest.param({"env": {"JAX_LOG_COMPILES": 1, "OMP_NUM_THREADS": 1}}, {}, id="variables of others"),
        pytest.param({}, {"facts": {"model": None}}, id="nothing known of the model"),
        pytest.param({}, {"type": "v99-4"}, id="a TPU that is not in the table"),
        pytest.param(
            {"model": "/models/tiny"}, {"facts": {"model": {"config": CONFIG_TINY, "source": "x"}}}, id="tiny"
        ),
    ],
)
def test_a_good_configuration_passes(over: dict[str, Any], host: dict[str, Any]) -> None:
    judged = judge("turbo_stable", over, host)
    assert judged["verdict"] == "pass", judged["findings"]


@pytest.mark.parametrize(
    ("over", "host", "severity", "trap"),
    [
        ({"env": {"VLLM_TPU_BUCKET_PADDING_GAP": -1}}, {}, "refuse", "gap_negative"),
        ({"env": {"VLLM_TPU_BUCKET_PADDING_GAP": None}}, {}, "warn", "gap_none"),
        ({"env": {"VLLM_TPU_BUCKET_PADDING_GAP": 8}}, {}, "warn", "buckets_many"),
        ({"args": {"disable_chunked_mm_input": None}}, {}, "refuse", "mm_chunked"),
        ({"args": {"disable_chunked_mm_input": None}}, {"facts": {"model": None}}, "refuse", "mm_chunked"),
        ({"args": {"max_num_batched_tokens": 2048}}, {}, "refuse", "mm_item"),
        ({"args": {"max_num_batched_tokens": 128}}, {}, "refuse", "batched_tokens"),
        ({"args": {"enable_chunked_prefill": False}}, {}, "refuse", "batched_tokens"),
        ({"args": {"max_num_seqs": 1025}}, {}, "warn", "speculation_step"),
        ({"args": {"async_scheduling": True}}, {}, "refuse", "async_refused"),
        ({"args": {"block_size": 16}}, {}, "refuse", "block_size"),
        ({"args": {"max_num_seqs": 512}}, {}, "refuse", "block_size"),
        ({"args": {"max_model_len": 32768}}, {}, "refuse", "block_size"),
        ({}, {"spec": {"stop_timeout": 10}}, "refuse", "stop_timeout"),
        ({"args": {"shutdown_timeout": None}}, {}, "warn", "no_drain"),
        ({"args": {"max_model_len": 300_000, "block_size": 1024}}, {}, "refuse", "model_length"),
        ({"args": {"tensor_parallel_size": 3}}, {}, "refuse", "heads"),
        ({"args": {"tensor_parallel_size": 8}}, {}, "refuse", "chips"),
        ({"args": {"tensor_parallel_size": 2}}, {}, "warn", "chips_idle"),
        ({"args": {"gpu_memory_utilization": 1.2}}, {}, "refuse", "utilization"),
        # Out of memory, in each of its kinds.
        ({"args": {"tensor_parallel_size": 1}}, {}, "refuse", "hbm_weights"),
        ({}, {"type": "v5litepod-4"}, "warn", "hbm_headroom"),
        ({"args": {"max_model_len": 131072, "max_num_seqs": 8}}, {"type": "v5litepod-4"}, "refuse", "hbm_one_sequence"),
        ({"args": {"gpu_memory_utilization": 0.95}}, {}, "warn", "hbm_headroom"),
        ({"shm_size": "40g"}, {}, "refuse", "shm_weights"),
        ({"shm_size": "52g"}, {}, "warn", "shm_free"),
        ({}, {"facts": {"shm": {"cache": 60 * GIB}}}, "refuse", "shm_weights"),
        ({}, {"facts": {"memory": 64 * GIB}}, "refuse", "shm_ram"),
        # Variables.
        ({"env": {"SKIP_JAX_PRECOMPILE": 1}}, {}, "warn", "env_late"),
        ({"env": {"VLLM_XLA_CHECK_RECOMPILATION": 1}}, {}, "warn", "env_recompile"),
        ({"env": {"VLLM_DISABLE_COMPILE_CACHE": 1}}, {}, "warn", "env_no_cache"),
        ({"env": {"JAX_COMPILATION_CACHE_MAX_SIZE": 1000}}, {}, "warn", "env_evict"),
        ({"env": {"VLLM_SERVER_DEV_MODE": 1}}, {}, "warn", "env_dev"),
        ({"env": {"JAX_LOG_COMPILE": 1}}, {}, "warn", "env_unknown"),
        ({"env": {"TPU_VISIBLE_CHIP": 0}}, {}, "warn", "env_unknown"),
        ({"env": {"JAX_COMPILATION_CACHE_DIR": "/x"}}, {}, "note", "env_inert"),
        ({"env": {"CUDA_VISIBLE_DEVICES": 0}}, {}, "note", "env_inert"),
        ({"env": {"ATTN_CUSTOM_NUM_REQS_BUCKETS": "8,256"}}, {}, "note", "env_inert"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_trap_is_told_with_its_severity(over: dict[str, Any], host: dict[str, Any], severity: str, trap: str) -> None:
    judged = judge("turbo_stable", over, host)
    assert trap in ids(judged, severity), judged["findings"]
    # The message says what to do, or what does not happen.
    message = next(found["message"] for found in judged["findings"] if found["id"] == trap)
    assert message.endswith((".", "?", "nothing"))


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"args": {"max_num_seq": 128}}, "did you mean max_num_seqs?"),
        ({"args": {"max_num_seqs": "many"}}, "takes a whole number"),
        ({"args": {"enable_prefix_caching": "yes"}}, "is a switch"),
        ({"env": {"VLLM_TPU_BUCKET_PADDING_GAP": ""}}, "takes a whole number, 0 for none"),
        ({"env": {"VLLM_TPU_BUCKET_PADING_GAP": 512}}, "did you mean VLLM_TPU_BUCKET_PADDING_GAP?"),
    ],
)
def test_a_slip_of_typing_is_refused_before(over: dict[str, Any], message: str) -> None:
    with pytest.raises(_profile.ProfileError, match=message.replace("?", r"\?")):
        judge("turbo_stable", over)


def test_text_alone_needs_no_flag_for_images() -> None:
    none = {"args": {"disable_chunked_mm_input": None, "limit_mm_per_prompt": {"image": 0, "video": 0}}}
    assert judge("turbo_stable", none)["verdict"] == "pass"


def test_what_the_parser_says_is_refused_first() -> None:
    asked = wanted({"spec": _command.build_spec(_profile.load_profile("peak"), KNOWN, "peak", "x"), "type": "v6e-4"})
    judged = _plan.judge(asked, Limits(), KNOWN["env"], "vLLM 0.32.0: error: argument --dtype")
    assert judged["verdict"] == "refuse"
    assert judged["findings"][0]["id"] == "parser"


def test_eager_compiles_nothing() -> None:
    assert judge("turbo_stable", {"args": {"enforce_eager": True}})["graphs"]["count"] == 0


def test_more_request_buckets_are_more_graphs() -> None:
    assert judge("turbo_stable", {"env": {"ATTN_BUCKETIZED_NUM_REQS": 1}})["graphs"]["count"] == 13 * 6
