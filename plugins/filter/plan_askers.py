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
"""

EXAMPLES = r"""
- name: Choose who asks
  ansible.builtin.set_fact:
    askers: "{{ ansible_play_hosts | map('extract', hostvars) | turbostable.tpu.plan_askers }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def plan_askers(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    askers: dict[str, str] = {}
    for facts in hosts:
        if (facts.get("_plan_facts") or {}).get("image_id"):
            key = json.dumps([facts["_vllm_spec"]["image"], list(facts["_vllm_spec"]["argv"])])
            askers.setdefault(key, str(facts["inventory_hostname"]))
    return list(askers.values())


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_askers": plan_askers}
