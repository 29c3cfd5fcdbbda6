# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _completion


def event(**content: Any) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n"


def delta(at: float, text: str = "", logprobs: Any = (), **choice: Any) -> tuple[bytes, float]:
    items = {"content": [{"logprob": value} for value in logprobs]}
    return event(choices=[{"delta": {"content": text}, "logprobs": items, **choice}]), at


def usage(at: float, tokens: int, cached: int = 0) -> tuple[bytes, float]:
    found = {"completion_tokens": tokens, "prompt_tokens_details": {"cached_tokens": cached}}
    return event(choices=[], usage=found), at


DONE = (b"data: [DONE]\n", 9.0)
ROLE = (event(choices=[{"delta": {"role": "assistant", "content": ""}}]), 0.1)


def answer(*lines: tuple[bytes, float]) -> Any:
    found = _completion.Answer()
    for line, at in lines:
        found.line(line, at)
    return found


GOOD = [ROLE, delta(0.5, "Pa", [-0.5]), delta(1.5, "ris", [-1.0], finish_reason="length"), usage(1.6, 2), DONE]


def test_text_tokens_and_times() -> None:
    found = answer(*GOOD)
    assert (found.text, found.tokens, found.done, found.error) == ("Paris", 2, True, None)
    # The event that only names the role is no token.
    assert found.timings() == {"ttft_ms": 500.0, "tpot_ms": 1000.0, "e2e_ms": 1500.0}


def test_tokens_are_counted_and_not_events() -> None:
    # Speculation: one token, then three in one event.
    found = answer(delta(1.0, "a", [-1]), delta(2.5, "bcd", [-1, -1, -1]), usage(2.6, 4), DONE)
    assert found.timings()["tpot_ms"] == 500.0


def test_nothing_came() -> None:
    assert answer().timings() == {"ttft_ms": None, "tpot_ms": None, "e2e_ms": None}


def test_one_token_has_no_time_per_output_token() -> None:
    assert answer(delta(1.0, "a", [-1]), usage(1.1, 1), DONE).timings()["tpot_ms"] is None


def test_cached_tokens() -> None:
    assert answer(usage(1.0, 1, cached=512)).cached_tokens == 512


def test_plain_completions_and_reasoning_and_tools() -> None:
    assert answer((event(choices=[{"text": "x", "logprobs": {"token_logprobs": [-1.0]}}]), 1.0)).logprobs == [-1.0]
    assert answer((event(choices=[{"delta": {"reasoning": "hm"}}]), 1.0)).text == "hm"
    assert answer((event(choices=[{"delta": {"tool_calls": [{"index": 0}]}}]), 1.0)).tool_calls == 1


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param(GOOD, None, id="good"),
        pytest.param(GOOD[:-1], "the stream ended without [DONE] after 2 events", id="cut"),
        pytest.param([delta(1, "a", [-1]), usage(1, 1), DONE], "expected 2 tokens; got 1", id="too few tokens"),
        pytest.param([usage(1, 2), DONE], "the answer is empty", id="empty"),
        pytest.param([delta(1, "", finish_reason="length"), usage(1, 2), DONE], None, id="all into what is not shown"),
        pytest.param(
            [delta(1, "a", [-1, None]), usage(1, 2), DONE], "1 of 2 log-probabilities are not finite", id="null for NaN"
        ),
        pytest.param(
            [delta(1, "a", [-9999.0]), usage(1, 2), DONE], "1 of 1 log-probabilities are not finite", id="-infinity"
        ),
        # What SIGTERM without a drain does: HTTP 200, an error event, [DONE].
        pytest.param(
            [delta(1, "a", [-1]), (event(error={"message": "aborted"}), 2.0), DONE],
            "the stream broke: {'message': 'aborted'}",
            id="an error with status 200",
        ),
        pytest.param([(b"data: {oops\n", 1.0), DONE], "an event is no JSON: b'{oops'", id="no JSON"),
    ],
)
def test_problem(lines: list[tuple[bytes, float]], problem: str | None) -> None:
    assert _completion.problem(answer(*lines), 2) == problem
