# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server will really meet, as steps of requests; and what two passes over them tell. Pure."""

from __future__ import annotations

from ansible_collections.turbostable.tpu.plugins.module_utils import _ladder

COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
# Tokens that a prompt of the steps about requests has, and that each answer gets.
_SHORT = 16
_ANSWER = 4
# Long enough for whole blocks of any usual size.
_PREFIX = 512
# A red PNG of 32 x 32 pixels.
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAgEAgEgi/B"
    "AjLD/C5w/SM9AAAAAElFTkSuQmCC"
)
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"type": "function", "function": {"name": "weather", "description": "Of a city", "parameters": _SCHEMA}}


def steps(max_num_batched_tokens, padding_gap, max_num_seqs, max_model_len):
    """The steps of one pass: ``{"bucket", "kind", "size", "count", "optional"}``.

    *size* is the tokens of a prompt, *count* the requests at once. An optional step is one that a server may refuse
    because it was not started for it.
    """
    found = [
        _step("tokens", size, 1)
        for size in _ladder.token_buckets(max_num_batched_tokens, padding_gap)
        # A longer prompt than the model takes can never be a step either.
        if size < max_model_len
    ]
    found += [_step("requests", _SHORT, count) for count in _ladder.request_buckets(max_num_seqs)]
    found.append(_step("context", max_model_len - _ANSWER, 1))
    found.append(_step("prefix", min(_PREFIX, max_model_len // 2), 1))
    return found + [_step(kind, 0, 1) for kind in ("structured", "tools", "reasoning", "image")]


def _step(kind, size, count):
    names = {"tokens": "tokens {0}".format(size), "requests": "requests {0}".format(count)}
    names["context"] = "context {0}".format(size + _ANSWER)
    return {
        "bucket": names.get(kind, kind),
        "kind": kind,
        "size": size,
        "count": count,
        "optional": kind in ("structured", "tools", "reasoning", "image"),
    }


def request(step, model, prompt):
    """(path, body) of one request of *step*; *prompt* gives a list of that many token numbers."""
    if not step["optional"]:
        tokens = 1 if step["kind"] in ("tokens", "prefix") else _ANSWER
        return COMPLETIONS, {
            "model": model,
            "prompt": prompt(step["size"]),
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
        }
    body = {"model": model, "messages": [{"role": "user", "content": "Which city is the capital of France?"}]}
    body.update(max_tokens=2 * _ANSWER, temperature=0)
    if step["kind"] == "structured":
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}}
    elif step["kind"] == "tools":
        body.update(tools=[_TOOL], tool_choice="auto")
    elif step["kind"] == "reasoning":
        body["chat_template_kwargs"] = {"enable_thinking": True}
    else:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + _PNG}}
        body["messages"][0]["content"] = [{"type": "text", "text": "What is it?"}, image]
    return CHAT, body


def is_refused(step, status):
    """Whether the server was just not started for this step."""
    return step["optional"] and 400 <= status < 500


def report(passes):
    """What the *passes* tell: lists of steps with ``bucket, ms, ttft_ms, compiled, written, problem, skipped``."""
    totals = [sum(step["ms"] for step in steps_) for steps_ in passes]
    compiled = [[step["bucket"] for step in steps_ if step["compiled"]] for steps_ in passes]
    found: dict[str, object] = {
        "seconds": [round(total / 1000, 2) for total in totals],
        "compiled": [len(names) for names in compiled],
        "written": [sum(step["written"] for step in steps_) for steps_ in passes],
        "compiled_twice": sorted(set(compiled[0]).intersection(*compiled[1:])) if len(passes) > 1 else [],
        "problems": [
            "{0}: {1}".format(step["bucket"], step["problem"]) for p in passes for step in p if step["problem"]
        ],
        "refused": ["{0}: {1}".format(step["bucket"], step["skipped"]) for step in passes[0] if step["skipped"]],
    }
    found["ratio"] = round(totals[0] / totals[-1], 2) if totals[-1] else None
    return found
