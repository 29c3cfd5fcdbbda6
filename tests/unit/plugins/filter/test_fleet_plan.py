# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host's variables, as Ansible has them, to the plan."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.turbostable.tpu.plugins.filter.fleet_plan import fleet_plan
from tests.unit.plugins.plugin_utils.test_change import SPEC, argv, facts


def host(name: str, **over: Any) -> dict[str, Any]:
    return {"inventory_hostname": name, "_vllm_spec": SPEC, "tpu_accelerator_type": "v6e-4", "tpu_chips": "4", **over}


def test_who_compiles_and_who_waits_comes_from_the_caches_steps() -> None:
    steps = {
        "tpu-a": {"action": "compile", "source": "", "peer": ""},
        "tpu-b": {"action": "wait", "source": "", "peer": "tpu-a"},
    }
    told = {**facts(argv=argv("--max-num-seqs=256", "--max-num-seqs=64")), "model": None}
    over = {"_plan_facts": told, "_xla_cache_steps": steps, "_xla_cache_state": {"warm": False}}
    made = fleet_plan([host("tpu-a", **over), host("tpu-b", **over)])
    assert [(row["start"], row["after"]) for row in made["hosts"]] == [("cold", ""), ("warm", "tpu-a")]


def test_a_host_that_was_lost_is_not_guessed_at() -> None:
    (row,) = fleet_plan([host("tpu-a", _plan_facts={"unreachable": True, "changed": False})])["hosts"]
    assert row["action"] == "unknown"


@pytest.mark.parametrize("text", ["lots", "", "3x"])
def test_what_is_no_size_is_refused_by_name(text: str) -> None:
    with pytest.raises(AnsibleError, match=f"plan_min_headroom is {text}; expected a size such as 3g"):
        fleet_plan([], min_headroom=text)
