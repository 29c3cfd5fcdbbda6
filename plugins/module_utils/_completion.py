# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One streamed answer: collect its events with their times, and say what is wrong with it. Pure."""

from __future__ import annotations

import json
import math

# What vLLM writes for a log-probability of minus infinity.
_MINUS_INFINITY = -9999.0


class Answer:
    """The events of a streamed (chat) completion; times in seconds since the request was sent."""

    def __init__(self):
        self.text = ""
        self.tokens = None
        self.cached_tokens = 0
        self.logprobs = []
        self.finish_reason = None
        self.tool_calls = 0
        self.error = None
        self.done = False
        # When each event with something of the answer came.
        self.times = []

    def line(self, line, at):
        """Take in one line (bytes) of the event stream that came *at* that time."""
        if not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self.done = True
            return
        try:
            event = json.loads(data)
        except ValueError:
            self.error = "an event is no JSON: {0!r}".format(data[:200])
            return
        # vLLM reports what goes wrong within a stream like this, with HTTP status 200.
        if "error" in event:
            self.error = "the stream broke: {0}".format(event["error"])
            return
        self._usage(event.get("usage") or {})
        for choice in event.get("choices") or []:
            self._choice(choice, at)

    def _usage(self, usage):
        if usage:
            self.tokens = usage.get("completion_tokens")
            self.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0

    def _choice(self, choice, at):
        delta = choice.get("delta") or {}
        text = delta.get("content") or delta.get("reasoning") or delta.get("reasoning_content") or choice.get("text")
        logprobs = choice.get("logprobs") or {}
        found = [item.get("logprob") for item in logprobs.get("content") or []]
        self.logprobs += found or list(logprobs.get("token_logprobs") or [])
        self.text += text or ""
        self.tool_calls += len(delta.get("tool_calls") or [])
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        # The first event of a chat only names the role.
        if text or found or delta.get("tool_calls") or choice.get("finish_reason"):
            self.times.append(at)

    def timings(self):
        """Milliseconds: ``ttft_ms`` to the first token, ``tpot_ms`` for each one after it, ``e2e_ms`` to the last."""
        if not self.times:
            return {"ttft_ms": None, "tpot_ms": None, "e2e_ms": None}
        first, last = self.times[0], self.times[-1]
        # Speculation makes one event carry several tokens, so the tokens are counted and not the events.
        after_first = (self.tokens or len(self.times)) - 1
        return {
            "ttft_ms": round(first * 1000, 1),
            "tpot_ms": round((last - first) * 1000 / after_first, 1) if after_first > 0 else None,
            "e2e_ms": round(last * 1000, 1),
        }


def problem(answer, expected_tokens):
    """Why *answer* is not that of a healthy model, or None."""
    if answer.error:
        return answer.error
    if not answer.done:
        return "the stream ended without [DONE] after {0} events".format(len(answer.times))
    if answer.tokens != expected_tokens:
        return "expected {0} tokens; got {1}".format(expected_tokens, answer.tokens)
    if not answer.text and answer.finish_reason != "length":
        return "the answer is empty"
    # JSON has neither NaN nor infinity: vLLM sends null for the one and -9999.0 for minus the other.
    bad = [value for value in answer.logprobs if value is None or not math.isfinite(value) or value <= _MINUS_INFINITY]
    if bad:
        return "{0} of {1} log-probabilities are not finite".format(len(bad), len(answer.logprobs))
    return None
