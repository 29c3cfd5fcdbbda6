#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Print rows about a fleet as a table or as JSON
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Prints on the controller and connects to no host. Unlike C(ansible.builtin.debug) it indents and quotes nothing, so
    that another program can read the JSON - one line that begins with an opening brace.
options:
  rows:
    description: One dictionary for each line, all with the same keys.
    type: list
    elements: dict
    required: true
  output:
    description: How to print them.
    type: str
    choices: [table, json]
    default: table
  note:
    description: Lines below the table; in JSON the key C(note).
    type: str
    default: ''
attributes:
  check_mode:
    support: full
    description: Prints in check mode too.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show the fleet
  turbostable.tpu.report:
    rows: "{{ ansible_play_hosts_all | map('extract', hostvars) | turbostable.tpu.fleet_rows('health') }}"
    output: json
  run_once: true
"""

RETURN = r"""
rows:
  description: What was printed.
  returned: always
  type: list
  elements: dict
"""
