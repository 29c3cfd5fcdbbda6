# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: cache_plan
short_description: Who compiles, who restores whose compile cache, who just serves
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Decides for all hosts at once. Of the hosts with one fingerprint a single one compiles; the others wait for its
    bundle and start warm. Where two have failed at it the others are held back as they are.
options:
  _input:
    description: The variables of each host, after its server's spec is computed and its compile cache was looked at.
    type: list
    elements: dict
    required: true
  store:
    description: Where bundles are kept - V(peer), V(local), or an address of Cloud Storage.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Decide who compiles
  ansible.builtin.set_fact:
    _xla_cache_steps: "{{ ansible_play_hosts | map('extract', hostvars) | turbostable.tpu.cache_plan('peer') }}"
"""

RETURN = r"""
_value:
  description: >-
    For each host C(action) (V(serve), V(restore), V(compile), V(wait) or V(hold)), C(source) (V(local), V(store) or
    V(peer)) and C(peer) (the host whose bundle it is, that is waited for, or that has failed).
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _cache_plan


def cache_plan(hosts: Iterable[Mapping[str, Any]], store: str) -> dict[str, dict[str, str]]:
    seen = [
        {
            "name": facts["inventory_hostname"],
            "fingerprint": facts["_vllm_spec"]["fingerprint"],
            "failed": "_deploy_failure" in facts,
            "canary": "_cache_canary" in facts,
            "cache": facts.get("_xla_cache_state") or {},
        }
        for facts in hosts
        if "_vllm_spec" in facts
    ]
    return _cache_plan.cache_plan(seen, str(store))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cache_plan": cache_plan}
