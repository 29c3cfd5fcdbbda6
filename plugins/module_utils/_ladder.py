# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that the TPU backend compiles for: a step's tokens and requests are padded up to one of these.

The rule is that of tpu-inference (runner/utils.py): every bucket is one XLA graph.
"""

from __future__ import annotations

# The backend's own smallest buckets.
MIN_TOKENS = 16
MIN_REQUESTS = 8


def token_buckets(max_num_batched_tokens, padding_gap=0, minimum=MIN_TOKENS):
    """The token counts that a step is padded to, ascending; the last holds ``max_num_batched_tokens``.

    With a gap of 0 they double. With a gap they double up to it, and go on in steps of its size.

    >>> token_buckets(4096, 512)
    [16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096]
    >>> token_buckets(100)
    [16, 32, 64, 128]
    """
    buckets = [minimum]
    while buckets[-1] < max_num_batched_tokens:
        doubles = padding_gap == 0 or buckets[-1] <= padding_gap // 2 or buckets[-1] * 2 <= padding_gap
        buckets.append(buckets[-1] * 2 if doubles else buckets[-1] + padding_gap)
    return buckets


def request_buckets(max_num_seqs, minimum=MIN_REQUESTS):
    """The request counts that a step is padded to, ascending; the last is ``max_num_seqs`` itself.

    >>> request_buckets(256)
    [8, 16, 32, 64, 128, 256]
    """
    buckets = []
    count = minimum
    while count < max_num_seqs:
        buckets.append(count)
        count *= 2
    return [*buckets, max_num_seqs]
