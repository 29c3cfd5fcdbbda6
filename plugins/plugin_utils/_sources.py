# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the APIs that list TPU VMs, both at the same time, and turn their answers into node records."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _compute_api, _google, _nodes, _tpu_api

Listing = tuple[list[_nodes.Record], list[str]]


def fetch(query: dict[str, Any], patience: _google.Patience | None = None) -> Listing:
    """Records of all nodes that *query* means, and the zones that could not be reached.

    One source that fails fails the whole: half a fleet would be deployed to as if it were all of it.
    """
    patience = patience or _google.Patience()
    ask = [_SOURCES[source] for source in query["sources"]]
    with ThreadPoolExecutor(max_workers=len(ask)) as pool:
        answers = [future.result() for future in [pool.submit(call, query, patience) for call in ask]]
    unreachable = {zone for _records, zones in answers for zone in zones}
    return [record for records, _zones in answers for record in records], sorted(unreachable)


def _tpu(query: dict[str, Any], patience: _google.Patience) -> Listing:
    endpoint = query["tpu_endpoint"]
    nodes, unreachable = _tpu_api.list_nodes(
        query["project"],
        query["zones"],
        endpoint=endpoint,
        transport=query["transport"],
        credentials=_google.credentials(endpoint),
        name_states=query["name_states"],
        patience=patience,
    )
    return [_nodes.from_tpu(node, query["project"]) for node in nodes], unreachable


def _compute(query: dict[str, Any], patience: _google.Patience) -> Listing:
    endpoint = query["compute_endpoint"]
    instances, unreachable = _compute_api.list_instances(
        query["project"],
        query["zones"],
        endpoint=endpoint,
        credentials=_google.credentials(endpoint),
        patience=patience,
    )
    return [_nodes.from_compute(instance, query["project"]) for instance in instances], unreachable


_SOURCES: dict[str, Callable[[dict[str, Any], _google.Patience], Listing]] = {"tpu": _tpu, "compute": _compute}
