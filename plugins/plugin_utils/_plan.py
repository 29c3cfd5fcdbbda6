# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a fleet: for each host what would change and how it would start, and whether that can work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _change, _fit, _flags, _traps, _variables
from ansible_collections.turbostable.tpu.plugins.plugin_utils._records import Estimates
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import (
    NOTE,
    REFUSE,
    WARN,
    Finding,
    Limits,
    Wanted,
    wanted,
)

_RANK = {REFUSE: 0, WARN: 1, NOTE: 2}
_NOT_ASKED = {"refusal": None, "skipped": "nothing is to change, or no host has the image yet"}


def judge(asked: Wanted, limits: Limits, known: Iterable[str], refusal: str | None = None) -> dict[str, Any]:
    """Verdict, findings and figures of one configuration. *refusal* is what the image's own parser said to it."""
    found = [Finding("parser", REFUSE, refusal)] if refusal else []
    found += _traps.findings(asked) + _variables.findings(asked, known)
    memory, space = _fit.hbm(asked), _fit.shm(asked)
    found += _fit.hbm_findings(asked, memory, limits) if memory else []
    found += _fit.shm_findings(asked, space, limits) if space else []
    found.sort(key=lambda finding: _RANK[finding.severity])
    severities = {finding.severity for finding in found}
    verdict = REFUSE if REFUSE in severities else WARN if WARN in severities else "pass"
    return {
        "verdict": verdict,
        "findings": [finding._asdict() for finding in found],
        "graphs": _graphs(asked),
        "hbm": memory,
        "shm": space,
    }


def _graphs(asked: Wanted) -> dict[str, Any] | None:
    tokens, requests = asked.buckets(), asked.attention_buckets()
    if not tokens or not requests:
        return None
    count = 0 if asked.on("enforce_eager") or asked.set("SKIP_JAX_PRECOMPILE") else len(tokens) * len(requests)
    line = (
        f"{len(tokens)} token buckets x {len(requests)} of requests = {count} graphs before serving, samplers beside: "
    )
    return {"token_buckets": tokens, "request_buckets": requests, "count": count, "line": line + str(tokens)}


def plan(
    hosts: Sequence[Mapping[str, Any]], limits: Limits, known: Iterable[str], records: list[dict[str, Any]]
) -> dict[str, Any]:
    """Each host has ``name``, ``spec``, ``type``, ``chips``, what was gathered as ``facts`` and as ``cache``, its
    ``step`` (see _cache_plan), and of one host of those with the same image and command what its parser said as
    ``parsed``.

    Hosts that are alike are judged once: a fleet has few configurations and many hosts.
    """
    known, estimates = list(known), Estimates(records)
    models = {host["spec"]["model"]: host["facts"]["model"] for host in hosts if (host.get("facts") or {}).get("model")}
    parsed = {question(host["spec"]): host["parsed"] for host in hosts if host.get("parsed")}
    judged: dict[str, dict[str, Any]] = {}
    rows = []
    for host in hosts:
        asked = wanted(host)
        # The small files of a model are on the hosts that have served it; they are the same for all.
        asked = asked._replace(model=asked.model or models.get(host["spec"]["model"]))
        key = _like(asked, host)
        if key not in judged:
            said = parsed.get(question(host["spec"])) or _NOT_ASKED
            verdict = judge(asked, limits, known, said["refusal"])
            judged[key] = {"hosts": [], "model": host["spec"]["model"], "profile": host["spec"]["profile"], **verdict}
            judged[key]["parser"] = said
            judged[key]["store_unknown"] = False
            judged[key]["compile_seconds"] = estimates.compile_seconds(host["spec"]["model"], str(host.get("type")))
        judged[key]["hosts"].append(host["name"])
        judged[key]["store_unknown"] |= host["cache"].get("store_bundle", False) is None
        rows.append(_row(host, asked, estimates))
    return {
        "hosts": rows,
        "configurations": list(judged.values()),
        "refused": _refused(judged.values()),
        **_totals(rows, judged.values()),
    }


def _refused(judged: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The reasons, by host."""
    return {
        host: " ".join(found["message"] for found in configuration["findings"] if found["severity"] == REFUSE)
        for configuration in judged
        for host in configuration["hosts"]
        if configuration["verdict"] == REFUSE
    }


def question(spec: Mapping[str, Any]) -> str:
    """What the image's parser is asked: the same of all hosts with one image and command line."""
    return json.dumps([str(spec["image"]), [str(argument) for argument in spec["argv"]]])


def _like(asked: Wanted, host: Mapping[str, Any]) -> str:
    shm = asked.shm or {}
    parts = [asked.spec, asked.env, host.get("type"), asked.chips, asked.memory, shm.get("cache", 0) >> 30]
    return json.dumps(parts, sort_keys=True, default=str)


def _row(host: Mapping[str, Any], asked: Wanted, estimates: Estimates) -> dict[str, Any]:
    if host.get("facts") is None:
        return {"host": host["name"], "action": "unknown", "changes": [], "start": None, "after": "", "seconds": None}
    facts = host["facts"]
    found = _change.changes(host["spec"], facts)
    restarts = any(change.restarts for change in found)
    action = "start" if facts.get("container") is None else "restart" if restarts else "change" if found else "none"
    start = _start(host["step"], host["cache"]) if restarts else None
    row = {
        "host": host["name"],
        "action": action,
        "changes": [{"kind": c.kind, "name": c.name, "before": c.before, "after": c.after} for c in found],
        "start": start,
        # Whose bundle it waits for.
        "after": host["step"]["peer"] if start and host["step"]["action"] == "wait" else "",
        "seconds": estimates.seconds(host["spec"]["model"], str(host.get("type")), start) if start else None,
    }
    return row | _headroom(asked, facts.get("container"))


def _start(step: Mapping[str, str], cache: Mapping[str, Any]) -> str:
    """Cold where it compiles for all that are alike, or - with a store of its own alone - for itself."""
    compiles = step["action"] == "compile" or (step["action"] == "serve" and not cache.get("warm"))
    return "cold" if compiles else "warm"


def _headroom(asked: Wanted, container: Mapping[str, Any] | None) -> dict[str, Any]:
    """How much more HBM what is compiled later would find than now, over all chips, in bytes."""
    if not container or container["argv"][:1] != ["serve"] or not asked.tpu:
        return {}
    now = asked._replace(flags=_flags.flags(container["argv"]))
    gained = round((now.utilization - asked.utilization) * asked.tpu.hbm * asked.shards)
    return {"headroom_gained": gained} if gained else {}


def _totals(rows: Sequence[Mapping[str, Any]], judged: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    verdicts = {configuration["verdict"] for configuration in judged}
    times = {row["host"]: row["seconds"] for row in rows if row["start"]}
    known = [seconds for seconds in times.values() if seconds is not None]
    complete = bool(known) and len(known) == len(times)
    ends = [times[row["host"]] + times.get(row["after"], 0) for row in rows if row["start"]] if complete else []
    return {
        "verdict": REFUSE if REFUSE in verdicts else WARN if WARN in verdicts else "pass",
        "changed": sum(row["action"] != "none" for row in rows),
        "restarts": sum(row["action"] == "restart" for row in rows),
        "first_starts": sum(row["action"] == "start" for row in rows),
        "cold": sum(row["start"] == "cold" for row in rows),
        "warm": sum(row["start"] == "warm" for row in rows),
        # As a deploy does it, and one after the other; None where a start is of a kind that is not on record.
        "seconds_at_once": max(ends) if complete else None,
        "seconds_one_by_one": sum(known) if complete else None,
    }
