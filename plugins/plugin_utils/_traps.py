# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known traps, as a table: what of a configuration cannot work, costs speed, or does nothing; with reason and fix.

What vLLM's parser refuses is not here (the image's own parser is asked), nor what _validate refuses before.
"""

from __future__ import annotations

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags
from ansible_collections.turbostable.tpu.plugins.plugin_utils._traps_model import MODEL_TRAPS
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import NOTE, REFUSE, WARN, Finding, Trap, Wanted

# tpu-inference (flash_attn.py, get_min_page_size): block tables may take half of the 1 MiB of SMEM, 4 bytes an entry.
_SMEM_ENTRIES = 1024 * 1024 // 2 // 4
_MOST_BUCKETS = 64
# Drafters that read what was sampled on the CPU: vLLM's async scheduling does not go with them.
_CPU_DRAFTERS = {"ngram", "suffix", "medusa", "mlp_speculator"}


def min_block_size(max_model_len: int, max_num_seqs: int) -> int:
    """The smallest block whose tables fit SMEM.

    >>> min_block_size(16384, 256)
    32
    """
    pages = max(_SMEM_ENTRIES // max_num_seqs, 1)
    return 1 << (-(-max_model_len // pages) - 1).bit_length()


def _negative_gap(asked: Wanted) -> str | None:
    if asked.gap >= 0:
        return None
    return f"VLLM_TPU_BUCKET_PADDING_GAP {asked.gap}: the backend would count its buckets for ever; 0 is for none."


def _no_gap(asked: Wanted) -> str | None:
    buckets = asked.buckets()
    if asked.gap or not buckets or len(buckets) < 2 or buckets[-1] - buckets[-2] <= 512:
        return None
    return (
        f"VLLM_TPU_BUCKET_PADDING_GAP is 0 or not set: a step of {buckets[-2] + 1:,} tokens runs as {buckets[-1]:,}. "
        "The seed measured 131.99 s at 256 users with 2,048 tokens of context, against 1.157 s with 512. Set it to 512."
    )


def _many_buckets(asked: Wanted) -> str | None:
    buckets = asked.buckets() or []
    if len(buckets) <= _MOST_BUCKETS:
        return None
    return (
        f"VLLM_TPU_BUCKET_PADDING_GAP {asked.gap} makes {len(buckets)} token buckets, each a graph to compile at a "
        f"cold start; with 512 it is {len(asked._replace(env={**asked.env, **_GAP_512}).buckets() or [])}."
    )


_GAP_512 = {"VLLM_TPU_BUCKET_PADDING_GAP": "512"}


def _batched_tokens(asked: Wanted) -> str | None:
    tokens, sequences, length = (
        asked.number("max_num_batched_tokens"),
        asked.number("max_num_seqs"),
        asked.max_model_len,
    )
    if not tokens:
        return None
    if sequences and tokens < sequences:
        return f"max_num_batched_tokens {tokens} is less than max_num_seqs {sequences}: vLLM would not start."
    if asked.flags.get("enable_chunked_prefill") == "false" and length and tokens < length:
        return (
            f"without enable_chunked_prefill a step must hold a whole sequence, and max_num_batched_tokens {tokens} is "
            f"less than max_model_len {length}: vLLM would not start."
        )
    return None


def _speculative_step(asked: Wanted) -> str | None:
    tokens, sequences = asked.number("max_num_batched_tokens"), asked.number("max_num_seqs")
    drafts = _flags.structure(asked.flags.get("speculative_config")).get("num_speculative_tokens", 0)
    if not tokens or not sequences or not drafts or sequences * (1 + drafts) <= tokens:
        return None
    return (
        f"{sequences} sequences of 1 + {drafts} speculated tokens are {sequences * (1 + drafts)} tokens a step, "
        f"max_num_batched_tokens is {tokens}: some wait at every step. Raise it, or speculate on fewer."
    )


def _drafter(asked: Wanted) -> str:
    return str(_flags.structure(asked.flags.get("speculative_config")).get("method", ""))


def _async_asked(asked: Wanted) -> str | None:
    if _drafter(asked) not in _CPU_DRAFTERS or not asked.on("async_scheduling"):
        return None
    return (
        f"async_scheduling does not go with speculation by {_drafter(asked)}: vLLM would not start. Leave one of the "
        "two out; which is faster, a benchmark tells."
    )


def _async_off(asked: Wanted) -> str | None:
    if _drafter(asked) not in _CPU_DRAFTERS or "async_scheduling" in asked.flags:
        return None
    return f"speculation by {_drafter(asked)} switches async scheduling off; a benchmark tells whether it pays."


def _block_size(asked: Wanted) -> str | None:
    block, length, sequences = asked.number("block_size"), asked.max_model_len, asked.number("max_num_seqs")
    if not block or not length or not sequences or block >= min_block_size(length, sequences):
        return None
    return (
        f"block_size {block} is too small: the block tables of {sequences} sequences of {length:,} tokens would not "
        f"fit SMEM. Set it to {min_block_size(length, sequences)} or more, or leave it out: the backend then picks one."
    )


def _stop(asked: Wanted) -> str | None:
    drain, stop = asked.number("shutdown_timeout") or 0, asked.spec["stop_timeout"]
    if drain < stop:
        return None
    return f"shutdown_timeout {drain} s is not under Docker's stop time-out of {stop} s, which would kill it before."


def _no_drain(asked: Wanted) -> str | None:
    if asked.number("shutdown_timeout"):
        return None
    return "without shutdown_timeout a stop cuts running streams; set it to 60."


def _utilization(asked: Wanted) -> str | None:
    if 0 < asked.utilization <= 1:
        return None
    return f"gpu_memory_utilization {asked.utilization:g} must be over 0 and at the most 1."


TRAPS = (
    *MODEL_TRAPS,
    Trap("gap_negative", REFUSE, _negative_gap),
    Trap("gap_none", WARN, _no_gap),
    Trap("buckets_many", WARN, _many_buckets),
    Trap("batched_tokens", REFUSE, _batched_tokens),
    Trap("speculation_step", WARN, _speculative_step),
    Trap("async_refused", REFUSE, _async_asked),
    Trap("async_off", NOTE, _async_off),
    Trap("block_size", REFUSE, _block_size),
    Trap("stop_timeout", REFUSE, _stop),
    Trap("no_drain", WARN, _no_drain),
    Trap("utilization", REFUSE, _utilization),
)


def findings(asked: Wanted) -> list[Finding]:
    """What *asked* falls into, in the table's order."""
    told = [(trap, trap.check(asked)) for trap in TRAPS]
    return [Finding(trap.id, trap.severity, message) for trap, message in told if message]
