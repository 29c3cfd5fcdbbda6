# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_table
short_description: Rows about a fleet as a table to read
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - A heading and a line for each row, with columns as wide as they need to be.
options:
  _input:
    description: One dictionary for each line, all with the same keys, as turbostable.tpu.fleet_rows makes them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a table
  ansible.builtin.debug:
    msg: "{{ [{'host': 'tpu-a', 'status': 'ready'}] | turbostable.tpu.fleet_table }}"
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._report import format_table


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_table": format_table}
