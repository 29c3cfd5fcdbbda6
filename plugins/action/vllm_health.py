# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiting half of turbostable.tpu.vllm_health: a module cannot print while it runs, the controller can."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _wait

display = Display()

_NONE_COUNTS = 1 << 30


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = dict(self._task.args)
        host = str(task_vars.get("inventory_hostname", ""))

        def probe() -> dict[str, Any]:
            result: dict[str, Any] = self._execute_module(module_args=args, task_vars=task_vars)
            return result

        if not boolean(args.get("wait", False), strict=False):
            return probe()
        # Counted from the first look on: at first none counts.
        args["restarts_before"] = _NONE_COUNTS

        def probe_on() -> dict[str, Any]:
            result = probe()
            if args["restarts_before"] == _NONE_COUNTS and "container" in result:
                args["restarts_before"] = result["container"]["restarts"]
            return result

        timeout = float(args.get("timeout", 3600))
        result = _wait.until_ready(
            probe_on,
            timeout,
            show=lambda line: display.display(f"  {host}: {line}"),
            clock=time.monotonic,
            sleep=time.sleep,
        )
        if result.get("failed") or result.get("status") == "ready":
            return result
        return {**result, "failed": True, "msg": _wait.failure(host, str(args.get("container", "vllm-gemma4")), result)}
