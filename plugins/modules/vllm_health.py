#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_health
short_description: Tell whether a host's vLLM server really serves
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Takes one snapshot of the server in layers, the cheap ones first - the container, HTTP (C(/health), the list of
    models), a checked completion with two reads of the engine's counters around it, and whether the probe met a shape
    that had to be compiled. The first layer that is not content decides.
  - A busy engine is not a dead one - where it advances with others' requests, the completion may wait its turn.
  - With O(wait) it polls from the controller, prints a line whenever the phase of the start changes, and fails as soon
    as waiting cannot help, with the reason and the last lines of the container's log.
  - Needs the C(docker) command and Python's standard library on the host, nothing more.
extends_documentation_fragment: [turbostable.tpu.vllm_server]
options:
  cache_directory:
    description: The compile cache; its files tell whether the last start was cold, and whether the probe compiled.
    type: path
  prompt:
    description: What the checked completion asks, with temperature 0.
    type: str
    default: What is the capital of France?
  max_tokens:
    description: How many tokens the checked completion must return.
    type: int
    default: 8
  ttft_budget:
    description: Milliseconds to the first token that an engine with nothing else to do may take.
    type: int
    default: 10000
  e2e_budget:
    description:
      - Milliseconds to the last token; for this long the answer is waited for.
      - An engine that is busy with others' requests may take longer as long as it advances.
    type: int
    default: 30000
  log_lines:
    description: How many lines of the container's log a failure shows.
    type: int
    default: 20
  restarts_before:
    description:
      - Restarts of the container that do not count for a restart loop. O(wait) counts from its own first look, because
        the cause of those before may be mended.
    type: int
    default: 0
  wait:
    description: Poll until the server is ready or cannot become ready.
    type: bool
    default: false
  timeout:
    description: Seconds that O(wait) may take at the most.
    type: int
    default: 3600
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: turbostable.tpu.vllm_warmup
"""

EXAMPLES = r"""
- name: Wait until the model answers
  turbostable.tpu.vllm_health:
    model: google/gemma-4-26B-A4B-it
    cache_directory: /dev/shm/vllm_cache
    wait: true
    timeout: 3600
  become: true
"""

RETURN = r"""
status:
  description: V(ready), V(loading), V(compiling), V(draining), V(stuck), V(wrong_model) or V(down).
  returned: always
  type: str
layer:
  description: The layer that decided - V(container), V(http), V(engine), V(completion) or V(compile).
  returned: always
  type: str
evidence:
  description: What was observed there.
  returned: always
  type: str
next_step:
  description: What to do next; empty when ready.
  returned: always
  type: str
can_heal:
  description: Whether waiting can help.
  returned: always
  type: bool
layers:
  description: For each layer that was looked at its own C(status) (null when content) and C(evidence).
  returned: always
  type: dict
done:
  description: Token buckets compiled so far, where the backend's log tells.
  returned: always
  type: int
total:
  description: Token buckets to compile, where the backend's log tells.
  returned: always
  type: int
completion:
  description: >-
    The checked completion - its C(prompt), C(text), C(tokens), and the milliseconds C(ttft_ms) to the first token,
    C(tpot_ms) for each further one and C(e2e_ms) to the last.
  returned: when the server answered it
  type: dict
engine:
  description: >-
    The engine's counters after the probe - C(running) and C(waiting) requests, C(kv_cache_use) from 0 to 1,
    C(preemptions), C(generation_tokens), C(iterations).
  returned: when the server lists the model
  type: dict
container:
  description: C(image) and its C(image_id), C(started_at), C(restarts), C(oom_killed) and C(status) as Docker has it.
  returned: when there is a container
  type: dict
seconds_to_ready:
  description: From the container's start to the server's own word that it serves, in seconds.
  returned: when the log still has it
  type: float
cache:
  description: C(entries), C(bytes), and C(written) by this start, with C(start) V(cold), V(warm) or V(none).
  returned: when O(cache_directory) is set and there is a container
  type: dict
