# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_rows
short_description: What a playbook has found out about each host, as the rows of a table
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - One dictionary a host, by name, all with the same keys in the order of the columns. A host that Ansible has lost, or
    that failed, has its reason in C(status).
options:
  _input:
    description: The variables of each host, after the playbook has run on it.
    type: list
    elements: dict
    required: true
  kind:
    description: >-
      V(deploy) - zone, type, image digest, seconds to ready, cold or warm cache, status. V(health) - status, the layer
      that decided, timings in ms and the engine's load. V(warmup) - seconds of both passes, their ratio, what was
      compiled.
    type: str
    choices: [deploy, health, warmup]
    required: true
"""

EXAMPLES = r"""
- name: Show the fleet
  turbostable.tpu.report:
    text: "{{ rows | turbostable.tpu.fleet_table }}"
    data: {rows: "{{ rows }}"}
  vars:
    rows: "{{ groups['tpu'] | map('extract', hostvars) | turbostable.tpu.fleet_rows('deploy') }}"
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._report import fleet_rows


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_rows": fleet_rows}
