# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_plan
short_description: What a deploy would change, host by host, and whether the configuration can work
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Compares what turbostable.tpu.vllm_plan has found on each host with what its profile asks for, checks the
    configuration against known traps, and works out compiled graphs, HBM and C(/dev/shm).
  - Connects to nothing.
options:
  _input:
    description: The variables of each host, after the role turbostable.tpu.plan has gathered.
    type: list
    elements: dict
    required: true
  min_headroom:
    description: HBM of each chip that must be left to programs compiled later, e.g. V(3g).
    type: str
    default: 3g
  min_shm_free:
    description: What must stay free in C(/dev/shm) beside weights and compile cache, e.g. V(10g).
    type: str
    default: 10g
  records:
    description: The text of the file of past starts.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Say how many hosts would restart
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts | map('extract', hostvars) | turbostable.tpu.fleet_plan).restarts }}"
"""

RETURN = r"""
_value:
  description: >-
    C(hosts) with their C(changes), C(configurations) with C(verdict), C(findings), C(graphs), C(hbm) and C(shm),
    C(refused) (reasons by host) and the totals - C(verdict), C(changed), C(restarts), C(first_starts), C(cold), C(warm)
    - with C(text) to read.
  type: dict
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags, _plan, _plan_text, _profile, _records
from ansible_collections.turbostable.tpu.plugins.plugin_utils._cache_plan import step
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import Limits


def _host(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the plan needs of a host's variables, plain: Ansible hands over lazily templated, tagged values."""
    gathered, asked = facts.get("_plan_facts") or {}, facts.get("_plan_asked") or {}
    # A host that failed or was lost has a result too, without what it would have told.
    told = {**gathered, "model": gathered["model"] or asked.get("model")} if "shm" in gathered else None
    plain: dict[str, Any] = json.loads(
        json.dumps(
            {
                "name": facts["inventory_hostname"],
                "spec": facts["_vllm_spec"],
                "type": facts.get("tpu_accelerator_type"),
                "chips": int(facts["tpu_chips"]) if facts.get("tpu_chips") else None,
                "facts": told,
                "cache": facts.get("_xla_cache_state") or {},
                "step": (facts.get("_xla_cache_steps") or {}).get(facts["inventory_hostname"], step("none")),
                "parsed": asked.get("parsed"),
            }
        )
    )
    return plain


def _size(name: str, text: str) -> int:
    try:
        return _flags.size(str(text))
    except ValueError:
        raise AnsibleFilterError(f"plan_{name} is {text}; expected a size such as 3g") from None


def fleet_plan(
    hosts: Iterable[Mapping[str, Any]], min_headroom: str = "3g", min_shm_free: str = "10g", records: str = ""
) -> dict[str, Any]:
    limits = Limits(_size("min_headroom", min_headroom), _size("min_shm_free", min_shm_free))
    known = [str(name) for name in _profile.load_known()["env"]]
    plan = _plan.plan([_host(facts) for facts in hosts], limits, known, _records.read(str(records)))
    return {**plan, "text": _plan_text.text(plan)}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet_plan": fleet_plan}
