# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a fleet, and its text."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _plan, _plan_text
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import Limits
from tests.gemma4 import CONFIG_26B, TOTAL_SIZE_26B
from tests.unit.plugins.plugin_utils.test_change import SPEC, argv, facts

MODEL = {"config": CONFIG_26B, "weights": TOTAL_SIZE_26B, "source": "index"}
COLD = {"model": SPEC["model"], "type": "v6e-4", "start": "cold", "seconds": 1440}


def step(action: str, peer: str = "") -> dict[str, str]:
    return {"action": action, "source": "", "peer": peer}


def host(name: str, told: dict[str, Any] | None, **over: Any) -> dict[str, Any]:
    known = {"facts": told, "cache": {}, "step": step("compile")}
    return {"name": name, "spec": SPEC, "type": "v6e-4", "chips": 4, **known, **over}


def plan(*hosts: dict[str, Any], records: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return _plan.plan(hosts, Limits(), [], records or [])


def changed(**over: Any) -> dict[str, Any]:
    return {**facts(argv=argv("--max-num-seqs=256", "--max-num-seqs=64"), **over), "model": MODEL}


def test_a_fleet_as_deployed_has_nothing_to_change() -> None:
    made = plan(*(host(f"tpu-{i}", {**facts(), "model": MODEL}) for i in range(7)))
    assert (made["verdict"], made["changed"], made["restarts"]) == ("pass", 0, 0)
    # Hosts that are alike are one line.
    lines = _plan_text.text(made).splitlines()
    assert "  tpu-0, tpu-1, tpu-2, tpu-3, tpu-4 and 2 more: no change" in lines
    assert lines[-1] == "Plan: 0 of 7 hosts to change; 0 restart, 0 start first; 0 cold, 0 warm. Verdict: pass."


def test_one_flag_on_one_host() -> None:
    made = plan(host("tpu-a", changed()), host("tpu-b", facts()), records=[COLD])
    assert (made["changed"], made["restarts"], made["cold"]) == (1, 1, 1)
    assert (made["seconds_at_once"], made["seconds_one_by_one"]) == (1440, 1440)
    text = _plan_text.text(made)
    assert "~ tpu-a: restart (cold)\n    ~ flag max_num_seqs: 64 -> 256\n" in text
    assert "about 24 min in a deploy, 24 min one by one, by past starts" in text


def test_who_waits_for_a_canary_starts_warm_after_it() -> None:
    warm = {**COLD, "start": "warm", "seconds": 60}
    waits = [host(name, changed(), step=step("wait", "tpu-a")) for name in ("tpu-b", "tpu-c")]
    made = plan(host("tpu-a", changed()), *waits, records=[COLD, warm])
    assert (made["cold"], made["warm"]) == (1, 2)
    assert (made["seconds_at_once"], made["seconds_one_by_one"]) == (1500, 1560)
    assert "~ tpu-b, tpu-c: restart (warm, once tpu-a has compiled)\n" in _plan_text.text(made)


@pytest.mark.parametrize(
    ("action", "cache", "expected"),
    [
        ("compile", {}, "cold"),
        ("serve", {"warm": True}, "warm"),
        # With a store of its own alone.
        ("serve", {"warm": False}, "cold"),
        ("restore", {"local_bundle": True}, "warm"),
    ],
)
def test_cold_or_warm(action: str, cache: dict[str, bool], expected: str) -> None:
    (row,) = plan(host("tpu-a", changed(), step=step(action), cache=cache))["hosts"]
    assert row["start"] == expected


def test_a_store_that_was_not_asked_is_named() -> None:
    unasked, asked = ({"store_bundle": found} for found in (None, False))
    assert "Google's client" in _plan_text.text(plan(host("tpu-a", facts(), cache=unasked)))
    assert "Google's client" not in _plan_text.text(plan(host("tpu-a", facts(), cache=asked)))


def test_without_a_record_no_time_is_made_up() -> None:
    made = plan(host("tpu-a", changed()))
    assert made["seconds_at_once"] is None
    assert "no past start of this kind is on record" in _plan_text.summary(made)


def test_a_model_that_one_host_knows_is_known_for_all() -> None:
    made = plan(host("tpu-a", None), host("tpu-b", {**facts(), "model": MODEL}))
    assert all(configuration["hbm"] for configuration in made["configurations"])
    assert made["hosts"][0]["action"] == "unknown"


def test_one_refusal_of_the_parser_is_for_all_that_are_alike() -> None:
    said = {"refusal": "no such flag", "skipped": None, "version": "9"}
    made = plan(host("tpu-a", facts(), parsed=said), host("tpu-b", facts(), chips=8))
    assert [configuration["verdict"] for configuration in made["configurations"]] == ["refuse", "refuse"]
    assert made["refused"] == {"tpu-a": "no such flag", "tpu-b": "no such flag"}
    assert "  REFUSED [parser] no such flag" in _plan_text.text(made).splitlines()


def test_from_run_2_to_run_3_the_gain_is_shown() -> None:
    run_2 = facts(argv=argv("--gpu-memory-utilization=0.9", "--gpu-memory-utilization=0.95"))
    assert "headroom in HBM: 6.4 GiB gained, over all chips" in _plan_text.text(plan(host("tpu-a", run_2)))


def test_a_bare_host() -> None:
    bare = {"container": None, "image_id": None, "shm": {"size": 1 << 30}, "model": None}
    text = _plan_text.text(plan(host("tpu-a", bare)))
    assert "+ tpu-a: first start (cold)\n    + container vllm-gemma4: started\n" in text
    assert "    ~ shm shm_size: 1.0 GiB -> 100.0 GiB" in text
    assert "HBM: not worked out" in text
    assert "  the image's own parser was not asked: nothing is to change, or no host has the image yet" in text


def test_what_the_parser_took_is_said() -> None:
    said = {"refusal": None, "skipped": None, "version": "0.32.0"}
    assert "  vLLM 0.32.0's own parser takes every flag" in _plan_text.text(plan(host("tpu-a", facts(), parsed=said)))
