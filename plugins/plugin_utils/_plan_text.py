# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as text to read: short where hosts are alike, and flag by flag where something changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._flags import gib

# So many hosts are named one by one; of more, the first.
_NAMED = 5
_SIGNS = {"start": "+", "restart": "~", "change": "~", "none": " ", "unknown": "?"}
_MARKS = {"refuse": "REFUSED", "warn": "warning", "note": "note"}


def text(plan: Mapping[str, Any]) -> str:
    """The whole plan."""
    lines: list[str] = []
    for configuration in plan["configurations"]:
        lines += [*_configuration(configuration), ""]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in plan["hosts"]:
        groups.setdefault(repr([row["action"], row["changes"], row["start"], row["after"]]), []).append(row)
    for rows in groups.values():
        lines += _group(rows)
    return "\n".join([*lines, "", summary(plan)])


def summary(plan: Mapping[str, Any]) -> str:
    """The last line."""
    parts = [
        f"{plan['changed']} of {len(plan['hosts'])} hosts to change",
        f"{plan['restarts']} restart, {plan['first_starts']} start first",
        f"{plan['cold']} cold, {plan['warm']} warm",
    ]
    if plan["seconds_at_once"] is not None:
        times = f"{_duration(plan['seconds_at_once'])} in a deploy, {_duration(plan['seconds_one_by_one'])} one by one"
        parts.append(f"about {times}, by past starts")
    elif plan["cold"] or plan["warm"]:
        parts.append("no past start of this kind is on record to say how long")
    return f"Plan: {'; '.join(parts)}. Verdict: {plan['verdict']}."


def _configuration(configuration: Mapping[str, Any]) -> list[str]:
    names = _names(configuration["hosts"])
    lines = [f"{configuration['profile']}: {configuration['model']} on {names}: {configuration['verdict']}"]
    lines += [
        f"  {_MARKS[found['severity']]} [{found['id']}] {found['message']}" for found in configuration["findings"]
    ]
    if configuration["parser"]["skipped"]:
        lines.append(f"  the image's own parser was not asked: {configuration['parser']['skipped']}")
    elif not configuration["parser"]["refusal"]:
        lines.append(f"  vLLM {configuration['parser']['version']}'s own parser takes every flag")
    if configuration["graphs"]:
        lines.append(f"  {configuration['graphs']['line']}")
    if configuration["hbm"]:
        lines += [f"  {line}" for line in configuration["hbm"]["lines"]]
    else:
        lines.append("  HBM: not worked out, for the model's config.json or the TPU's generation is not known here")
    if configuration["shm"]:
        lines += [f"  {line}" for line in configuration["shm"]["lines"]]
    if configuration["store_unknown"]:
        lines.append("  whether the store has a bundle is not known: Google's client comes to a host with its deploy")
    if configuration["compile_seconds"] is not None:
        lines.append(f"  compiling takes about {_duration(configuration['compile_seconds'])}, by past starts")
    return lines


def _group(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Hosts with the same changes under one heading."""
    row = rows[0]
    names = _names([row["host"] for row in rows])
    does = {
        "start": f"first start ({_start(row)})",
        "restart": f"restart ({_start(row)})",
        "change": "changes without a restart",
        "none": "no change",
        "unknown": "could not be asked",
    }[row["action"]]
    lines = [f"{_SIGNS[row['action']]} {names}: {does}"]
    for change in row["changes"]:
        if change["before"] is None:
            lines.append(f"    + {change['kind']} {change['name']}: {change['after']}")
        elif change["after"] is None:
            lines.append(f"    - {change['kind']} {change['name']}: {change['before']}")
        else:
            lines.append(f"    ~ {change['kind']} {change['name']}: {change['before']} -> {change['after']}")
    if "headroom_gained" in row:
        gained = row["headroom_gained"]
        lines.append(f"    headroom in HBM: {gib(abs(gained))} {'gained' if gained > 0 else 'lost'}, over all chips")
    return lines


def _start(row: Mapping[str, Any]) -> str:
    return f"{row['start']}, once {row['after']} has compiled" if row["after"] else str(row["start"])


def _names(hosts: Sequence[str]) -> str:
    shown = ", ".join(hosts[:_NAMED])
    return shown if len(hosts) <= _NAMED else f"{shown} and {len(hosts) - _NAMED} more"


def _duration(seconds: float) -> str:
    """Seconds for people.

    >>> _duration(95), _duration(7200)
    ('95 s', '120 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
