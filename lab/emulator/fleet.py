"""The fleet file: what the emulated APIs know. Read anew for each request, parsed only when it has changed."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from google.cloud import tpu_v2
from google.protobuf import json_format

from lab.emulator.errors import STATUSES, ApiError

Record = dict[str, Any]

_FAULTS = {
    "tpu": ("slow", *(status.lower() for status in STATUSES)),
    "compute": ("slow", *(status.lower() for status in STATUSES)),
    "secret": ("slow", "wrong_crc", *(status.lower() for status in STATUSES)),
    "storage": ("slow", *(status.lower() for status in STATUSES)),
    "metadata": ("slow", "no_account", *(status.lower() for status in STATUSES)),
}
# A file that is younger than this when it is read may change again without its time stamp showing it.
_TICK_NS = 50_000_000


# Without eq, so that each state of the file is a key of its own for caches.
@dataclass(frozen=True, eq=False)
class Fleet:
    """One state of the fleet file. The keys are described in lab.emulator."""

    project: str
    nodes: Sequence[Record] = ()
    queued_resources: Sequence[Record] = ()
    instances: Sequence[Record] = ()
    unreachable: Sequence[str] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    page_size: int = 1000
    faults: Mapping[str, Any] = field(default_factory=dict)
    _requests: Counter[str] = field(default_factory=Counter, init=False)

    def fault(self, service: str) -> str | None:
        """The fault that *service*'s next request meets; `times` limits it to the first ones since the file changed."""
        fault: str | None = self.faults.get(service)
        self._requests[service] += 1
        times = self.faults.get("times")
        return fault if times is None or self._requests[service] <= times else None

    @cached_property
    def node_messages(self) -> list[tuple[str, Any]]:
        """(zone, Node) of each node that can be reached, as protobuf messages."""
        return self._messages(self.nodes, "nodes", tpu_v2.Node.pb())

    @cached_property
    def queued_resource_messages(self) -> list[tuple[str, Any]]:
        return self._messages(self.queued_resources, "queuedResources", tpu_v2.QueuedResource.pb())

    def _messages(self, records: Sequence[Record], collection: str, kind: Any) -> list[tuple[str, Any]]:
        return [
            (record["zone"], self._message(record, collection, kind))
            for record in records
            if record["zone"] not in self.unreachable
        ]

    def _message(self, record: Record, collection: str, kind: Any) -> Any:
        name = f"projects/{self.project}/locations/{record['zone']}/{collection}/{record['name']}"
        plain = {key: value for key, value in record.items() if key != "zone"}
        try:
            return json_format.ParseDict({**plain, "name": name}, kind())
        except json_format.ParseError as error:
            raise ApiError("INTERNAL", f"{collection} {record['name']} of the fleet file: {error}") from error


_KEYS: dict[str, type] = {
    "project": str,
    "nodes": list,
    "queuedResources": list,
    "instances": list,
    "unreachable": list,
    "secrets": dict,
    "metadata": dict,
    "pageSize": int,
    "faults": dict,
}
_FIELDS = {"queuedResources": "queued_resources", "pageSize": "page_size"}


class FleetError(ValueError):
    """The fleet file says something that the emulator does not understand."""


def parse(text: str, *, is_json: bool = False) -> Fleet:
    """The Fleet that *text* describes; ValueError says what is wrong with it."""
    try:
        data = json.loads(text) if is_json else yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise FleetError(str(error)) from error
    if not isinstance(data, dict) or "project" not in data:
        raise FleetError("a mapping with at least the key 'project' is expected")
    _check_types(data)
    _check_faults(data.get("faults", {}))
    return Fleet(**{_FIELDS.get(str(key), str(key)): value for key, value in data.items()})


def _check_types(data: Record) -> None:
    for key, value in data.items():
        if key not in _KEYS:
            raise FleetError(f"unknown key {key!r}; there are: {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise FleetError(f"{key} must be a {_KEYS[key].__name__}, not {value!r}")
    for key in ("nodes", "queuedResources", "instances"):
        for index, record in enumerate(data.get(key, ())):
            if not isinstance(record, dict) or not {"name", "zone"} <= record.keys():
                raise FleetError(f"{key}[{index}] must be a mapping with name and zone, not {record!r}")
    for name, secret in data.get("secrets", {}).items():
        if not isinstance(secret, str):
            raise FleetError(f"secrets: {name} must be a str, not {secret!r}")


def _check_faults(faults: Record) -> None:
    for service, fault in faults.items():
        if service == "times" and isinstance(fault, int):
            continue
        if service not in _FAULTS:
            raise FleetError(f"faults: unknown key {service}: {fault}; there are: {', '.join(_FAULTS)}, times: NUMBER")
        if fault not in _FAULTS[service]:
            raise FleetError(f"faults: {service} has no {fault!r}; there are: {', '.join(_FAULTS[service])}")


class FleetFile:
    """Gives the Fleet as the file has it now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._text: str | None = None
        self._fleet: Fleet | None = None

    def read(self) -> Fleet:
        """ApiError where the file cannot be read or understood."""
        with self._lock:
            try:
                return self._read()
            except (OSError, ValueError) as error:
                self._stamp = self._text = self._fleet = None
                raise ApiError("INTERNAL", f"fleet file {self._path}: {error}") from error

    def _read(self) -> Fleet:
        status = self._path.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._fleet and stamp == self._stamp:
            return self._fleet
        old = time.time_ns() - status.st_mtime_ns > _TICK_NS
        text = self._path.read_text()
        if not self._fleet or text != self._text:
            self._fleet = parse(text, is_json=os.fspath(self._path).endswith(".json"))
            self._text = text
        self._stamp = stamp if old else None
        return self._fleet
