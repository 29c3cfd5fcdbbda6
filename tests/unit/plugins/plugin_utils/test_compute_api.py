"""The Compute Engine API's client, over the emulator's wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _compute_api, _google
from lab.emulator import Emulator

PATIENT = _google.Patience(request=20, page=30, pause=0.01)
HASTY = _google.Patience(request=0.3, page=0.8, pause=0.01)
Fleet = Callable[..., None]
Ask = Callable[..., tuple[list[dict[str, Any]], list[str]]]


def instance(name: str, **more: Any) -> dict[str, Any]:
    kind = {"zone": "us-east5-b", "machineType": "ct6e-standard-4t", "status": "RUNNING"}
    return {"name": name, **kind, **more}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    def write(*instances: dict[str, Any], **more: Any) -> None:
        (tmp_path / "fleet.json").write_text(json.dumps({"project": "p", "instances": instances, **more}))

    write()
    return write


@pytest.fixture
def emulator(tmp_path: Path, fleet: Fleet) -> Iterator[Emulator]:
    with Emulator(tmp_path / "fleet.json") as running:
        yield running


@pytest.fixture
def ask(emulator: Emulator) -> Ask:
    endpoint = f"http://{emulator.rest}"

    def call(
        project: str = "p", zones: tuple[str, ...] = (), patience: _google.Patience = PATIENT
    ) -> tuple[list[dict[str, Any]], list[str]]:
        credentials = _google.credentials(endpoint)
        return _compute_api.list_instances(
            project, zones, endpoint=f"{endpoint}/", credentials=credentials, patience=patience
        )

    return call


def names(listing: tuple[list[dict[str, Any]], list[str]]) -> list[str]:
    return sorted(one["name"] for one in listing[0])


def test_only_tpus_are_listed(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(instance("a"), instance("web", machineType="n2-standard-8"), instance("b", machineType="ct6e-standard-8t"))
    assert names(ask()) == ["a", "b"]
    # The server filters too, or a project with thousands of other VMs would take minutes.
    assert "filter=machineType" in emulator.requests[0]


def test_every_page_is_read(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(*(instance(f"n{i}", zone=f"us-east5-{'ab'[i % 2]}") for i in range(5)), pageSize=2)
    assert names(ask()) == ["n0", "n1", "n2", "n3", "n4"]
    assert len(emulator.requests) == 3


def test_zones_are_chosen(ask: Ask, fleet: Fleet) -> None:
    fleet(instance("a"), instance("b", zone="us-east5-a"), unreachable=["us-central1-a"])
    assert ask(zones=("us-east5-a",))[1] == []
    assert names(ask(zones=("us-east5-a",))) == ["b"]


def test_unreachable_zones_are_named(ask: Ask, fleet: Fleet) -> None:
    fleet(instance("a"), instance("b", zone="us-east5-a"), unreachable=["us-east5-a"])
    listing = ask()
    assert names(listing) == ["a"]
    assert listing[1] == ["us-east5-a"]
    assert ask(zones=("us-east5-a", "us-east5-b"))[1] == ["us-east5-a"]


def test_a_page_that_fails_is_asked_again(ask: Ask, fleet: Fleet, emulator: Emulator) -> None:
    fleet(instance("a"), faults={"compute": "unavailable", "times": 2})
    assert names(ask()) == ["a"]
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("fault", ["unavailable", "slow"])
def test_patience_ends(ask: Ask, fleet: Fleet, emulator: Emulator, fault: str) -> None:
    fleet(instance("a"), faults={"compute": fault})
    with pytest.raises(_google.EndpointError, match=r"^Compute Engine API: no answer from http://127\.0\.0\.1:"):
        ask(patience=HASTY)
    assert len(emulator.requests) > 1


@pytest.mark.parametrize(("fault", "kind"), [("permission_denied", "AccessError"), ("unauthenticated", "Credentials")])
def test_refusals_are_final(ask: Ask, fleet: Fleet, emulator: Emulator, fault: str, kind: str) -> None:
    fleet(instance("a"), faults={"compute": fault})
    with pytest.raises(_google.ApiError) as info:
        ask()
    assert type(info.value).__name__.startswith(kind)
    assert len(emulator.requests) == 1


def test_a_wrong_project(ask: Ask) -> None:
    with pytest.raises(
        _google.AccessError, match=r"^Compute Engine API: project 'q' refused: The resource 'projects/q'"
    ):
        ask("q")


def test_a_refused_endpoint_fails_at_once() -> None:
    endpoint = "http://127.0.0.1:1"
    with pytest.raises(
        _google.EndpointError, match=r"no answer from http://127\.0\.0\.1:1: .*Connection refused; check"
    ):
        _compute_api.list_instances("p", endpoint=endpoint, credentials=_google.credentials(endpoint))
