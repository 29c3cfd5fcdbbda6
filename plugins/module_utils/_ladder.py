# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that the TPU backend compiles for: a step's tokens and requests are padded up to one of these.

The rule is that of tpu-inference 0.32 (runner/utils.py); every bucket is at least one XLA graph.
"""

from __future__ import annotations

# The backend's own smallest buckets.
MIN_TOKENS = 16
MIN_REQUESTS = 8


def token_buckets(max_num_batched_tokens, padding_gap=0, minimum=MIN_TOKENS):
    """The token counts that a step is padded to, ascending. The last one holds ``max_num_batched_tokens``.

    They double; with a gap only up to it, and from there they grow by it.

    >>> token_buckets(4096, 512)
    [16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096]
    >>> token_buckets(100)
    [16, 32, 64, 112]
    """
    # No step has more than that, so a larger bucket is never met.
    most = -(-max_num_batched_tokens // minimum) * minimum
    buckets, size = [], minimum
    while size < most and (padding_gap == 0 or size <= padding_gap):
        buckets.append(size)
        size *= 2
    if padding_gap:
        buckets += range(size // 2 + padding_gap, most, padding_gap)
    return [*buckets, most]


def request_buckets(max_num_seqs, minimum=MIN_REQUESTS):
    """The request counts that a step is padded to, ascending: they double up to ``max_num_seqs`` itself.

    >>> request_buckets(100)
    [8, 16, 32, 64, 100]
    """
    buckets, count = [], minimum
    while count < max_num_seqs:
        buckets.append(count)
        count *= 2
    return [*buckets, max_num_seqs]
