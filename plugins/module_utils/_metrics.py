# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vLLM's /metrics say of the engine: two reads tell whether it advances. Pure."""

from __future__ import annotations

import math
import re

# Our names -> vLLM's, Prometheus counters and gauges; each is summed over its labels (engines).
_COUNTERS = {
    "generation_tokens": "vllm:generation_tokens_total",
    "prompt_tokens": "vllm:prompt_tokens_total",
    "iterations": "vllm:iteration_tokens_total_count",
    "preemptions": "vllm:num_preemptions_total",
    "prefix_cache_hits": "vllm:prefix_cache_hits_total",
}
_GAUGES = {
    "running": "vllm:num_requests_running",
    "waiting": "vllm:num_requests_waiting",
    "kv_cache_use": "vllm:kv_cache_usage_perc",
}
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)")
# Any of these moves when the engine does a step.
_PROGRESS = ("generation_tokens", "prompt_tokens", "iterations")


def parse(text):
    """The counters and gauges above as numbers, from Prometheus' text format; what is not there is left out."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            value = float(match.group(2))
            if math.isfinite(value):
                sums[match.group(1)] = sums.get(match.group(1), 0.0) + value
    found: dict[str, float] = {ours: int(sums[theirs]) for ours, theirs in _COUNTERS.items() if theirs in sums}
    found.update({ours: sums[theirs] for ours, theirs in _GAUGES.items() if theirs in sums})
    for name in ("running", "waiting"):
        if name in found:
            found[name] = int(found[name])
    return found


def advanced(before, after):
    """Whether the engine did a step between two reads.

    >>> advanced({"iterations": 7, "generation_tokens": 90}, {"iterations": 8, "generation_tokens": 90})
    True
    """
    return any(after.get(name, 0) > before.get(name, 0) for name in _PROGRESS)
