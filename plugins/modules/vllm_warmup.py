#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_warmup
short_description: Send a vLLM server one request of every shape that it will meet
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Walks each token bucket of the backend's ladder, the request buckets up to O(max_num_seqs), the boundary of the
    context, a prefix-cache hit, structured output, a tool call, the reasoning parser, and an image where the model
    takes one. What had to be compiled is then in the compile cache, and no user waits for it.
  - A second pass must compile nothing. What compiles in both passes is named in RV(compiled_twice); it would compile at
    every start.
  - Leaves a note in C(/run/turbostable) that this start of the container was warmed; turbostable.tpu.xla_cache
    publishes from such a host alone.
  - Needs the C(docker) command and Python's standard library on the host, nothing more.
extends_documentation_fragment: [turbostable.tpu.vllm_server]
options:
  max_num_batched_tokens:
    description: As the server was started with; the last token bucket.
    type: int
    required: true
  padding_gap:
    description: As the server was started with (C(VLLM_TPU_BUCKET_PADDING_GAP)).
    type: int
    default: 0
  max_num_seqs:
    description: As the server was started with; the last request bucket.
    type: int
    required: true
  max_model_len:
    description: As the server was started with.
    type: int
    required: true
  cache_directory:
    description: The compile cache, whose new files tell what was compiled.
    type: path
    required: true
  passes:
    description: How often everything is sent.
    type: int
    default: 2
  request_timeout:
    description: Seconds that one request may take; a compile of one shape is within it.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Sends nothing.
  diff_mode:
    support: none
    description: There is no before and after.
seealso:
  - module: turbostable.tpu.vllm_health
  - module: turbostable.tpu.xla_cache
"""

EXAMPLES = r"""
- name: Meet every shape before the users do
  turbostable.tpu.vllm_warmup:
    model: google/gemma-4-26B-A4B-it
    max_num_batched_tokens: 4096
    padding_gap: 512
    max_num_seqs: 256
    max_model_len: 16384
    cache_directory: /dev/shm/vllm_cache
  become: true
"""

RETURN = r"""
passes:
  description: >-
    For each pass a list of steps with their C(bucket), C(ttft_ms) (the slowest request's), C(ms) in all, C(compiled),
    C(written) (new cache entries), C(problem) and C(skipped), which are null or say why.
  returned: success
  type: list
  elements: list
seconds:
  description: Seconds of each pass.
  returned: success
  type: list
  elements: float
ratio:
  description: Time of the first pass by that of the last.
  returned: success
  type: float
compiled:
  description: How many steps of each pass compiled something.
  returned: success
  type: list
  elements: int
written:
  description: New entries of the compile cache in each pass.
  returned: success
  type: list
  elements: int
compiled_twice:
  description: The buckets that compiled in every pass.
  returned: success
  type: list
  elements: str
refused:
  description: Steps that the server refused because it was not started for them, with its words.
  returned: success
  type: list
  elements: str
problems:
  description: Steps that failed, with the reason. With any of them the module fails.
  returned: always
  type: list
  elements: str
"""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.turbostable.tpu.plugins.module_utils import _health, _vllm_server, _warmup

NOTES = "/run/turbostable"
# Text to draw the tokens of prompts from.
_WORDS = "the quick brown fox jumps over a lazy dog while seven wizards mix odd potions by night 0123456789"


class Prompts:
    """Prompts of an exact number of tokens, no two alike: a prefix that is cached would make a step smaller."""

    def __init__(self, server, model):
        status, answer = server.post("/tokenize", {"model": model, "prompt": _WORDS})
        if status != 200:
            raise _vllm_server.ServerError("/tokenize: {0}; expected a server that is ready".format(answer or status))
        self.tokens = sorted(set(json.loads(answer)["tokens"]))
        self.random = random.Random(time.time_ns())  # noqa: S311 - nothing secret about it

    def __call__(self, size):
        return self.random.choices(self.tokens, k=size)


def run_step(server, step, params, prompts):
    requests = [_warmup.request(step, params["model"], prompts) for _number in range(step["count"])]
    if step["kind"] == "prefix":
        # The first one fills the prefix cache, the second one hits it.
        server.stream(*requests[0], params["request_timeout"])
    entries, begin, clock = count(params), time.time(), time.monotonic()
    with ThreadPoolExecutor(max_workers=step["count"]) as pool:
        answers = list(pool.map(lambda request: server.stream(*request, params["request_timeout"]), requests))
    took = (time.monotonic() - clock) * 1000
    written = count(params) - entries
    refused = [str(answer) for status, answer in answers if _warmup.is_refused(step, status)]
    problems = [] if refused else [told for told in (problem(*answer) for answer in answers) if told]
    ttfts = [answer.timings()["ttft_ms"] for status, answer in answers if status == 200]
    return {
        "bucket": step["bucket"],
        "ms": round(took, 1),
        "ttft_ms": max((ttft for ttft in ttfts if ttft is not None), default=None),
        "written": written,
        "compiled": written > 0 or bool(_health.compile_lines(server.log(since=begin))),
        "problem": problems[0] if problems else None,
        "skipped": refused[0] if refused else None,
    }


def problem(status, answer):
    if status != 200:
        return "HTTP {0}: {1}".format(status, answer) if status else str(answer)
    return answer.error or (None if answer.done else "the stream ended early")


def count(params):
    return _vllm_server.cache_entries(params["cache_directory"])["entries"]


def note(server, result):
    """That this start of the container was warmed, for whoever wants to publish its compile cache."""
    os.makedirs(NOTES, mode=0o755, exist_ok=True)
    path = os.path.join(NOTES, "warmup-{0}.json".format(server.name))
    with open(path + ".new", "w", encoding="utf-8") as output:
        json.dump({"started_at": server.started_at, "compiled": result["compiled"][-1]}, output)
    os.replace(path + ".new", path)


def main():
    module = AnsibleModule(
        argument_spec={
            **_vllm_server.ARGUMENTS,
            "max_num_batched_tokens": {"type": "int", "required": True, "no_log": False},
            "padding_gap": {"type": "int", "default": 0},
            "max_num_seqs": {"type": "int", "required": True},
            "max_model_len": {"type": "int", "required": True},
            "cache_directory": {"type": "path", "required": True},
            "passes": {"type": "int", "default": 2, "no_log": False},
            "request_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["passes"] < 1:
        module.fail_json(msg="passes is {0}; expected at least 1".format(params["passes"]), problems=[])
    if module.check_mode:
        module.exit_json(changed=False, msg="check mode: nothing was sent", problems=[])
    names = ("max_num_batched_tokens", "padding_gap", "max_num_seqs", "max_model_len")
    walk = _warmup.steps(*(params[name] for name in names))
    try:
        server = _vllm_server.of(module)
        prompts = Prompts(server, params["model"])
    except _vllm_server.ServerError as error:
        module.fail_json(msg=str(error), problems=[])
    passes = [[run_step(server, step, params, prompts) for step in walk] for _pass in range(params["passes"])]
    result = _warmup.report(passes)
    if result["problems"]:
        told = "; ".join(result["problems"][:3])
        module.fail_json(msg="the warm-up of {0} failed: {1}".format(server.name, told), passes=passes, **result)
    note(server, result)
    module.exit_json(changed=sum(result["written"]) > 0, passes=passes, **result)


if __name__ == "__main__":
    main()
