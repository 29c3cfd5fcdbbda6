# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How big a model is, from its configuration: parameters, and what one token takes in the KV cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Config = Mapping[str, Any]
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "half": 2, "float": 4}


class Layer(NamedTuple):
    """One layer's attention as the cache sees it."""

    full: bool
    heads: int
    head_size: int


def text_config(config: Config) -> Config:
    """The part about the language model, which in a multimodal model is nested."""
    nested: Config = config.get("text_config") or config
    return nested


def modalities(config: Config) -> set[str]:
    """What the model takes besides text: ``image``, ``audio``."""
    return {name for name, key in (("image", "vision_config"), ("audio", "audio_config")) if config.get(key)}


def layers(config: Config) -> list[Layer]:
    """All layers, whether they have a cache of their own or not."""
    text = text_config(config)
    count, sliding = text["num_hidden_layers"], text.get("sliding_window")
    # Gemma's own pattern, where the list is left out: every sixth layer sees everything.
    pattern = ["full_attention" if not sliding or (i + 1) % 6 == 0 else "sliding_attention" for i in range(count)]
    heads = text.get("num_key_value_heads") or text["num_attention_heads"]
    head_size = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    # Only where keys are the values too do the layers that see everything have a number of heads of their own.
    global_heads = (text.get("num_global_key_value_heads") if text.get("attention_k_eq_v") else None) or heads
    found = []
    for kind in text.get("layer_types") or pattern:
        full = kind == "full_attention"
        size = (text.get("global_head_dim") or head_size) if full else head_size
        found.append(Layer(full, global_heads if full else heads, size))
    return found


def parameters(config: Config) -> int | None:
    """All tensors of a Gemma 4 checkpoint, or None for a model whose parts this does not know.

    By transformers' modeling_gemma4: a dense block beside the experts in each layer, seven norms, one scalar.
    """
    text = text_config(config)
    unknown = text.get("hidden_size_per_layer_input") or text.get("num_kv_shared_layers") or config.get("audio_config")
    if text.get("model_type") != "gemma4_text" or unknown or not text.get("tie_word_embeddings", True):
        return None
    hidden, experts = text["hidden_size"], (text.get("num_experts") or 0) if text.get("enable_moe_block") else 0
    total: int = text["vocab_size"] * hidden + hidden
    for layer in layers(config):
        queries = text["num_attention_heads"] * layer.head_size * hidden
        keys = layer.heads * layer.head_size * hidden
        total += 2 * queries + keys * (1 if layer.full and text.get("attention_k_eq_v") else 2)
        total += 2 * layer.head_size + 3 * hidden * text["intermediate_size"] + 4 * hidden + 1
        if experts:
            total += experts * 3 * hidden * text["moe_intermediate_size"] + experts * hidden + hidden + experts
            total += 3 * hidden
    return total + (_vision(config["vision_config"], hidden) if config.get("vision_config") else 0)


def _vision(vision: Config, hidden: int) -> int:
    """The vision tower and its projection into the language model."""
    width, size = vision["hidden_size"], vision["head_dim"]
    heads = vision["num_attention_heads"] + vision["num_key_value_heads"]
    layer: int = 2 * heads * size * width + 2 * size + 3 * width * vision["intermediate_size"] + 4 * width
    patches = 3 * vision["patch_size"] ** 2 * width + 2 * vision["position_embedding_size"] * width
    standard = 2 * width if vision.get("standardize") else 0
    total: int = vision["num_hidden_layers"] * layer + patches + standard + width * hidden
    return total


def saved_bytes(config: Config) -> int:
    """Bytes of one parameter as the checkpoint has it."""
    named = config.get("dtype") or config.get("torch_dtype") or text_config(config).get("dtype") or "bfloat16"
    return _BYTES.get(str(named), 2)


def kv_bytes(config: Config, shards: int, itemsize: int, tokens: int = 1, *, windows: bool = False) -> int:
    """Bytes that *tokens* of one sequence take in the cache of one of *shards* chips.

    As tpu-inference lays it out: heads padded to the number of chips, keys beside values padded to a 32-bit word,
    heads padded to 128; a layer that shares another's cache has none. Its own Gemma 4 keeps every token in every layer
    (runner/kv_cache_manager.py, get_kv_cache_spec); *windows* tells what sliding layers would need at the least.
    """
    text, word = text_config(config), 4 // itemsize
    own = layers(config)[: text["num_hidden_layers"] - (text.get("num_kv_shared_layers") or 0)]
    total = 0
    for layer in own:
        heads = -(-max(layer.heads, shards) // shards)
        rows = -(-heads * 2 // word) * word
        size = 64 if layer.head_size == 64 else -(-layer.head_size // 128) * 128
        kept = min(tokens, text["sliding_window"]) if windows and not layer.full else tokens
        total += rows * size * itemsize * kept
    return total
