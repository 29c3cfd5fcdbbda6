# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of turbostable.tpu.secret_file: a secret in the arguments must not leak on its way."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

_OTHERWISE = "or have the host fetch the secret itself"
_FILE = (
    "content would be written to a temporary file on the host, because pipelining is off or ANSIBLE_KEEP_REMOTE_FILES "
    "is set; expected pipelining; set pipelining = True in [connection] of ansible.cfg (or ANSIBLE_PIPELINING=1), "
    + _OTHERWISE
)
_DEBUG = (
    "content would be printed, because ANSIBLE_DEBUG is set and shows every module's arguments; expected it off; "
    "unset it and use -vvvv, " + _OTHERWISE
)


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        if self._task.args.get("content") is not None:
            # Ansible's own test of whether the module and its arguments travel on standard input alone.
            if not self._is_pipelining_enabled("new", self._task.async_val):
                return {"failed": True, "msg": _FILE}
            if constants.DEFAULT_DEBUG:
                return {"failed": True, "msg": _DEBUG}
        result: dict[str, Any] = self._execute_module(task_vars=task_vars or {})
        return result
