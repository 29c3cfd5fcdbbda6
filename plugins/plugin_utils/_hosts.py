# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From node records to hosts, their variables and their groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.turbostable.tpu.plugins.plugin_utils._nodes import NodesError, Record

# A health that was not measured yet is no bad health; Compute Engine has none at all.
_WELL = ("HEALTHY", "HEALTH_UNSPECIFIED", "")
# What a host takes over from its node as it is.
_SAME = ["name", "zone", "project", "source", "state", "health", "accelerator_type", "topology", "chips", "spot"]
_SAME += ["runtime_version", "labels", "queued_resource"]
# By `address`: what a host without it lacks.
_WANTED = {
    "internal": "internal address",
    "external": "external address",
    "iap": "instance name for an IAP tunnel (guest attributes)",
}
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")


class Host(NamedTuple):
    name: str
    groups: list[str]
    variables: dict[str, Any]


def hosts(records: Iterable[Record], address: str, states: Collection[str]) -> Iterator[Host]:
    """The hosts of *records*, one for each worker."""
    seen: set[str] = set()
    for record in records:
        shared = {**{f"tpu_{key}": record[key] for key in _SAME}, "tpu_slice": _slice(record)}
        groups = _groups(record)
        unwell = _unwell(record, states)
        for worker_id, worker in enumerate(record["workers"]):
            name = _name(record, worker_id)
            if name in seen:
                raise NodesError(
                    f"two VMs would both be the host {name}: a worker of a slice, and a node of that name beside it; "
                    "leave one out with `select`, or rename it."
                )
            seen.add(name)
            connection = _connection(record, worker, name, address)
            reason = unwell or ("" if connection else f"no {_WANTED[address]}")
            variables = {
                **shared,
                "tpu_worker_id": worker_id,
                "tpu_internal_ip": worker["internal_ip"],
                "tpu_external_ip": worker["external_ip"],
                **connection,
            }
            if reason:
                variables["tpu_unservable_reason"] = reason
            yield Host(name, [*groups, "tpu_unservable" if reason else "tpu"], variables)


def _name(record: Record, worker_id: int) -> str:
    worker = f"-w{worker_id}" if len(record["workers"]) > 1 else ""
    return f"{record['name']}{worker}.{record['zone']}"


def _slice(record: Record) -> str:
    # Short names are unique in a zone only.
    return f"{record['name']}.{record['zone']}" if len(record["workers"]) > 1 else ""


def _groups(record: Record) -> list[str]:
    groups = [f"tpu_zone_{record['zone']}", f"tpu_type_{record['accelerator_type']}", f"tpu_state_{record['state']}"]
    if len(record["workers"]) > 1:
        groups.append(f"tpu_slice_{_slice(record)}")
    groups = [_UNSAFE.sub("_", group) for group in groups]
    return [*groups, "tpu_spot"] if record["spot"] else groups


def _unwell(record: Record, states: Collection[str]) -> str:
    """Why no worker of the node can serve; empty when all can."""
    if record["state"] not in states:
        return f"state is {record['state']}, expected {' or '.join(states)}"
    if record["health"] not in _WELL:
        said = f": {record['health_description']}" if record["health_description"] else ""
        return f"health is {record['health']}{said}"
    return ""


def _connection(record: Record, worker: Mapping[str, str], name: str, address: str) -> dict[str, str]:
    """How ssh gets to the worker; empty when it can't."""
    if address != "iap":
        ip = worker[f"{address}_ip"]
        return {"ansible_host": ip} if ip else {}
    # A TPU VM writes its own name down, and ssh runs the tunnel through a shell.
    if not all(_PLAIN_NAME.fullmatch(part) for part in (worker["instance"], record["project"], record["zone"], name)):
        return {}
    tunnel = f"gcloud compute start-iap-tunnel {worker['instance']} %p --listen-on-stdin"
    tunnel += f" --project={record['project']} --zone={record['zone']} --verbosity=warning"
    return {
        # With its zone: ssh never resolves it, but Ansible shares one connection among hosts with the same address.
        "ansible_host": f"{worker['instance']}.{record['zone']}",
        "ansible_ssh_common_args": f"-o ProxyCommand='{tunnel}' -o HostKeyAlias={name}",
    }
