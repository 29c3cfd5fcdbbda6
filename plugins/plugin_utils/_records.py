# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Past starts, one JSON object a line: how long a start like this one took before."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

# As many of the last ones as an estimate looks at.
_LAST = 50


def read(text: str) -> list[dict[str, Any]]:
    """The records of a file's *text*. A line that is no record - a write that was cut off - is left out."""
    found = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("seconds"), (int, float)):
            found.append(record)
    return found


def record(host: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a host's variables after a deploy: its last start, or None where the server did not say how long it took."""
    health, spec = host.get("_vllm_health") or {}, host.get("_vllm_spec")
    seconds = health.get("seconds_to_ready")
    if seconds is None or not spec:
        return None
    return {
        "host": str(host["inventory_hostname"]),
        "started_at": str(health["container"]["started_at"]),
        "type": str(host.get("tpu_accelerator_type") or ""),
        "model": str(spec["model"]),
        "image": str(spec["image"]),
        "start": str((health.get("cache") or {}).get("start", "none")),
        "seconds": float(seconds),
    }


def new_lines(hosts: Iterable[Mapping[str, Any]], text: str) -> str:
    """What to append to a file that holds *text*: the last start of each of *hosts*, once."""
    known = {(old.get("host"), old.get("started_at")) for old in read(text)}
    records = [made for made in map(record, hosts) if made and (made["host"], made["started_at"]) not in known]
    return "".join(json.dumps(made, sort_keys=True) + "\n" for made in records)


class Estimates:
    """Medians of past starts, each worked out once for all hosts that are alike."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self._records = records
        self._known: dict[tuple[str, str, str], float | None] = {}

    def seconds(self, model: str, accelerator_type: str, start: str) -> float | None:
        """From the container's start to ready; None where no start of this kind is on record."""
        key = (model, accelerator_type, start)
        if key not in self._known:
            wanted = dict(zip(("model", "type", "start"), key, strict=True))
            alike = [old["seconds"] for old in self._records if wanted.items() <= old.items()]
            self._known[key] = statistics.median(alike[-_LAST:]) if alike else None
        return self._known[key]

    def compile_seconds(self, model: str, accelerator_type: str) -> float | None:
        """What a cold start takes longer than a warm one."""
        cold, warm = (self.seconds(model, accelerator_type, start) for start in ("cold", "warm"))
        return None if cold is None or warm is None else max(cold - warm, 0.0)
