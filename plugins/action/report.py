# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of turbostable.tpu.report, and all of it: nothing is to be done on a host."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()

_ARGUMENTS = {
    "text": {"type": "str", "required": True},
    "data": {"type": "dict", "required": True},
    "output": {"type": "str", "choices": ["text", "json"], "default": "text"},
}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(_ARGUMENTS)
        display.display(json.dumps(args["data"]) if args["output"] == "json" else "\n" + args["text"])
        return {**result, "changed": False}
