#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: show
short_description: Print a text as it is
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Prints O(text) on the controller without the frame, the indent and the folded lines of a task's result, so that a
    pipeline can read it. Connects to no host.
options:
  text:
    description: What to print.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
extends_documentation_fragment: []
"""

EXAMPLES = r"""
- name: Print a line of JSON
  turbostable.tpu.show:
    text: "{{ {'answer': 42} | to_json }}"
"""

RETURN = r"""
"""
# All of it is the action plugin of this name: a module cannot print.
