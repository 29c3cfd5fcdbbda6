# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters and cache bytes, against what is published and what transformers makes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _weights
from tests.gemma4 import CONFIG_26B, CONFIG_E4B, CONFIG_TINY, TOTAL_SIZE_26B


def test_the_published_size_of_gemma_4_26b_to_the_byte() -> None:
    parameters = _weights.parameters(CONFIG_26B)
    assert parameters is not None
    assert parameters * _weights.saved_bytes(CONFIG_26B) == TOTAL_SIZE_26B


@pytest.mark.parametrize(
    "config",
    [CONFIG_E4B, {**CONFIG_TINY, "model_type": "llama"}, {**CONFIG_TINY, "tie_word_embeddings": False}],
    ids=["audio", "another family", "a head of its own"],
)
def test_a_model_whose_parts_are_not_known_is_not_guessed(config: dict[str, Any]) -> None:
    assert _weights.parameters(config) is None


@pytest.mark.parametrize(
    ("shards", "itemsize", "expected"),
    [
        # Eight heads of 256 for 25 layers, two of 512 for five; keys beside values.
        (1, 2, 25 * 8 * 2 * 256 * 2 + 5 * 2 * 2 * 512 * 2),
        (1, 1, 25 * 8 * 2 * 256 + 5 * 2 * 2 * 512),
        # On four chips, one of the two heads is on each twice.
        (4, 2, 25 * 2 * 2 * 256 * 2 + 5 * 1 * 2 * 512 * 2),
        # One head and its values are two bytes of a word of four.
        (4, 1, 25 * 2 * 2 * 256 + 5 * 4 * 512),
        (8, 2, 25 * 1 * 2 * 256 * 2 + 5 * 1 * 2 * 512 * 2),
    ],
)
def test_one_token_in_the_cache_of_one_chip(shards: int, itemsize: int, expected: int) -> None:
    assert _weights.kv_bytes(CONFIG_26B, shards, itemsize) == expected


def test_windows_bound_what_sliding_layers_need() -> None:
    assert _weights.kv_bytes(CONFIG_26B, 4, 1, 16384, windows=True) == 25 * 1024 * 1024 + 5 * 2048 * 16384


def test_layers_that_share_a_cache_have_none() -> None:
    alone = {**CONFIG_E4B, "text_config": {**CONFIG_E4B["text_config"], "num_kv_shared_layers": 0}}
    # 24 of 42 layers, of which four see everything.
    assert _weights.kv_bytes(CONFIG_E4B, 1, 2) == (20 * 256 + 4 * 512) * 2 * 2 * 2
    assert _weights.kv_bytes(alone, 1, 2) == (35 * 256 + 7 * 512) * 2 * 2 * 2


def test_a_plain_model_of_another_family() -> None:
    llama = {"num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 1024}
    assert _weights.kv_bytes(llama, 1, 2) == 2 * 2 * 2 * 128 * 2
    assert _weights.modalities(llama) == set()


def test_what_a_model_takes() -> None:
    assert _weights.modalities(CONFIG_26B) == {"image"}
    assert _weights.modalities(CONFIG_E4B) == {"image", "audio"}
