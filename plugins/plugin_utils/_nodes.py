# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Google's APIs list to node records.

A record is plain data, one for each node whichever API lists it: it can be cached as JSON and searched by JMESPath.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _accelerator

Record = dict[str, Any]


class NodesError(Exception):
    """What the user asked for, or what the APIs list, can't become an inventory."""


def from_tpu(node: Mapping[str, Any], project: str) -> Record:
    """The record of a node of the Cloud TPU API, given as plain data with the API's own names in snake case."""
    parts = str(node["name"]).split("/")
    config = node.get("accelerator_config") or {}
    kind = _accelerator.from_tpu(node.get("accelerator_type", ""), config.get("type", ""), config.get("topology", ""))
    scheduling = node.get("scheduling_config") or {}
    workers = [
        _worker(endpoint.get("ip_address"), endpoint.get("external_ip"), endpoint.get("instance"))
        for endpoint in node.get("network_endpoints") or []
    ]
    # While a node is being made it has no endpoints, and its hosts should have the names that they will keep.
    workers += [_worker() for _missing in range(len(workers), kind.workers)]
    return {
        "name": parts[-1],
        "zone": parts[3],
        "project": project,
        "source": "tpu",
        "state": node.get("state", ""),
        "health": node.get("health", ""),
        "health_description": node.get("health_description", ""),
        "accelerator_type": kind.type,
        "topology": kind.topology,
        "chips": kind.chips,
        "runtime_version": node.get("runtime_version", ""),
        "spot": bool(scheduling.get("spot") or scheduling.get("preemptible")),
        "labels": dict(node.get("labels") or {}),
        "queued_resource": str(node.get("queued_resource", "")).rpartition("/")[2],
        "workers": workers,
    }


def from_compute(instance: Mapping[str, Any], project: str) -> Record:
    """The record of an instance of the Compute Engine API, given as in its REST answers."""
    kind = _accelerator.from_machine_type(_last(instance.get("machineType")))
    scheduling = instance.get("scheduling") or {}
    interface: Mapping[str, Any] = next(iter(instance.get("networkInterfaces") or []), {})
    access: Mapping[str, Any] = next(iter(interface.get("accessConfigs") or []), {})
    return {
        "name": instance["name"],
        "zone": _last(instance.get("zone")),
        "project": project,
        "source": "compute",
        "state": instance.get("status", ""),
        "health": "",
        "health_description": "",
        "accelerator_type": kind.type,
        "topology": kind.topology,
        "chips": kind.chips,
        "runtime_version": "",
        "spot": scheduling.get("provisioningModel") == "SPOT" or bool(scheduling.get("preemptible")),
        "labels": dict(instance.get("labels") or {}),
        "queued_resource": "",
        "workers": [_worker(interface.get("networkIP"), access.get("natIP"), instance["name"])],
    }


def _worker(internal_ip: str | None = "", external_ip: str | None = "", instance: str | None = "") -> dict[str, str]:
    return {"internal_ip": internal_ip or "", "external_ip": external_ip or "", "instance": instance or ""}


def _last(url: str | None) -> str:
    return str(url or "").rpartition("/")[2]


def unique(records: Iterable[Record]) -> tuple[list[Record], list[str]]:
    """*records* by zone and name, without those listed twice; and what was left out, in words."""
    kept: dict[tuple[str, str], Record] = {}
    doubles = []
    for record in records:
        key = (record["zone"], record["name"])
        first = kept.setdefault(key, record)
        if first is not record:
            doubles.append(f"{record['name']} in {record['zone']} ({first['source']}, {record['source']})")
    return [kept[key] for key in sorted(kept)], doubles