log:
  description: Last lines of the container's log.
  returned: when not ready
  type: list
  elements: str
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.turbostable.tpu.plugins.module_utils import _health, _verdict, _vllm_server


def look(server, params, log):
    """The verdicts by layer, as far as the layers before them are content; and what else was seen."""
    models = server.models()
    layers = {
        "container": _verdict.container(
            server.container,
            log,
            server.history,
            answers=models[0] != 0,
            restarts_before=params["restarts_before"],
        )
    }
    if layers["container"]["status"]:
        return layers, {}
    layers["http"] = _verdict.http(server.health(), models, params["model"], log)
    if layers["http"]["status"]:
        return layers, {}
    before, entries, begin = server.metrics(), count(params), time.time()
    status, answer = server.stream("/v1/chat/completions", question(params), params["e2e_budget"] / 1000)
    after = server.metrics()
    layers["engine"] = _verdict.engine(before, after, time.time() - begin)
    budget = {"ttft_ms": params["ttft_budget"], "e2e_ms": params["e2e_budget"]}
    busy = _verdict.is_busy(before) or _verdict.is_busy(after)
    layers["completion"] = _verdict.completion(
        status, answer, budget, params["max_tokens"], layers["engine"], busy=busy
    )
    lines = _health.compile_lines(server.log(since=begin))
    layers["compile"] = _verdict.compiled(entries, count(params), lines)
    seen = {"engine": after}
    if status == 200:
        asked = {"prompt": params["prompt"], "text": answer.text, "tokens": answer.tokens}
        seen["completion"] = dict(asked, **answer.timings())
    return layers, seen


def count(params):
    """How many entries the compile cache has."""
    directory = params["cache_directory"]
    return _vllm_server.cache_entries(directory)["entries"] if directory else 0


def question(params):
    """An exact number of tokens with temperature 0."""
    return {
        "model": params["model"],
        "messages": [{"role": "user", "content": params["prompt"]}],
        "max_tokens": params["max_tokens"],
        "temperature": 0,
        "logprobs": True,
        "ignore_eos": True,
    }


def facts(server, params, log):
    """What the container tells, whatever the verdict."""
    found = {
        "container": {
            "image": server.container["Config"]["Image"],
            "image_id": server.container["Image"],
            "started_at": server.started_at,
            "restarts": server.container.get("RestartCount", 0),
            "oom_killed": bool(server.container["State"].get("OOMKilled")),
            "status": server.container["State"]["Status"],
        },
        "seconds_to_ready": _health.ready_seconds(log, server.started),
    }
    if params["cache_directory"]:
        cache = _vllm_server.cache_entries(params["cache_directory"], server.started)
        start = "cold" if cache["written"] else "warm" if cache["entries"] else "none"
        found["cache"] = dict(cache, start=start)
    return found


def snapshot(server, params):
    log = server.log()
    layers, seen = look(server, params, log)
    result: dict[str, object] = {"done": None, "total": None}
    result.update(_verdict.decide(layers), **seen)
    result["layers"] = {name: {key: found[key] for key in ("status", "evidence")} for name, found in layers.items()}
    if server.container:
        result.update(facts(server, params, log))
    if result["status"] != "ready":
        lines = log if len(log) >= params["log_lines"] else server.history()
        result["log"] = [line.split(" ", 1)[-1] for line in lines[-params["log_lines"] :]]
    return result


def main():
    module = AnsibleModule(
        argument_spec={
            **_vllm_server.ARGUMENTS,
            "cache_directory": {"type": "path"},
            "prompt": {"type": "str", "default": "What is the capital of France?"},
            "max_tokens": {"type": "int", "default": 8, "no_log": False},
            "ttft_budget": {"type": "int", "default": 10000},
            "e2e_budget": {"type": "int", "default": 30000},
            "log_lines": {"type": "int", "default": 20},
            "restarts_before": {"type": "int", "default": 0},
            "wait": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        server = _vllm_server.of(module)
        result = snapshot(server, params)
    except _vllm_server.ServerError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
