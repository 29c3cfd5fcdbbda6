# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules reach the vLLM server of their host; _vllm_server.ARGUMENTS is its other half."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  container:
    description: Name of the container.
    type: str
    default: vllm-gemma4
  port:
    description: Port on which vLLM listens on the host.
    type: int
    default: 8000
  model:
    description: The model that the server must serve, by the name that it lists.
    type: str
    required: true
  api_key:
    description: The server's API key, if it wants one.
    type: str
"""
