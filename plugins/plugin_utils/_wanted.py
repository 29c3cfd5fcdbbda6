# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of one host, with what is known of it: the one argument of every check and calculation of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.turbostable.tpu.plugins.module_utils import _ladder
from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags, _weights
from ansible_collections.turbostable.tpu.plugins.plugin_utils._tpus import Tpu, tpu_of

REFUSE, WARN, NOTE = "refuse", "warn", "note"
# vLLM's own (config/cache.py of 0.30 and later).
DEFAULT_UTILIZATION = 0.92


class Finding(NamedTuple):
    """Something to say about a configuration; *severity* is refuse, warn or note."""

    id: str
    severity: str
    message: str


class Limits(NamedTuple):
    """What the user wants to keep free, in bytes: HBM of each chip for compiled programs, and of /dev/shm."""

    # The seed: 1.6 GiB a chip ran out of memory, 3.2 GiB did not.
    headroom: int = 3 << 30
    shm_free: int = 10 << 30


class Wanted(NamedTuple):
    """A spec (see _command.build_spec) for a host, of which the later fields may be unknown."""

    spec: Mapping[str, Any]
    flags: Mapping[str, str]
    env: Mapping[str, str]
    tpu: Tpu | None = None
    # Chips of the VM.
    chips: int | None = None
    # config, weights in bytes, source.
    model: Mapping[str, Any] | None = None
    # What the module has found, see modules/vllm_plan.py.
    shm: Mapping[str, int] | None = None
    memory: int | None = None

    @property
    def config(self) -> Mapping[str, Any] | None:
        return self.model["config"] if self.model else None

    @property
    def weights(self) -> int | None:
        """Bytes of all weights: what the checkpoint says, else by the configuration."""
        if not self.model:
            return None
        if self.model.get("weights"):
            return int(self.model["weights"])
        count = _weights.parameters(self.model["config"])
        return count * _weights.saved_bytes(self.model["config"]) if count else None

    @property
    def shards(self) -> int:
        return self.number("tensor_parallel_size") or 1

    @property
    def utilization(self) -> float:
        return float(self.flags.get("gpu_memory_utilization", DEFAULT_UTILIZATION))

    @property
    def max_model_len(self) -> int | None:
        """As asked, else the model's own."""
        own = _weights.text_config(self.config).get("max_position_embeddings") if self.config else None
        return self.number("max_model_len") or own

    @property
    def kv_itemsize(self) -> int:
        """Bytes of one element of the KV cache."""
        return 1 if "fp8" in self.flags.get("kv_cache_dtype", "auto") else 2

    @property
    def gap(self) -> int:
        return int(self.env.get("VLLM_TPU_BUCKET_PADDING_GAP", 0))

    @property
    def takes(self) -> set[str]:
        """What may come in besides text: by the model where it is known, else by the limits that are asked for."""
        limits = _flags.structure(self.flags.get("limit_mm_per_prompt"))
        off = {name for name, limit in limits.items() if limit == 0}
        return (_weights.modalities(self.config) if self.config else set(limits)) - off

    def number(self, name: str) -> int | None:
        return _flags.number(self.flags.get(name))

    def on(self, name: str) -> bool:
        """Whether a switch is set."""
        return self.flags.get(name) == "true"

    def set(self, variable: str) -> bool:
        """Whether a variable is set to something that means yes."""
        return self.env.get(variable, "0").lower() not in ("", "0", "false")

    def buckets(self) -> list[int] | None:
        """The token buckets to compile; None where the limit is vLLM's own choice or the gap cannot be."""
        tokens = self.number("max_num_batched_tokens")
        minimum = int(self.env.get("MIN_TOKEN_BUCKET") or _ladder.MIN_TOKENS)
        buckets: list[int] = _ladder.token_buckets(tokens, self.gap, minimum) if tokens and self.gap >= 0 else []
        return buckets or None

    def attention_buckets(self) -> list[int] | None:
        """The request buckets of attention: one, unless ATTN_BUCKETIZED_NUM_REQS asks for all of them."""
        most = self.number("max_num_seqs")
        if not most:
            return None
        buckets: list[int] = _ladder.request_buckets(most) if self.set("ATTN_BUCKETIZED_NUM_REQS") else [most]
        return buckets


class Trap(NamedTuple):
    """*check* gives the message, or None where the configuration does not fall into it."""

    id: str
    severity: str
    check: Callable[[Wanted], str | None]


def wanted(host: Mapping[str, Any]) -> Wanted:
    """From a host's variables: ``spec``, ``type``, ``chips``, and ``facts`` of the module where they are in."""
    facts = host.get("facts") or {}
    spec = host["spec"]
    return Wanted(
        spec=spec,
        flags=_flags.flags(spec["argv"]),
        env=spec["env"],
        tpu=tpu_of(str(host.get("type") or "")),
        chips=host.get("chips"),
        model=facts.get("model"),
        shm=facts.get("shm"),
        memory=facts.get("memory"),
    )
