"""Hosts, their variables and groups from records."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _hosts, _nodes

STATES = ["READY", "RUNNING"]
# Public: playbooks and roles rest on these.
NAMES = {
    "name",
    "zone",
    "project",
    "source",
    "state",
    "health",
    "accelerator_type",
    "topology",
    "chips",
    "runtime_version",
    "worker_id",
    "slice",
    "spot",
    "labels",
    "internal_ip",
    "external_ip",
    "queued_resource",
}


def worker(number: int = 1, **more: str) -> dict[str, str]:
    return {"internal_ip": f"10.0.0.{number}", "external_ip": f"34.0.0.{number}", "instance": f"t1v-{number}", **more}


def record(count: int = 1, **more: Any) -> _nodes.Record:
    return {
        "name": "a",
        "zone": "us-east5-b",
        "project": "p",
        "source": "tpu",
        "state": "READY",
        "health": "HEALTHY",
        "health_description": "",
        "accelerator_type": "v6e-4",
        "topology": "2x2",
        "chips": 4,
        "runtime_version": "v2-alpha-tpuv6e",
        "spot": False,
        "labels": {"env": "{{ prod }}"},
        "queued_resource": "",
        "workers": [worker(i) for i in range(count)],
        **more,
    }


def one(address: str = "internal", **more: Any) -> _hosts.Host:
    (host,) = _hosts.hosts([record(**more)], address, STATES)
    return host


def test_a_servable_host() -> None:
    host = one()
    assert host.name == "a.us-east5-b"
    assert host.groups == ["tpu_zone_us_east5_b", "tpu_type_v6e_4", "tpu_state_READY", "tpu"]
    assert host.variables.keys() == {f"tpu_{name}" for name in NAMES} | {"ansible_host"}
    assert host.variables["tpu_labels"] == {"env": "{{ prod }}"}
    # Roles refuse a worker of a slice, so a single one must not look like it.
    assert host.variables["tpu_slice"] == ""
    assert json.loads(json.dumps(host.variables)) == host.variables


def test_a_slice_has_a_host_for_each_worker() -> None:
    hosts = list(_hosts.hosts([record(4, accelerator_type="v6e-16")], "internal", STATES))
    assert [host.name for host in hosts] == [f"a-w{i}.us-east5-b" for i in range(4)]
    assert [host.variables["tpu_worker_id"] for host in hosts] == [0, 1, 2, 3]
    assert [host.variables["ansible_host"] for host in hosts] == [f"10.0.0.{i}" for i in range(4)]
    assert {host.variables["tpu_slice"] for host in hosts} == {"a.us-east5-b"}
    assert all("tpu_slice_a_us_east5_b" in host.groups for host in hosts)


@pytest.mark.parametrize(
    ("more", "address", "reason"),
    [
        (
            {"state": "CREATING", "workers": [worker(internal_ip="")]},
            "internal",
            "state is CREATING, expected READY or",
        ),
        ({"state": "PREEMPTED"}, "internal", "state is PREEMPTED"),
        ({"state": "STATE_99"}, "internal", "state is STATE_99"),
        ({"health": "TIMEOUT"}, "internal", "health is TIMEOUT"),
        ({"health": "HEALTH_7"}, "internal", "health is HEALTH_7"),
        (
            {"health": "UNHEALTHY_MAINTENANCE", "health_description": "moving"},
            "internal",
            "health is UNHEALTHY_MAINTENANCE: moving",
        ),
        ({"workers": [worker(internal_ip="")]}, "internal", "no internal address"),
        ({"workers": [worker(external_ip="")]}, "external", "no external address"),
        ({"workers": [worker(instance="")]}, "iap", "no instance name for an IAP tunnel"),
        # What a VM says of itself must not reach the controller's shell.
        ({"workers": [worker(instance="a; reboot")]}, "iap", "no instance name for an IAP tunnel"),
        ({"workers": [worker(instance="-a'b")]}, "iap", "no instance name for an IAP tunnel"),
    ],
)
def test_what_cannot_serve_is_seen_and_never_handed_out(more: dict[str, Any], address: str, reason: str) -> None:
    host = one(address, **more)
    assert host.variables["tpu_unservable_reason"].startswith(reason)
    assert "tpu_unservable" in host.groups
    assert "tpu" not in host.groups
    assert f"tpu_state_{host.variables['tpu_state']}" in host.groups


@pytest.mark.parametrize("health", ["HEALTHY", "HEALTH_UNSPECIFIED", ""])
def test_a_health_that_was_not_measured_is_no_bad_one(health: str) -> None:
    assert "tpu" in one(health=health).groups


def test_states_are_the_users_choice() -> None:
    (host,) = _hosts.hosts([record(state="REPAIRING")], "internal", ["REPAIRING"])
    assert "tpu" in host.groups


@pytest.mark.parametrize(("address", "expected"), [("internal", "10.0.0.0"), ("external", "34.0.0.0")])
def test_addresses_leave_ssh_arguments_to_the_user(address: str, expected: str) -> None:
    variables = one(address).variables
    assert variables["ansible_host"] == expected
    assert "ansible_ssh_common_args" not in variables


def test_iap_tunnels_to_the_instance() -> None:
    variables = one("iap").variables
    # Not the bare name: Ansible would use one connection for both VMs of that name in two zones.
    assert variables["ansible_host"] == "t1v-0.us-east5-b"
    tunnel = "gcloud compute start-iap-tunnel t1v-0 %p --listen-on-stdin --project=p --zone=us-east5-b"
    assert shlex.split(variables["ansible_ssh_common_args"]) == [
        "-o",
        f"ProxyCommand={tunnel} --verbosity=warning",
        "-o",
        "HostKeyAlias=a.us-east5-b",
    ]


def test_group_names_are_safe_and_spot_has_its_own() -> None:
    host = one(spot=True, accelerator_type="v6e-4 (new)", zone="us.east")
    assert host.groups == ["tpu_zone_us_east", "tpu_type_v6e_4__new_", "tpu_state_READY", "tpu_spot", "tpu"]


def test_short_names_may_repeat_in_another_zone() -> None:
    hosts = _hosts.hosts([record(), record(zone="us-east5-a")], "internal", STATES)
    assert [host.name for host in hosts] == ["a.us-east5-b", "a.us-east5-a"]


def test_two_vms_never_share_one_name() -> None:
    with pytest.raises(_nodes.NodesError, match=r"host a-w1\.us-east5-b: .*leave one out with `select`"):
        list(_hosts.hosts([record(2), record(name="a-w1")], "internal", STATES))
