#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Print what a playbook has found, for people or as JSON
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Prints on the controller and connects to no host. Unlike C(ansible.builtin.debug) it indents and quotes nothing, so
    that another program can read the JSON - one line that begins with an opening brace.
options:
  text:
    description: What to print for people.
    type: str
    required: true
  data:
    description: The same for programs.
    type: dict
    required: true
  output:
    description: Which of the two to print.
    type: str
    choices: [text, json]
    default: text
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
    text: "{{ rows | turbostable.tpu.fleet_table }}"
    data: {rows: "{{ rows }}"}
    output: json
  vars:
    rows: "{{ ansible_play_hosts_all | map('extract', hostvars) | turbostable.tpu.fleet_rows('health') }}"
  run_once: true
"""

RETURN = r"""
"""
