# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_askers
short_description: The hosts that ask an image's argument parser for all that are like them
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - One host for each image and command line, of those that have the image.
options:
  _input:
    description: The variables of each host, after turbostable.tpu.vllm_plan has gathered.
    type: list
    elements: dict
    required: true
  which:
    description: >-
      V(always), V(changed) (not where a host runs just that already, for its parser has taken it) or V(never).
    type: str
    choices: [always, changed, never]
    default: always
"""

EXAMPLES = r"""
- name: Choose who asks
  ansible.builtin.set_fact:
    askers: "{{ ansible_play_hosts | map('extract', hostvars) | turbostable.tpu.plan_askers('changed') }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._plan import question


def plan_askers(hosts: Iterable[Mapping[str, Any]], which: str = "always") -> list[str]:
    if which == "never":
        return []
    askers: dict[str, str] = {}
    taken = set()
    for facts in hosts:
        gathered, spec = facts.get("_plan_facts") or {}, facts["_vllm_spec"]
        if not gathered.get("image_id"):
            continue
        key = question(spec)
        askers.setdefault(key, str(facts["inventory_hostname"]))
        running = gathered["container"] or {}
        if running.get("running") and running["image_id"] == gathered["image_id"] and running["argv"] == spec["argv"]:
            taken.add(key)
    return [host for key, host in askers.items() if which == "always" or key not in taken]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_askers": plan_askers}
