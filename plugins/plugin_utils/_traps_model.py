# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The traps that lie between a configuration, the model, and the chips of the VM."""

from __future__ import annotations

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags, _weights
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import NOTE, REFUSE, WARN, Trap, Wanted

# One item of Gemma 4, by the message of vLLM itself ('max_tokens_per_mm_item (2496)', vllm-project/recipes#441).
_GEMMA4_ITEM = 2496


def _chunked_mm(asked: Wanted) -> str | None:
    if not asked.takes or asked.on("disable_chunked_mm_input"):
        return None
    return (
        f"the model takes {' and '.join(sorted(asked.takes))}, and the TPU backend cannot run multimodal input in "
        "chunks: requests would fail. Set vllm_args.disable_chunked_mm_input: true."
    )


def _mm_item(asked: Wanted) -> str | None:
    tokens = asked.number("max_num_batched_tokens")
    gemma4 = asked.config is not None and asked.config.get("model_type") == "gemma4"
    if not tokens or not gemma4 or "image" not in asked.takes or tokens >= _GEMMA4_ITEM:
        return None
    return (
        f"max_num_batched_tokens {tokens} is less than one item of the model takes ({_GEMMA4_ITEM}), and items are not "
        "chunked on TPU: vLLM would not start. Set it to 4096, or limit_mm_per_prompt to {image: 0, video: 0}."
    )


def _no_audio(asked: Wanted) -> str | None:
    limit = _flags.structure(asked.flags.get("limit_mm_per_prompt")).get("audio")
    if not limit or not asked.config or "audio" in _weights.modalities(asked.config):
        return None
    return f"limit_mm_per_prompt.audio {limit} does nothing: {asked.spec['model']} takes no audio."


def _length(asked: Wanted) -> str | None:
    own = _weights.text_config(asked.config).get("max_position_embeddings") if asked.config else None
    length = asked.number("max_model_len")
    if not own or not length or length <= own or asked.set("VLLM_ALLOW_LONG_MAX_MODEL_LEN"):
        return None
    return f"max_model_len {length} is greater than the model's own {own}: vLLM would not start."


def _heads(asked: Wanted) -> str | None:
    if not asked.config:
        return None
    heads, shards = _weights.text_config(asked.config)["num_attention_heads"], asked.shards
    odd = [
        layer.heads for layer in _weights.layers(asked.config) if max(layer.heads, shards) % min(layer.heads, shards)
    ]
    if heads % shards == 0 and not odd:
        return None
    return f"tensor_parallel_size {shards} does not divide the model's {heads} heads ({odd or heads} of keys)."


def _chips(asked: Wanted) -> str | None:
    if not asked.chips or asked.shards <= asked.chips:
        return None
    return f"tensor_parallel_size {asked.shards} is more than the VM's {asked.chips} chips."


def _idle_chips(asked: Wanted) -> str | None:
    used = asked.shards * (asked.number("data_parallel_size") or 1)
    if not asked.chips or used >= asked.chips:
        return None
    return f"{asked.chips - used} of the VM's {asked.chips} chips stay idle: tensor_parallel_size is {asked.shards}."


MODEL_TRAPS = (
    Trap("mm_chunked", REFUSE, _chunked_mm),
    Trap("mm_item", REFUSE, _mm_item),
    Trap("mm_audio", NOTE, _no_audio),
    Trap("model_length", REFUSE, _length),
    Trap("heads", REFUSE, _heads),
    Trap("chips", REFUSE, _chips),
    Trap("chips_idle", WARN, _idle_chips),
)
