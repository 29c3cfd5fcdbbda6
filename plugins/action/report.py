# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of turbostable.tpu.report, and all of it: nothing is to be done on a host."""

from __future__ import annotations

import json
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _report

display = Display()


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        # Through JSON: Ansible hands over lazily templated, tagged values.
        args = json.loads(json.dumps(self._task.args))
        rows, output, note = args.get("rows"), args.get("output", "table"), args.get("note", "")
        if output not in ("table", "json"):
            raise AnsibleActionFail(f"output is {output!r}; expected table or json")
        if not isinstance(rows, list) or not rows:
            raise AnsibleActionFail(f"rows is {rows!r}; expected a list with a dictionary for each line")
        if output == "json":
            display.display(json.dumps({"rows": rows, **({"note": note} if note else {})}))
        else:
            display.display("\n" + _report.format_table(rows) + (f"\n\n{note}" if note else ""))
        return {"changed": False, "rows": rows}
