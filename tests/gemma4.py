"""Gemma 4 as published, and as the lab has it: data for the tests, not for the product."""

from __future__ import annotations

from typing import Any

# config.json of https://huggingface.co/google/gemma-4-26B-A4B-it, what decides on shapes.
CONFIG_26B: dict[str, Any] = {
    "architectures": ["Gemma4ForConditionalGeneration"],
    "model_type": "gemma4",
    "dtype": "bfloat16",
    "tie_word_embeddings": True,
    "audio_config": None,
    "text_config": {
        "model_type": "gemma4_text",
        "attention_k_eq_v": True,
        "enable_moe_block": True,
        "global_head_dim": 512,
        "head_dim": 256,
        "hidden_size": 2816,
        "hidden_size_per_layer_input": 0,
        "intermediate_size": 2112,
        "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 5,
        "max_position_embeddings": 262144,
        "moe_intermediate_size": 704,
        "num_attention_heads": 16,
        "num_experts": 128,
        "num_global_key_value_heads": 2,
        "num_hidden_layers": 30,
        "num_key_value_heads": 8,
        "num_kv_shared_layers": 0,
        "sliding_window": 1024,
        "tie_word_embeddings": True,
        "top_k_experts": 8,
        "vocab_size": 262144,
        "vocab_size_per_layer_input": 262144,
    },
    "vision_config": {
        "model_type": "gemma4_vision",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "head_dim": 72,
        "global_head_dim": 72,
        "patch_size": 16,
        "pooling_kernel_size": 3,
        "position_embedding_size": 10240,
        "standardize": True,
        "use_clipped_linears": False,
    },
}
# metadata.total_size of its model.safetensors.index.json.
TOTAL_SIZE_26B = 51_611_872_412

# config.json of https://huggingface.co/google/gemma-4-E4B-it, in part: a model that takes audio and shares caches.
CONFIG_E4B: dict[str, Any] = {
    "architectures": ["Gemma4ForConditionalGeneration"],
    "model_type": "gemma4",
    "dtype": "bfloat16",
    "audio_config": {"model_type": "gemma4_audio"},
    "text_config": {
        "model_type": "gemma4_text",
        "attention_k_eq_v": False,
        "global_head_dim": 512,
        "head_dim": 256,
        "hidden_size": 2560,
        "hidden_size_per_layer_input": 256,
        "intermediate_size": 10240,
        "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 7,
        "max_position_embeddings": 131072,
        "num_attention_heads": 8,
        "num_hidden_layers": 42,
        "num_key_value_heads": 2,
        "num_kv_shared_layers": 18,
        "sliding_window": 512,
        "vocab_size": 262144,
    },
    "vision_config": {"model_type": "gemma4_vision"},
}

# lab/images/vllm/make_tiny_gemma4.py.
CONFIG_TINY: dict[str, Any] = {
    "model_type": "gemma4_text",
    "dtype": "bfloat16",
    "enable_moe_block": True,
    "global_head_dim": 32,
    "head_dim": 32,
    "hidden_size": 64,
    "hidden_size_per_layer_input": 0,
    "intermediate_size": 128,
    "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
    "max_position_embeddings": 16384,
    "moe_intermediate_size": 64,
    "num_attention_heads": 4,
    "num_experts": 8,
    "num_hidden_layers": 6,
    "num_key_value_heads": 2,
    "sliding_window": 512,
    "tie_word_embeddings": True,
    "top_k_experts": 2,
    "vocab_size": 1024,
}
