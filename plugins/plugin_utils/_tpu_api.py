# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes that the Cloud TPU API lists, through Google's own client, as plain data."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google.auth.exceptions
import grpc
import requests
from google.api_core.exceptions import FailedPrecondition, GoogleAPIError, MethodNotImplemented, NotFound
from google.api_core.timeout import ConstantTimeout
from google.cloud import tpu_v2
from google.cloud.tpu_v2.services.tpu.transports import TpuGrpcTransport, TpuRestTransport

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _google

API = "Cloud TPU API"
DEFAULT_ENDPOINT = "tpu.googleapis.com"
_PAGE_SIZE = 1000
_PARALLEL = 16
_STATES = {int(state): state.name for state in tpu_v2.Node.State}
_HEALTHS = {int(health): health.name for health in tpu_v2.Node.Health}
_GENERATIONS = {int(kind): kind.name for kind in tpu_v2.AcceleratorConfig.Type}
# An insecure channel takes 4 MiB by default: 1,000 nodes with long labels are more.
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]


def list_nodes(
    project: str,
    zones: Collection[str] = (),
    *,
    endpoint: str = DEFAULT_ENDPOINT,
    transport: str = "grpc",
    credentials: Any = None,
    name_states: Collection[str] = (),
    patience: _google.Patience | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """All nodes of *project* in *zones*, or everywhere; and the zones that the API couldn't reach.

    Nodes in one of *name_states* also get the names of their workers' instances, each by one more call.
    """
    patience = patience or _google.Patience()
    call = {"retry": _google.retries(patience), "timeout": ConstantTimeout(patience.request)}
    nodes: list[dict[str, Any]] = []
    unreachable: list[str] = []
    try:
        with tpu_v2.TpuClient(transport=_transport(endpoint, transport, credentials)) as client:
            for zone in zones or ["-"]:
                request = tpu_v2.ListNodesRequest(parent=f"projects/{project}/locations/{zone}", page_size=_PAGE_SIZE)
                for page in client.list_nodes(request, **call).pages:
                    # The bare protocol buffer: its wrapper makes 10,000 nodes take seconds.
                    raw = tpu_v2.ListNodesResponse.pb(page)
                    nodes += [_plain(node) for node in raw.nodes]
                    unreachable += raw.unreachable
            named = [node for node in nodes if node["state"] in name_states]
            with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
                names = list(pool.map(lambda node: _instance_names(client, node["name"], call), named))
            for node, workers in zip(named, names, strict=True):
                for worker, name in zip(node["network_endpoints"], workers, strict=False):
                    worker["instance"] = name
    except (GoogleAPIError, google.auth.exceptions.GoogleAuthError, requests.exceptions.RequestException) as error:
        raise _google.translate(error, API, endpoint, project) from error
    return nodes, sorted({name.rpartition("/")[2] for name in unreachable})


def _transport(endpoint: str, transport: str, credentials: Any) -> Any:
    if transport == "rest":
        return TpuRestTransport(host=endpoint, credentials=credentials)
    if endpoint.startswith(_google.PLAINTEXT):
        target = endpoint.removeprefix(_google.PLAINTEXT)
        return TpuGrpcTransport(channel=grpc.insecure_channel(target, options=_OPTIONS))
    return TpuGrpcTransport(host=endpoint.removeprefix("https://"), credentials=credentials)


def _instance_names(client: Any, node: str, call: dict[str, Any]) -> list[str]:
    """What the workers of *node* have written down as their host names; gcloud tunnels to these too."""
    try:
        answer = client.get_guest_attributes(tpu_v2.GetGuestAttributesRequest(name=node), **call)
    except (NotFound, FailedPrecondition, MethodNotImplemented):
        # Guest attributes are off, the node has gone since it was listed, or an emulator has no such call.
        return []
    workers = [worker.query_value.items for worker in answer.guest_attributes]
    return [next((item.value for item in items if item.key == "hostname"), "") for items in workers]


def _plain(node: Any) -> dict[str, Any]:
    """The parts of *node* that records are made of. A number that is newer than the client stays visible."""
    config = node.accelerator_config
    return {
        "name": node.name,
        "state": _STATES.get(node.state) or f"STATE_{node.state}",
        "health": _HEALTHS.get(node.health) or f"HEALTH_{node.health}",
        "health_description": node.health_description,
        "accelerator_type": node.accelerator_type,
        "accelerator_config": {
            "type": (_GENERATIONS.get(config.type_) or f"TYPE_{config.type_}") if config.type_ else "",
            "topology": config.topology,
        },
        "runtime_version": node.runtime_version,
        "scheduling_config": {"spot": node.scheduling_config.spot, "preemptible": node.scheduling_config.preemptible},
        "network_endpoints": [
            {"ip_address": endpoint.ip_address, "external_ip": endpoint.access_config.external_ip, "instance": ""}
            for endpoint in node.network_endpoints
        ],
        "labels": dict(node.labels),
        "queued_resource": node.queued_resource,
    }
