"""Cloud TPU v2: the answers of both its transports, out of the same messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud import tpu_v2
from google.protobuf import json_format

from lab.emulator.errors import ApiError
from lab.emulator.fleet import Fleet
from lab.emulator.paging import number, page

_PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)")
_NODE = re.compile(r"(projects/[^/]+/locations/[^/]+)/nodes/[^/]+")
_LIST = re.compile(r"/v2/(projects/[^/]+/locations/[^/]+)/(nodes|queuedResources)")
_ZONE = re.compile(r"-|[a-z]+-[a-z]+\d+-[a-z]")


def list_nodes(fleet: Fleet, request: Any) -> Any:
    """ListNodesRequest -> ListNodesResponse, both as plain protobuf."""
    zone = _zone(fleet, request.parent)
    nodes, token = _page(fleet, fleet.node_messages, zone, request)
    return tpu_v2.ListNodesResponse.pb()(nodes=nodes, next_page_token=token, unreachable=_unreachable(fleet, zone))


def list_queued_resources(fleet: Fleet, request: Any) -> Any:
    """ListQueuedResourcesRequest -> ListQueuedResourcesResponse, both as plain protobuf."""
    zone = _zone(fleet, request.parent)
    found, token = _page(fleet, fleet.queued_resource_messages, zone, request)
    unreachable = _unreachable(fleet, zone)
    response = tpu_v2.ListQueuedResourcesResponse.pb()
    return response(queued_resources=found, next_page_token=token, unreachable=unreachable)


def get_node(fleet: Fleet, request: Any) -> Any:
    """GetNodeRequest -> Node, both as plain protobuf."""
    match = _NODE.fullmatch(request.name)
    if not match:
        raise ApiError("INVALID_ARGUMENT", f"Malformed name: {request.name!r}")
    zone = _zone(fleet, match[1])
    if zone in fleet.unreachable:
        raise ApiError("UNAVAILABLE", f"Location {zone} is unreachable.")
    for _, node in fleet.node_messages:
        if node.name == request.name:
            return node
    raise ApiError("NOT_FOUND", f"Resource '{request.name}' was not found")


METHODS = {
    "ListNodes": (list_nodes, tpu_v2.ListNodesRequest.pb(), tpu_v2.ListNodesResponse.pb()),
    "ListQueuedResources": (
        list_queued_resources,
        tpu_v2.ListQueuedResourcesRequest.pb(),
        tpu_v2.ListQueuedResourcesResponse.pb(),
    ),
    "GetNode": (get_node, tpu_v2.GetNodeRequest.pb(), tpu_v2.Node.pb()),
}


def rest(fleet: Fleet, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The JSON that GET *path* gives."""
    integers = query.get("$alt") == "json;enum-encoding=int"
    if match := _LIST.fullmatch(path):
        method = METHODS["ListNodes" if match[2] == "nodes" else "ListQueuedResources"]
        size = number(query.get("pageSize", ""), "pageSize")
        request = method[1](parent=match[1], page_size=size, page_token=query.get("pageToken", ""))
    elif _NODE.fullmatch(path.removeprefix("/v2/")):
        method = METHODS["GetNode"]
        request = method[1](name=path.removeprefix("/v2/"))
    else:
        raise ApiError("NOT_FOUND", f"Method not found: {path}")
    record: dict[str, Any] = json_format.MessageToDict(method[0](fleet, request), use_integers_for_enums=integers)
    if not integers:
        for node in record.get("nodes", [record]):
            _name_unknown(node)
    return record


def _name_unknown(node: dict[str, Any]) -> None:
    """A state that the client's library does not know has a name at the server nevertheless."""
    for key in ("state", "health"):
        if isinstance(node.get(key), int):
            node[key] = f"{key.upper()}_{node[key]}"


def _zone(fleet: Fleet, parent: str) -> str:
    match = _PARENT.fullmatch(parent)
    if not match:
        raise ApiError("INVALID_ARGUMENT", f"Malformed name: {parent!r}")
    if match[1] != fleet.project:
        raise ApiError("PERMISSION_DENIED", f"Permission denied on resource project {match[1]}.")
    if not _ZONE.fullmatch(match[2]):
        raise ApiError("PERMISSION_DENIED", f"Location {match[2]} is not found or access is unauthorized.")
    return match[2]


def _page(fleet: Fleet, messages: Sequence[tuple[str, Any]], zone: str, request: Any) -> tuple[Sequence[Any], str]:
    chosen = [message for place, message in messages if zone in ("-", place)]
    return page(chosen, request.page_size, request.page_token, fleet.page_size)


def _unreachable(fleet: Fleet, zone: str) -> list[str]:
    return [f"projects/{fleet.project}/locations/{place}" for place in fleet.unreachable if zone in ("-", place)]
