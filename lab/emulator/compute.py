"""Compute Engine v1: the aggregated list of instances."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from lab.emulator.errors import ApiError
from lab.emulator.fleet import Fleet, Record
from lab.emulator.paging import number, page

_PATH = re.compile(r"/compute/v1/projects/([^/]+)/aggregated/instances")
_API = "https://www.googleapis.com/compute/v1"
# The API's own limit of a page.
_MOST = 500
# Zones which every project has, besides the fleet's.
_ZONES = ("asia-northeast1-b", "europe-west4-a", "us-central1-a", "us-east5-a", "us-east5-b")
_AND = re.compile(r"\sAND\s|(?<=\))\s+(?=\()")
_TERM = re.compile(r"""\(?\s*([\w.]+)\s*(!=|=|:|\beq\b|\bne\b)\s*("[^"]*"|'[^']*'|[^\s()]+)\s*\)?""")


def rest(fleet: Fleet, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The JSON that GET *path* gives."""
    match = _PATH.fullmatch(path)
    if not match:
        raise ApiError("NOT_FOUND", f"The requested URL {path} was not found on this server.")
    if match[1] != fleet.project:
        raise ApiError("NOT_FOUND", f"The resource 'projects/{match[1]}' was not found")
    if fleet.unreachable and query.get("returnPartialSuccess") != "true":
        lost = ", ".join(fleet.unreachable)
        raise ApiError("UNAVAILABLE", f"Zones are unreachable: {lost}. Set returnPartialSuccess=true to list the rest.")
    size = number(query.get("maxResults", ""), "maxResults")
    if size > _MOST:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value for field 'maxResults': '{size}'. Must be at most {_MOST}.")
    instances = _instances(fleet, query.get("filter", ""))
    shown, token = page(instances, size, query.get("pageToken", ""), min(_MOST, fleet.page_size))
    answer = {
        "kind": "compute#instanceAggregatedList",
        "id": f"projects/{fleet.project}/aggregated/instances",
        "items": _scopes(fleet, shown),
        "selfLink": f"{_API}/projects/{fleet.project}/aggregated/instances",
    }
    if token:
        answer["nextPageToken"] = token
    if fleet.unreachable:
        answer["unreachables"] = [f"projects/{fleet.project}/zones/{zone}" for zone in fleet.unreachable]
    return answer


# The pages of one listing are asked for one after the other.
@lru_cache(maxsize=4)
def _instances(fleet: Fleet, text: str) -> list[tuple[str, Record]]:
    """(zone, instance) of those that can be reached and pass the filter, zone by zone."""
    reachable = (record for record in fleet.instances if record["zone"] not in fleet.unreachable)
    ordered = sorted(reachable, key=lambda record: str(record["zone"]))
    found = [(record["zone"], _instance(fleet, record)) for record in ordered]
    terms = parse_filter(text) if text else []
    return [(zone, instance) for zone, instance in found if matches(instance, terms)]


def _instance(fleet: Fleet, record: Record) -> Record:
    zone = f"{_API}/projects/{fleet.project}/zones/{record['zone']}"
    full = {"kind": "compute#instance", **record, "zone": zone, "selfLink": f"{zone}/instances/{record['name']}"}
    if "machineType" in record:
        full["machineType"] = f"{zone}/machineTypes/{record['machineType']}"
    return full


def _scopes(fleet: Fleet, shown: Sequence[tuple[str, Record]]) -> dict[str, Record]:
    """The instances by scope; a zone without any has a warning that says why."""
    scopes: dict[str, Record] = {}
    for zone, instance in shown:
        scopes.setdefault(f"zones/{zone}", {"instances": []})["instances"].append(instance)
    for zone in {*_ZONES, *fleet.unreachable, *(record["zone"] for record in fleet.instances)}:
        scope = f"zones/{zone}"
        code, message = "NO_RESULTS_ON_PAGE", f"There are no results for scope '{scope}' on this page."
        if zone in fleet.unreachable:
            code, message = "UNREACHABLE", f"The scope '{scope}' is unreachable."
        warning = {"code": code, "message": message, "data": [{"key": "scope", "value": scope}]}
        scopes.setdefault(scope, {"warning": warning})
    return dict(sorted(scopes.items()))


Term = tuple[str, str, str]


def parse_filter(text: str) -> list[Term]:
    """The terms of a filter, joined with AND, each FIELD OPERATOR VALUE, perhaps in parentheses."""
    terms = [_TERM.fullmatch(term.strip()) for term in _AND.split(text)]
    found = [(term[1], term[2], term[3].strip("\"'")) for term in terms if term]
    if len(found) < len(terms):
        raise ApiError(
            "INVALID_ARGUMENT", f"Invalid value for field 'filter': '{text}'. Invalid list filter expression."
        )
    return found


def matches(instance: Record, terms: Sequence[Term]) -> bool:
    """Whether all terms hold: `eq`, `ne` with a regular expression, `=`, `!=` with `*`, all for the whole value.

    `:` holds where the text is a part of the value.
    """
    return all(_holds(_value(instance, field), operator, wanted) for field, operator, wanted in terms)


def _value(instance: Record, field: str) -> str:
    found: Any = instance
    for key in field.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return "" if found is None else str(found)


def _holds(value: str, operator: str, wanted: str) -> bool:
    if operator == ":":
        return wanted.strip("*") in value
    if operator in ("=", "!="):
        wanted = ".*".join(re.escape(part) for part in wanted.split("*"))
    try:
        same = re.fullmatch(wanted, value) is not None
    except re.error as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value for field 'filter': '{wanted}': {error}") from error
    return same == (operator in ("=", "eq"))
