# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does it fit? HBM of each chip, and /dev/shm, each with its formula beside the figures."""

from __future__ import annotations

from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _weights
from ansible_collections.turbostable.tpu.plugins.plugin_utils._flags import gib, size
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import REFUSE, WARN, Finding, Limits, Wanted


def hbm(asked: Wanted) -> dict[str, Any] | None:
    """The memory of one chip in bytes, or None where the TPU or the model is not known.

    tpu-inference (tpu_worker.determine_available_memory): KV cache = utilization x limit - used. What is compiled
    later finds only what utilization leaves. JAX reports a limit that is slightly under the chip's nominal HBM.
    """
    if not asked.tpu or not asked.config or asked.weights is None:
        return None
    limit, shards = asked.tpu.hbm, asked.shards
    weights = -(-asked.weights // shards)
    kv = int(asked.utilization * limit) - weights
    length, itemsize = asked.max_model_len or 1, asked.kv_itemsize
    token = _weights.kv_bytes(asked.config, shards, itemsize)
    least = _weights.kv_bytes(asked.config, shards, itemsize, length, windows=True)
    headroom = limit - int(asked.utilization * limit)
    tokens, share = max(kv, 0) // token, f"{asked.utilization:g}"
    # Where the backend freed what slides out of the window.
    sequences, at_best = (round(max(kv, 0) / each, 1) for each in (token * length, least))
    lines = [
        f"weights: {gib(asked.weights)} / {shards} chips = {gib(weights)} a chip ({(asked.model or {})['source']})",
        f"KV cache: {share} x {gib(limit)} - {gib(weights)} = {gib(kv)} a chip",
        (
            f"KV cache: {token:,} bytes a token and chip: {tokens:,} tokens, {sequences} sequences of {length:,}; "
            f"{at_best} if sliding layers kept their window alone"
        ),
        f"headroom: (1 - {share}) x {gib(limit)} = {gib(headroom)} a chip, {gib(headroom * shards)} in all",
    ]
    return {
        "limit": limit,
        "weights": weights,
        "kv_cache": kv,
        "headroom": headroom,
        "kv_bytes_per_token": token,
        "kv_tokens": tokens,
        "full_sequences": sequences,
        "full_sequences_at_best": at_best,
        "lines": lines,
    }


def hbm_findings(asked: Wanted, memory: dict[str, Any], limits: Limits) -> list[Finding]:
    """Out of memory in each of its kinds."""
    cap = memory["limit"] - memory["headroom"]
    if memory["kv_cache"] <= 0:
        message = (
            f"the weights take {gib(memory['weights'])} of each chip, gpu_memory_utilization {asked.utilization:g} "
            f"allows {gib(cap)}: vLLM would end with 'exceeds total_hbm_limit_cap'. Shard over more chips "
            "(tensor_parallel_size), or take a smaller model."
        )
        return [Finding("hbm_weights", REFUSE, message)]
    found = []
    length = asked.max_model_len or 1
    if memory["kv_tokens"] < length:
        message = (
            f"the KV cache holds {memory['kv_tokens']:,} tokens, one sequence of max_model_len takes {length:,}: "
            f"vLLM would not start. Set max_model_len to {memory['kv_tokens']} or less, or shard more."
        )
        found.append(Finding("hbm_one_sequence", REFUSE, message))
    if memory["headroom"] < limits.headroom:
        share = 1 - limits.headroom / memory["limit"]
        message = (
            f"gpu_memory_utilization {asked.utilization:g} leaves {gib(memory['headroom'])} of each chip to what is "
            f"compiled later, expected at least {gib(limits.headroom)}: it may run out of memory under load (the "
            f"seed's run with 0.95 passed 94 % of its tests, the one with 0.90 all). Set {int(share * 100) / 100}."
        )
        found.append(Finding("hbm_headroom", WARN, message))
    return found


def shm(asked: Wanted) -> dict[str, Any] | None:
    """Shared memory in bytes: compile cache + weights + room to stage; None where nothing is known of the weights.

    Weights count where the Hugging Face cache lies in /dev/shm; what is there already counts once.
    """
    if asked.weights is None or not asked.spec["hf_home"].startswith("/dev/shm/"):  # noqa: S108 - only its place counts
        return None
    there = asked.shm or {}
    weights = 0 if asked.spec["model"].startswith("/") else max(asked.weights, there.get("models", 0))
    total, cache = size(asked.spec["shm_size"]), there.get("cache", 0)
    need = weights + cache
    text = f"shared memory: {gib(cache)} compile cache + {gib(weights)} weights = {gib(need)} of {gib(total)}"
    text += f", of {gib(asked.memory)} RAM" if asked.memory else ""
    return {"size": total, "weights": weights, "cache": cache, "free": total - need, "lines": [text]}


def shm_findings(asked: Wanted, space: dict[str, Any], limits: Limits) -> list[Finding]:
    found = []
    if asked.memory and space["size"] > asked.memory:
        message = f"shm_size {gib(space['size'])} is more than the VM's RAM of {gib(asked.memory)}; set a smaller one."
        found.append(Finding("shm_ram", REFUSE, message))
    need = space["size"] - space["free"]
    if space["free"] < 0:
        message = (
            f"shm_size {gib(space['size'])} cannot hold {gib(space['weights'])} of weights and "
            f"{gib(space['cache'])} of compile cache; set it to {-(-(need + limits.shm_free) // 2**30)}g."
        )
        found.append(Finding("shm_weights", REFUSE, message))
    elif space["weights"] and space["free"] < limits.shm_free:
        message = (
            f"shm_size {gib(space['size'])} leaves {gib(space['free'])} for a growing compile cache and for "
            f"staging, expected at least {gib(limits.shm_free)}; entries that do not fit any more fail at every start. "
            f"Set it to {-(-(need + limits.shm_free) // 2**30)}g."
        )
        found.append(Finding("shm_free", WARN, message))
    return found
