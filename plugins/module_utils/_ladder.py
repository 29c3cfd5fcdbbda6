# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that the TPU backend compiles for: a step's tokens and requests are padded up to one of these.

The rule is that of tpu-inference 0.32 (runner/utils.py): every bucket is one XLA graph.
"""

from __future__ import annotations

# The backend's own smallest buckets.
MIN_TOKENS = 16
MIN_REQUESTS = 8


def token_buckets(max_num_batched_tokens, padding_gap=0, minimum=MIN_TOKENS):
    """The token counts that a step is padded to, ascending; the last holds ``max_num_batched_tokens`` and no more.

    With a gap of 0 they double. With a gap they double up to it, and go on in steps of its size.

    >>> token_buckets(4096, 512)
    [16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096]
    >>> token_buckets(100)
    [16, 32, 64, 112]
    """
    # The budget in whole smallest buckets: the scheduler never hands out more, so bigger ones are not compiled.
    budget = -(-max_num_batched_tokens // minimum) * minimum
    if padding_gap < 0:
        raise ValueError("the padding gap must be 0 or more; got: {0}".format(padding_gap))
    # A gap under the smallest bucket starts its steps at half of that one.
    last = minimum // 2 if 0 < padding_gap < minimum else 0
    size = last + padding_gap if last else minimum
    buckets = []
    while last < max_num_batched_tokens and size < budget:
        buckets.append(size)
        last = size
        size += size if not padding_gap or size * 2 <= padding_gap else padding_gap
    return [*buckets, budget]


def request_buckets(max_num_seqs, minimum=MIN_REQUESTS):
    """The request counts that a step is padded to, ascending; the last is ``max_num_seqs`` itself.

    >>> request_buckets(256)
    [8, 16, 32, 64, 128, 256]
    """
    # The backend raises a smaller limit to its smallest bucket.
    most = max(max_num_seqs, minimum)
    buckets = []
    count = minimum
    while count < most:
        buckets.append(count)
        count *= 2
    return [*buckets, most]
