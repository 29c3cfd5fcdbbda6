# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
short_description: A table of what a deploy has brought to serving
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - One line a host - zone, accelerator type, image digest, seconds to ready, cold or warm cache, and the status with
    the reason where a host failed. Under it one chat completion that the fleet has answered.
options:
  _input:
    description: The variables of each host, after playbooks/deploy.yml has run on it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the fleet
  ansible.builtin.debug:
    msg: "{{ groups['tpu'] | map('extract', hostvars) | turbostable.tpu.fleet_report }}"
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._report import fleet_report


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_report": fleet_report}
