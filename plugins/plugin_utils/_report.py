# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table at the end of a deploy, from the facts that the hosts left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table: *facts* are a host's variables after the deploy."""
    health = facts.get("_vllm_health") or {}
    spec = facts.get("_vllm_spec") or {}
    cache = health.get("cache") or {}
    seconds = health.get("seconds_to_ready")
    return {
        "host": facts["inventory_hostname"],
        "zone": facts.get("tpu_zone", "-"),
        "type": facts.get("tpu_accelerator_type", "-"),
        "image digest": short_digest(str(spec.get("image_base", ""))),
        "seconds to ready": "-" if seconds is None else seconds,
        "cache": cache.get("start", "-"),
        "status": status(facts),
    }


def status(facts: Mapping[str, Any]) -> str:
    """``ready``, or why not, in one line."""
    if "_deploy_failure" in facts:
        return "FAILED: " + str(facts["_deploy_failure"]).splitlines()[0]
    health = facts.get("_vllm_health")
    # A host that Ansible lost runs no rescue: it left neither a result nor a reason.
    return str(health["status"]) if health else "FAILED: unreachable"


def short_digest(image: str) -> str:
    """``sha256:19a1a0526476`` of ``vllm/vllm-tpu:nightly@sha256:19a1a0526476f902...``."""
    _name, _at, digest = image.partition("@")
    return digest[:19] or "-"


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns as wide as they need to be. By hand, so that the collection asks for no package for its last line."""
    lines = [[str(key) for key in rows[0]]] + [[str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def fleet_report(hosts: Sequence[Mapping[str, Any]]) -> str:
    """The table of all *hosts*, and under it one completion that the fleet has answered."""
    if not hosts:
        return "no hosts"
    hosts = sorted(hosts, key=lambda facts: str(facts["inventory_hostname"]))
    table = format_table([row(facts) for facts in hosts])
    for facts in hosts:
        asked = (facts.get("_vllm_health") or {}).get("completion")
        if asked and status(facts) == "ready":
            answer = f"{asked['text']!r} ({asked['tokens']} tokens in {asked['total_ms']} ms)"
            return f"{table}\n\n{facts['inventory_hostname']} was asked {asked['prompt']!r} and answered {answer}"
    return table
