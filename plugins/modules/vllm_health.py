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
  - Takes one snapshot of the server, cheap layers first - the container, the list of models, a checked completion.
  - With O(wait) it polls from the controller, prints a line whenever the phase of the start changes, and fails as soon
    as waiting cannot help, with the reason and the last lines of the container's log.
  - Needs the C(docker) command and Python's standard library on the host, nothing more.
options:
  container:
    description: Name of the container.
    type: str
    default: vllm-gemma4
  port:
    description: Port on which vLLM listens on the host.
    type: int
    default: 8000
  model:
    description: The model that the server must list.
    type: str
    required: true
  cache_directory:
    description: The compile cache; its files tell whether the last start was cold or warm.
    type: path
  prompt:
    description: What the checked completion asks.
    type: str
    default: What is the capital of France?
  max_tokens:
    description: How many tokens the checked completion must return.
    type: int
    default: 8
  request_timeout:
    description: Seconds that each request may take.
    type: int
    default: 30
  log_lines:
    description: How many lines of the container's log a failure shows.
    type: int
    default: 20
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
extends_documentation_fragment: []
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
  description: V(ready), V(starting), V(loading), V(compiling), V(wrong_model), V(stuck) or V(down).
  returned: always
  type: str
layer:
  description: The layer that decided - V(container), V(http) or V(completion).
  returned: always
  type: str
evidence:
  description: What was observed there.
  returned: always
  type: str
can_heal:
  description: Whether waiting can help.
  returned: always
  type: bool
done:
  description: Token buckets compiled so far, where the backend's log tells.
  returned: always
  type: int
total:
  description: Token buckets to compile, where the backend's log tells.
  returned: always
  type: int
completion:
  description: The checked completion - its C(prompt), C(text), C(tokens) and C(total_ms).
  returned: when the server answered it
  type: dict
image_id:
  description: Identifier of the container's image.
  returned: when there is a container
  type: str
started_at:
  description: When the container was started.
  returned: when there is a container
  type: str
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

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.turbostable.tpu.plugins.module_utils import _health


class Server:
    """The observations, each taken at most once a snapshot."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.container = self._inspect()
        self.started = _health.parse_time(self.container["State"]["StartedAt"]) if self.container else 0.0

    def _inspect(self):
        rc, out, err = self.module.run_command(["docker", "container", "inspect", self.params["container"]])
        if rc == 0:
            return json.loads(out)[0]
        if "No such container" in err:
            return None
        return self.module.fail_json(msg="docker inspect {0} failed: {1}".format(self.params["container"], err.strip()))

    def log(self):
        """The lines of this start, with time stamps; of the starts before it too where they keep failing.

        A container in a restart loop may just have begun its next start, whose log says nothing yet.
        """
        if not self.container:
            return []
        failing = _health.container_problem(self.container)
        part = ["--tail", "1000"] if failing else ["--since", self.container["State"]["StartedAt"]]
        command = ["docker", "logs", "--timestamps", *part, self.params["container"]]
        _rc, out, err = self.module.run_command(command)
        return sorted((out + err).splitlines())

    def request(self, path, body=None):
        """(status, parsed JSON or text); status 0 where no connection was made."""
        url = "http://127.0.0.1:{0}{1}".format(self.params["port"], path)
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        try:
            with open_url(
                url, data=data, headers=headers, timeout=self.params["request_timeout"], use_proxy=False
            ) as answer:
                return answer.getcode(), json.loads(answer.read())
        except OSError as error:  # URLError, HTTPError, timeouts and refused connections are all OSErrors
            return getattr(error, "code", 0), str(error)
        except ValueError as error:
            return 200, "no JSON: {0}".format(error)

    def cache(self):
        """What the compile cache holds, and what this start has added to it."""
        entries = size = written = 0
        for folder, _dirs, names in os.walk(self.params["cache_directory"]):
            for name in names:
                try:
                    stat = os.stat(os.path.join(folder, name))
                except FileNotFoundError:
                    continue
                entries, size = entries + 1, size + stat.st_size
                written += stat.st_mtime >= self.started
        start = "cold" if written else "warm" if entries else "none"
        return {"entries": entries, "bytes": size, "written": written, "start": start}


def verdict(status, layer, evidence, *, can_heal=True, **more):
    return dict({"status": status, "layer": layer, "evidence": evidence, "can_heal": can_heal}, **more)


def judge(server, params, log):
    """Layer by layer, the cheap ones first; the first that is not satisfied decides."""
    problem = _health.container_problem(server.container)
    status, models = server.request("/v1/models")
    if status != 200:
        if problem:
            detail = _health.reason(log)
            return verdict("down", "container", problem + (": " + detail if detail else ""), can_heal=False)
        at = _health.phase(log)
        evidence = "/v1/models on port {0}: {1}".format(params["port"], models)
        return verdict(at["phase"], "http", evidence, done=at["done"], total=at["total"])
    if server.container is None or not server.container["State"]["Running"]:
        evidence = "port {0} is served by something else; {1}".format(params["port"], problem)
        return verdict("down", "container", evidence, can_heal=False)
    listed = [model.get("id") for model in models.get("data", [])] if isinstance(models, dict) else []
    if params["model"] not in listed:
        evidence = "expected model {0}; listed: {1}".format(params["model"], ", ".join(listed) or models)
        return verdict("wrong_model", "http", evidence, can_heal=False)
    return completion(server, params)


def completion(server, params):
    """Ask for an exact number of tokens with temperature 0 and look at what comes back."""
    body = {
        "model": params["model"],
        "messages": [{"role": "user", "content": params["prompt"]}],
        "max_tokens": params["max_tokens"],
        "temperature": 0,
        "logprobs": True,
        "ignore_eos": True,
    }
    begin = time.monotonic()
    status, answer = server.request("/v1/chat/completions", body)
    took = round((time.monotonic() - begin) * 1000, 1)
    if status != 200:
        evidence = "chat completion after {0} ms: HTTP {1} {2}".format(took, status, answer)
        return verdict("stuck", "completion", evidence)
    problem = _health.completion_problem(answer, params["max_tokens"])
    if problem:
        return verdict("stuck", "completion", problem)
    asked = {
        "prompt": params["prompt"],
        "text": _health.answer(answer),
        "tokens": answer["usage"]["completion_tokens"],
        "total_ms": took,
    }
    evidence = "{0} tokens in {1} ms".format(asked["tokens"], took)
    return verdict("ready", "completion", evidence, completion=asked)


def main():
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "default": "vllm-gemma4"},
            "port": {"type": "int", "default": 8000},
            "model": {"type": "str", "required": True},
            "cache_directory": {"type": "path"},
            "prompt": {"type": "str", "default": "What is the capital of France?"},
            "max_tokens": {"type": "int", "default": 8, "no_log": False},
            "request_timeout": {"type": "int", "default": 30},
            "log_lines": {"type": "int", "default": 20},
            "wait": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    server = Server(module)
    log = server.log()
    result = judge(server, module.params, log)
    result.setdefault("done", None)
    result.setdefault("total", None)
    if server.container:
        result["image_id"] = server.container["Image"]
        result["started_at"] = server.container["State"]["StartedAt"]
        result["seconds_to_ready"] = _health.ready_seconds(log, server.started)
        if module.params["cache_directory"]:
            result["cache"] = server.cache()
    if result["status"] != "ready":
        result["log"] = [line.split(" ", 1)[-1] for line in log[-module.params["log_lines"] :]]
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
