"""The Cloud TPU API's client, over the emulator's wire, on both transports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import tpu_v2

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _google, _tpu_api
from lab.emulator import Emulator

PATIENT = _google.Patience(request=20, page=30, pause=0.01)
HASTY = _google.Patience(request=0.3, page=0.8, pause=0.01)
Fleet = Callable[..., None]
Ask = Callable[..., tuple[list[dict[str, Any]], list[str]]]


def node(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "zone": "us-east5-b", "state": "READY", "health": "HEALTHY", **more}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    def write(*nodes: dict[str, Any], **more: Any) -> None:
        (tmp_path / "fleet.json").write_text(json.dumps({"project": "p", "nodes": nodes, **more}))

    write()
    return write


@pytest.fixture
def emulator(tmp_path: Path, fleet: Fleet) -> Iterator[Emulator]:
    with Emulator(tmp_path / "fleet.json") as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def ask(request: pytest.FixtureRequest, emulator: Emulator) -> Ask:
    endpoint = f"http://{getattr(emulator, request.param)}"
    common = {"endpoint": endpoint, "transport": request.param, "credentials": _google.credentials(endpoint)}

    def call(project: str = "p", **more: Any) -> tuple[list[dict[str, Any]], list[str]]:
        return _tpu_api.list_nodes(project, **{**common, "patience": PATIENT, **more})

    return call


def names(listing: tuple[list[dict[str, Any]], list[str]]) -> list[str]:
    return [one["name"].rpartition("/")[2] for one in listing[0]]


def test_everything_of_a_node_arrives(ask: Ask, fleet: Fleet) -> None:
    fleet(
        node(
            "a",
            healthDescription="fine",
            acceleratorType="v6e-4",
            acceleratorConfig={"type": "V6E", "topology": "2x2"},
            runtimeVersion="v2-alpha-tpuv6e",
            schedulingConfig={"spot": True},
            networkEndpoints=[{"ipAddress": "10.0.0.1", "accessConfig": {"externalIp": "34.0.0.1"}}],
            labels={"env": "{{ prod }}"},
            queuedResource="projects/p/locations/us-east5-b/queuedResources/qr",
        )
    )
    assert ask() == (
        [
            {
                "name": "projects/p/locations/us-east5-b/nodes/a",
                "state": "READY",
                "health": "HEALTHY",
                "health_description": "fine",
                "accelerator_type": "v6e-4",
                "accelerator_config": {"type": "V6E", "topology": "2x2"},
                "runtime_version": "v2-alpha-tpuv6e",
                "scheduling_config": {"spot": True, "preemptible": False},
                "network_endpoints": [{"ip_address": "10.0.0.1", "external_ip": "34.0.0.1", "instance": ""}],
                "labels": {"env": "{{ prod }}"},
                "queued_resource": "projects/p/locations/us-east5-b/queuedResources/qr",
            }
        ],
        [],
    )


def test_every_page_is_read(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(*(node(f"n{i}") for i in range(5)), pageSize=2)
    assert names(ask()) == ["n0", "n1", "n2", "n3", "n4"]
    assert len(emulator.requests) == 3


def test_a_page_may_be_large(ask: Ask, fleet: Fleet) -> None:
    # gRPC by itself refuses more than 4 MiB.
    fleet(*(node(f"n{i}", labels={f"l{k}": "x" * 60 for k in range(64)}) for i in range(1000)))
    assert len(ask()[0]) == 1000


def test_zones_are_asked_one_by_one(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(node("a"), node("b", zone="us-east5-a"), node("c", zone="europe-west4-a"))
    assert names(ask(zones=["us-east5-a", "us-east5-b"])) == ["b", "a"]
    assert len(emulator.requests) == 2


def test_unreachable_zones_are_named(ask: Ask, fleet: Fleet) -> None:
    fleet(node("a"), node("b", zone="us-east5-a"), unreachable=["us-east5-a", "us-central1-a"], pageSize=1)
    listing = ask()
    assert names(listing) == ["a"]
    assert listing[1] == ["us-central1-a", "us-east5-a"]


def test_unknown_numbers_stay_visible(ask: Ask, fleet: Fleet) -> None:
    fleet(node("a", state=99, health=7, acceleratorConfig={"type": 42, "topology": "2x2"}))
    ((found,), _unreachable) = ask()
    assert (found["state"], found["health"]) == ("STATE_99", "HEALTH_7")
    assert found["accelerator_config"] == {"type": "TYPE_42", "topology": "2x2"}


def test_a_page_that_fails_is_asked_again(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(node("a"), faults={"tpu": "unavailable", "times": 2})
    assert names(ask()) == ["a"]
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("fault", ["unavailable", "slow"])
def test_patience_ends(ask: Ask, fleet: Fleet, emulator: Emulator, fault: str) -> None:
    fleet(node("a"), faults={"tpu": fault})
    with pytest.raises(_google.EndpointError, match=r"^Cloud TPU API: no answer from http://127\.0\.0\.1:"):
        ask(patience=HASTY)
    assert len(emulator.requests) > 1


def test_a_wrong_project_is_not_tried_again(ask: Ask, emulator: Emulator) -> None:
    with pytest.raises(
        _google.AccessError, match=r"^Cloud TPU API: project 'q' refused: Permission denied .* project q"
    ):
        ask("q")
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_refused_endpoint_fails_at_once(transport: str) -> None:
    endpoint = "http://127.0.0.1:1"
    with pytest.raises(
        _google.EndpointError, match=r"no answer from http://127\.0\.0\.1:1: .*Connection refused; check"
    ):
        # With the usual patience: a minute.
        _tpu_api.list_nodes(
            "p", endpoint=endpoint, transport=transport, credentials=_google.credentials(endpoint), patience=None
        )


def guest_attributes(request: Any, context: Any) -> Any:
    """The names that workers write down, here one of two."""
    if request.name == "off":
        context.abort(grpc.StatusCode.NOT_FOUND, "guest attributes are off")
    written = [{"key": "ssh-rsa", "value": "AAA"}, {"key": "hostname", "value": "t1v-w-0"}]
    return tpu_v2.GetGuestAttributesResponse(
        guest_attributes=[{"query_value": {"items": written}}, {"query_value": {"items": []}}]
    )


def three_nodes(_request: Any, _context: Any) -> Any:
    endpoints = [{"ip_address": "10.0.0.1"}, {"ip_address": "10.0.0.2"}]
    states = {"on": "READY", "off": "READY", "new": "CREATING"}
    return tpu_v2.ListNodesResponse(
        nodes=[{"name": name, "state": state, "network_endpoints": endpoints} for name, state in states.items()]
    )


def test_instance_names_are_asked_for_where_they_are_wanted() -> None:
    # The emulator has no guest attributes.
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    asked: list[str] = []

    def answer(behaviour: Callable[[Any, Any], Any], request: Any, context: Any) -> Any:
        asked.append(request.name if behaviour is guest_attributes else request.parent)
        return behaviour(request, context)

    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            partial(answer, behaviour),
            request_deserializer=getattr(tpu_v2, f"{method}Request").deserialize,
            response_serializer=getattr(tpu_v2, f"{method}Response").serialize,
        )
        for method, behaviour in {"ListNodes": three_nodes, "GetGuestAttributes": guest_attributes}.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.cloud.tpu.v2.Tpu", handlers),))
    endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        found, _unreachable = _tpu_api.list_nodes("p", endpoint=endpoint, name_states=["READY"], patience=PATIENT)
    finally:
        server.stop(None).wait()
    instances = [[worker["instance"] for worker in one["network_endpoints"]] for one in found]
    # In the order of the nodes, whichever answer came first.
    assert instances == [["t1v-w-0", ""], ["", ""], ["", ""]]
    assert sorted(asked) == ["off", "on", "projects/p/locations/-"]


def test_an_api_without_guest_attributes_has_no_names(emulator: Emulator, fleet: Fleet) -> None:
    fleet(node("a", networkEndpoints=[{"ipAddress": "10.0.0.1"}]))
    found, _unreachable = _tpu_api.list_nodes(
        "p", endpoint=f"http://{emulator.grpc}", name_states=["READY"], patience=PATIENT
    )
    assert found[0]["network_endpoints"][0]["instance"] == ""
