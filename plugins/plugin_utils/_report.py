# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the tables that playbooks end with, from the facts that the hosts left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]
Row = dict[str, Any]


def fleet_rows(hosts: Sequence[Facts], kind: str) -> list[Row]:
    """One row for each of *hosts* (their variables after the play), by name."""
    if kind not in _ROWS:
        raise ValueError(f"no rows of kind {kind!r}; there are: {', '.join(_ROWS)}")
    return [_ROWS[kind](facts) for facts in sorted(hosts, key=lambda facts: str(facts["inventory_hostname"]))]


def _deploy(facts: Facts) -> Row:
    health = facts.get("_vllm_health") or {}
    spec = facts.get("_vllm_spec") or {}
    return {
        "host": facts["inventory_hostname"],
        "zone": facts.get("tpu_zone", "-"),
        "type": facts.get("tpu_accelerator_type", "-"),
        "image digest": short_digest(str(spec.get("image_base", ""))),
        "seconds to ready": _or_dash(health.get("seconds_to_ready")),
        "cache": (health.get("cache") or {}).get("start", "-"),
        "status": status(facts),
    }


def _health(facts: Facts) -> Row:
    health = facts.get("_vllm_health") or {}
    asked, engine = health.get("completion") or {}, health.get("engine") or {}
    found = status(facts)
    return {
        "host": facts["inventory_hostname"],
        "status": found,
        "layer": health.get("layer", "-"),
        "TTFT ms": _or_dash(asked.get("ttft_ms")),
        "TPOT ms": _or_dash(asked.get("tpot_ms")),
        "running": _or_dash(engine.get("running")),
        "waiting": _or_dash(engine.get("waiting")),
        "KV cache": f"{engine['kv_cache_use']:.0%}" if "kv_cache_use" in engine else "-",
        "restarts": _or_dash((health.get("container") or {}).get("restarts")),
        "evidence": _evidence(health),
    }


def _evidence(health: Facts) -> str:
    if health.get("status"):
        return "; ".join(filter(None, (health["evidence"], health["next_step"])))
    return " ".join(str(health.get("msg", "-")).split())


def _warmup(facts: Facts) -> Row:
    warmup = facts.get("_vllm_warmup") or {}
    seconds, compiled, written = (warmup.get(name) or ["-"] for name in ("seconds", "compiled", "written"))
    twice = warmup.get("compiled_twice") or []
    return {
        "host": facts["inventory_hostname"],
        "first pass s": seconds[0],
        "second pass s": seconds[-1],
        "ratio": _or_dash(warmup.get("ratio")),
        "compiled": compiled[0],
        "compiled again": compiled[-1],
        "entries": sum(written) if warmup.get("written") else "-",
        "status": f"compiles twice: {', '.join(twice)}" if twice else "warm" if seconds != ["-"] else "FAILED",
    }


_ROWS = {"deploy": _deploy, "health": _health, "warmup": _warmup}


def _or_dash(value: Any) -> Any:
    return "-" if value is None else value


def status(facts: Facts) -> str:
    """``ready``, or why not, in one line."""
    if "_deploy_failure" in facts:
        return "FAILED: " + str(facts["_deploy_failure"]).splitlines()[0]
    for looked in (facts.get(name) or {} for name in ("_xla_cache_state", "_plan_facts")):
        if looked.get("failed"):
            return "FAILED: " + str(looked["msg"]).splitlines()[0]
    health = facts.get("_vllm_health") or {}
    # A host that Ansible lost runs no rescue: it left neither a result nor a reason.
    if not health or health.get("unreachable"):
        return "FAILED: unreachable"
    return str(health.get("status", "FAILED"))


def short_digest(image: str) -> str:
    """``sha256:19a1a0526476`` of ``vllm/vllm-tpu:nightly@sha256:19a1a0526476f902...``."""
    _name, _at, digest = image.partition("@")
    return digest[:19] or "-"


def fleet_answer(hosts: Sequence[Facts]) -> str:
    """One completion that the fleet has answered, in words; empty where there is none."""
    for facts in sorted(hosts, key=lambda facts: str(facts["inventory_hostname"])):
        asked = (facts.get("_vllm_health") or {}).get("completion")
        if asked and status(facts) == "ready":
            answer = f"{asked['text']!r} ({asked['tokens']} tokens in {asked['e2e_ms']} ms)"
            return f"{facts['inventory_hostname']} was asked {asked['prompt']!r} and answered {answer}"
    return ""


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns as wide as they need to be. By hand, so that the collection asks for no package for its last line."""
    lines = [[str(key) for key in rows[0]]] + [[str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
