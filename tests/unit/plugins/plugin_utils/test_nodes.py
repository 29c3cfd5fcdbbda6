"""Records from what the APIs list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _nodes


def node(**more: Any) -> dict[str, Any]:
    return {"name": "projects/123/locations/us-east5-b/nodes/a", "state": "READY", "health": "HEALTHY", **more}


def instance(**more: Any) -> dict[str, Any]:
    zone = "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west4-a"
    return {
        "name": "c",
        "zone": zone,
        "machineType": f"{zone}/machineTypes/ct6e-standard-4t",
        "status": "RUNNING",
        **more,
    }


def test_a_tpu_node_with_everything() -> None:
    record = _nodes.from_tpu(
        node(
            accelerator_type="v6e-4",
            accelerator_config={"type": "V6E", "topology": "2x2"},
            health_description="fine",
            runtime_version="v2-alpha-tpuv6e",
            scheduling_config={"spot": True, "preemptible": False},
            labels={"env": "{{ prod }}"},
            queued_resource="projects/p/locations/us-east5-b/queuedResources/qr-1",
            network_endpoints=[{"ip_address": "10.0.0.1", "external_ip": "34.0.0.1", "instance": "t1v-w-0"}],
        ),
        "p",
    )
    assert record == {
        "name": "a",
        "zone": "us-east5-b",
        # The one that was asked for; the API may answer with its number.
        "project": "p",
        "source": "tpu",
        "state": "READY",
        "health": "HEALTHY",
        "health_description": "fine",
        "accelerator_type": "v6e-4",
        "topology": "2x2",
        "chips": 4,
        "runtime_version": "v2-alpha-tpuv6e",
        "spot": True,
        "labels": {"env": "{{ prod }}"},
        "queued_resource": "qr-1",
        "workers": [{"internal_ip": "10.0.0.1", "external_ip": "34.0.0.1", "instance": "t1v-w-0"}],
    }


def test_a_compute_instance_with_everything() -> None:
    record = _nodes.from_compute(
        instance(
            scheduling={"provisioningModel": "SPOT"},
            labels={"env": "prod"},
            networkInterfaces=[{"networkIP": "10.0.0.9", "accessConfigs": [{"natIP": "34.0.0.9"}]}],
        ),
        "p",
    )
    assert record == {
        "name": "c",
        "zone": "europe-west4-a",
        "project": "p",
        "source": "compute",
        "state": "RUNNING",
        "health": "",
        "health_description": "",
        "accelerator_type": "v6e-4",
        "topology": "2x2",
        "chips": 4,
        "runtime_version": "",
        "spot": True,
        "labels": {"env": "prod"},
        "queued_resource": "",
        "workers": [{"internal_ip": "10.0.0.9", "external_ip": "34.0.0.9", "instance": "c"}],
    }


def test_both_sources_give_the_same_keys_and_plain_data() -> None:
    records = [_nodes.from_tpu(node(), "p"), _nodes.from_compute(instance(), "p")]
    assert list(records[0]) == list(records[1])
    assert json.loads(json.dumps(records)) == records


@pytest.mark.parametrize(
    ("scheduling", "spot"),
    [
        ({}, False),
        ({"spot": True}, True),
        ({"preemptible": True}, True),
        ({"spot": False, "preemptible": False}, False),
    ],
)
def test_spot_nodes(scheduling: dict[str, bool], *, spot: bool) -> None:
    assert _nodes.from_tpu(node(scheduling_config=scheduling), "p")["spot"] is spot


@pytest.mark.parametrize(
    ("scheduling", "spot"),
    [({}, False), ({"provisioningModel": "STANDARD", "preemptible": False}, False), ({"preemptible": True}, True)],
)
def test_spot_instances(scheduling: dict[str, Any], *, spot: bool) -> None:
    assert _nodes.from_compute(instance(scheduling=scheduling), "p")["spot"] is spot


@pytest.mark.parametrize(
    ("kind", "endpoints", "workers"),
    [("v6e-4", 0, 1), ("v6e-4", 1, 1), ("v6e-16", 0, 4), ("v6e-16", 4, 4), ("v6e-16", 3, 4), ("v6e-8", 2, 2)],
)
def test_workers_are_those_listed_or_those_to_come(kind: str, endpoints: int, workers: int) -> None:
    listed = [{"ip_address": f"10.0.0.{i}"} for i in range(endpoints)]
    record = _nodes.from_tpu(node(accelerator_type=kind, network_endpoints=listed), "p")
    assert len(record["workers"]) == workers
    assert [worker["internal_ip"] for worker in record["workers"] if worker["internal_ip"]] == [
        endpoint["ip_address"] for endpoint in listed
    ]


def test_unique_sorts_and_names_what_is_listed_twice() -> None:
    first = {"name": "a", "zone": "z-2", "source": "tpu"}
    again = {"name": "a", "zone": "z-2", "source": "compute"}
    elsewhere = {"name": "a", "zone": "z-1", "source": "compute"}
    assert _nodes.unique([first, again, elsewhere]) == ([elsewhere, first], ["a in z-2 (tpu, compute)"])
