# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _warmup

STEPS = _warmup.steps(4096, 512, 256, 16384)


def test_every_bucket_is_walked() -> None:
    assert [step["bucket"] for step in STEPS] == [
        *(f"tokens {size}" for size in (16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096)),
        *(f"requests {count}" for count in (8, 16, 32, 64, 128, 256)),
        "context 16384",
        "prefix",
        "structured",
        "tools",
        "reasoning",
        "image",
    ]


def test_no_prompt_is_longer_than_the_model_takes() -> None:
    sizes = [step["size"] for step in _warmup.steps(4096, 0, 8, 600)]
    assert max(sizes) < 600


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["bucket"])
def test_a_request_asks_for_what_its_step_is_about(step: dict[str, Any]) -> None:
    path, body = _warmup.request(step, "gemma", lambda size: [7] * size)
    assert body["model"] == "gemma"
    if step["optional"]:
        assert path == "/v1/chat/completions"
        assert {"structured": "response_format", "tools": "tools", "reasoning": "chat_template_kwargs"}.get(
            step["kind"], "messages"
        ) in body
    else:
        assert path == "/v1/completions"
        assert len(body["prompt"]) == step["size"]
        # What it asks and what it is to be answered fit into the context together.
        assert step["size"] + body["max_tokens"] <= 16384


def test_an_image_goes_along() -> None:
    content = _warmup.request(STEPS[-1], "gemma", list)[1]["messages"][0]["content"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize(
    ("kind", "status", "refused"),
    [("image", 400, True), ("tools", 404, True), ("image", 500, False), ("image", 200, False), ("tokens", 400, False)],
)
def test_only_what_a_server_need_not_have_may_be_refused(kind: str, status: int, *, refused: bool) -> None:
    step = next(step for step in STEPS if step["kind"] == kind)
    assert _warmup.is_refused(step, status) is refused


def done(bucket: str, ms: float, written: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "bucket": bucket,
        "ms": ms,
        "written": written,
        "compiled": written > 0,
        "problem": None,
        "skipped": None,
        **more,
    }


def test_the_second_pass_is_told_by_the_first() -> None:
    first = [done("tokens 16", 3000, 2), done("tokens 32", 1000, 1), done("image", 5, skipped="no image")]
    second = [done("tokens 16", 90), done("tokens 32", 10, 1), done("image", 0, skipped="no image")]
    assert _warmup.report([first, second]) == {
        "seconds": [4.0, 0.1],
        "compiled": [2, 1],
        "written": [3, 1],
        "compiled_twice": ["tokens 32"],
        "problems": [],
        "refused": ["image: no image"],
        "ratio": 40.05,
    }


def test_one_pass_compiles_nothing_twice() -> None:
    found = _warmup.report([[done("tokens 16", 1000, 2)]])
    assert (found["compiled"], found["compiled_twice"], found["ratio"]) == ([1], [], 1.0)


def test_problems_are_named() -> None:
    assert _warmup.report([[done("tokens 16", 1, problem="HTTP 500: no")]])["problems"] == ["tokens 16: HTTP 500: no"]
