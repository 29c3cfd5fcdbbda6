# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_answer
short_description: One chat completion that a fleet has answered, in words
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Of the first host that is ready; empty where none is.
options:
  _input:
    description: The variables of each host, after turbostable.tpu.vllm_health has run on it.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show that the fleet answers
  ansible.builtin.debug:
    msg: "{{ groups['tpu'] | map('extract', hostvars) | turbostable.tpu.fleet_answer }}"
"""

RETURN = r"""
_value:
  description: Who was asked what, and the answer.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._report import fleet_answer


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_answer": fleet_answer}
