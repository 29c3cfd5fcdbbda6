# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: start_records
short_description: Lines for the file of past starts, from which a plan says how long a deploy takes
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - One JSON object a line for the last start of each host, unless it is in the file already.
options:
  _input:
    description: The variables of each host, after playbooks/deploy.yml has run on it.
    type: list
    elements: dict
    required: true
  known:
    description: The text of the file so far.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what would be appended
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars) | turbostable.tpu.start_records('') }}"
"""

RETURN = r"""
_value:
  description: The lines; empty where there is nothing new.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._records import new_lines


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"start_records": new_lines}
