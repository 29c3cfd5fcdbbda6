"""The inventory plugin against the emulator's wire: what is in the inventory, and what the user sees of a failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.doc_fragments import constructed, inventory_cache

from ansible_collections.turbostable.tpu.plugins.inventory import tpu_vm
from lab.emulator import Emulator

ROOT = Path(__file__).resolve().parents[4]
NODE = {"zone": "us-east5-b", "state": "READY", "health": "HEALTHY", "acceleratorType": "v6e-4"}
FLEET = {
    "project": "p",
    "nodes": [
        {
            **NODE,
            "name": "a",
            "networkEndpoints": [{"ipAddress": "10.0.0.1"}],
            "labels": {"env": "prod", "evil": "{{ lookup('ansible.builtin.pipe', 'id') }}"},
        },
        {**NODE, "name": "new", "state": "CREATING"},
        {
            **NODE,
            "name": "big",
            "acceleratorType": "v6e-16",
            "networkEndpoints": [{"ipAddress": f"10.0.1.{i}"} for i in range(4)],
        },
    ],
    "instances": [
        {
            "name": "c",
            "zone": "europe-west4-a",
            "machineType": "ct6e-standard-4t",
            "status": "RUNNING",
            "labels": {"env": "prod"},
            "networkInterfaces": [{"networkIP": "10.0.0.9"}],
        }
    ],
}
Fleet = Callable[..., None]
Config = Callable[..., Path]
Parse = Callable[..., InventoryData]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    def write(**more: Any) -> None:
        (tmp_path / "fleet.json").write_text(json.dumps({**FLEET, **more}))

    write()
    return write


@pytest.fixture
def emulator(tmp_path: Path, fleet: Fleet) -> Iterator[Emulator]:
    with Emulator(tmp_path / "fleet.json") as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, emulator: Emulator) -> Config:
    def write(**options: Any) -> Path:
        path = tmp_path / "my.tpu_vm.yml"
        endpoints = {"tpu_endpoint": f"http://{emulator.grpc}", "compute_endpoint": f"http://{emulator.rest}"}
        path.write_text(yaml.safe_dump({"plugin": tpu_vm.InventoryModule.NAME, "project": "p", **endpoints, **options}))
        return path

    return write


@pytest.fixture
def parse(config: Config) -> Parse:
    """The plugin with its options defined by its documentation, as Ansible's loader does it."""
    defined: dict[str, Any] = {}
    for documentation in (
        tpu_vm.DOCUMENTATION,
        constructed.ModuleDocFragment.DOCUMENTATION,
        inventory_cache.ModuleDocFragment.DOCUMENTATION,
    ):
        defined |= yaml.safe_load(documentation)["options"]
    constants.config.initialize_plugin_configuration_definitions("inventory", "tpu_vm", defined)

    def run(*, read_cache: bool = True, **options: Any) -> InventoryData:
        plugin = tpu_vm.InventoryModule()
        plugin._load_name = "tpu_vm"
        plugin.ansible_name = tpu_vm.InventoryModule.NAME
        plugin._redirected_names = [tpu_vm.InventoryModule.NAME]
        inventory = InventoryData()
        path = str(config(**options))
        assert plugin.verify_file(path)
        plugin.parse(inventory, DataLoader(), path, cache=read_cache)
        if options.get("cache"):
            # The inventory manager's part.
            plugin.update_cache_if_changed()
        inventory.reconcile_inventory()
        return inventory

    return run


def members(inventory: InventoryData, group: str) -> list[str]:
    return [host.name for host in inventory.groups[group].get_hosts()]


def variables(inventory: InventoryData, host: str) -> dict[str, Any]:
    found: dict[str, Any] = inventory.hosts[host].vars
    return found


def test_both_apis_end_up_in_one_inventory(parse: Parse) -> None:
    inventory = parse()
    slice_hosts = [f"big-w{i}.us-east5-b" for i in range(4)]
    assert members(inventory, "tpu") == ["c.europe-west4-a", "a.us-east5-b", *slice_hosts]
    assert members(inventory, "tpu_unservable") == ["new.us-east5-b"]
    assert members(inventory, "tpu_state_CREATING") == ["new.us-east5-b"]
    assert members(inventory, "tpu_slice_big_us_east5_b") == slice_hosts
    assert members(inventory, "tpu_type_v6e_4") == ["c.europe-west4-a", "a.us-east5-b", "new.us-east5-b"]
    assert variables(inventory, "c.europe-west4-a")["tpu_source"] == "compute"
    assert variables(inventory, "a.us-east5-b")["ansible_host"] == "10.0.0.1"


def test_an_empty_project_still_has_the_groups_that_playbooks_name(parse: Parse, fleet: Fleet) -> None:
    fleet(nodes=[], instances=[])
    assert members(parse(), "tpu") == []


@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        ({"sources": ["compute"]}, ["c.europe-west4-a"]),
        ({"sources": ["tpu"], "select": "[?name=='a']"}, ["a.us-east5-b"]),
        ({"zones": ["europe-west4-a"]}, ["c.europe-west4-a"]),
        ({"select": "[?labels.env=='prod']"}, ["c.europe-west4-a", "a.us-east5-b"]),
        ({"select": "[?starts_with(name, 'c')]"}, ["c.europe-west4-a"]),
        ({"project": "{{ 'p' }}", "select": "{{ '[:1]' }}"}, ["c.europe-west4-a"]),
    ],
)
def test_options_choose(parse: Parse, options: dict[str, Any], hosts: list[str]) -> None:
    assert list(parse(**options).hosts) == hosts


def test_one_source_is_never_asked_for_the_other(parse: Parse, emulator: Emulator) -> None:
    parse(sources=["tpu"])
    assert [request.split()[0] for request in emulator.requests] == ["tpu"]


def test_rest_gives_the_same_as_grpc(parse: Parse, emulator: Emulator) -> None:
    hosts = [
        {name: host.vars for name, host in parse(**options).hosts.items()}
        for options in ({}, {"transport": "rest", "tpu_endpoint": f"http://{emulator.rest}"})
    ]
    assert hosts[0] == hosts[1]


def test_constructed_groups_and_variables(parse: Parse) -> None:
    inventory = parse(
        compose={"env": "tpu_labels.env | default('none')", "evil": "tpu_labels.evil | default('')"},
        groups={"production": "tpu_labels.env | default('') == 'prod'"},
        keyed_groups=[{"key": "tpu_source", "prefix": "source"}],
    )
    assert members(inventory, "production") == ["c.europe-west4-a", "a.us-east5-b"]
    assert members(inventory, "source_compute") == ["c.europe-west4-a"]
    assert variables(inventory, "new.us-east5-b")["env"] == "none"
    # Text of a label is text, wherever it goes.
    assert variables(inventory, "a.us-east5-b")["evil"] == "{{ lookup('ansible.builtin.pipe', 'id') }}"


def test_strict_is_strict(parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match="Could not set env for host"):
        parse(compose={"env": "tpu_labels.env.nothing"}, strict=True)


def test_unreachable_zones_are_warned_of(
    parse: Parse, fleet: Fleet, cache: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda _self, text, *_a, **_k: warnings.append(text))
    fleet(unreachable=["us-east5-b"])
    assert list(parse(**cache).hosts) == ["c.europe-west4-a"]
    assert [text for text in warnings if text.endswith("missing from the inventory: us-east5-b")]
    # Half an answer is not kept for an hour.
    fleet()
    assert "a.us-east5-b" in parse(**cache).hosts


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, Any]:
    return {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(tmp_path / "cache")}


class TestCache:
    def test_gives_the_same_without_a_call_or_a_google_library(
        self, parse: Parse, cache: dict[str, Any], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = parse(**cache)
        asked = len(emulator.requests)
        name = "ansible_collections.turbostable.tpu.plugins.plugin_utils._sources"
        # An import of it now fails.
        monkeypatch.setitem(sys.modules, name, None)
        again = parse(**cache)
        assert len(emulator.requests) == asked
        assert {host.name: host.vars for host in again.hosts.values()} == {
            host.name: host.vars for host in first.hosts.values()
        }
        assert members(again, "tpu") == members(first, "tpu")

    def test_what_chooses_among_records_applies_to_cached_ones(
        self, parse: Parse, cache: dict[str, Any], emulator: Emulator
    ) -> None:
        parse(**cache)
        asked = len(emulator.requests)
        chosen = parse(**cache, select="[?starts_with(name, 'a') && labels.env=='prod']", states=["RUNNING"])
        assert members(chosen, "tpu_unservable") == ["a.us-east5-b"]
        assert len(emulator.requests) == asked

    @pytest.mark.parametrize("options", [{"zones": ["us-east5-b"]}, {"sources": ["tpu"]}, {"address": "iap"}])
    def test_is_no_use_to_another_query(
        self, parse: Parse, cache: dict[str, Any], emulator: Emulator, options: dict[str, Any]
    ) -> None:
        parse(**cache)
        asked = len(emulator.requests)
        parse(**cache, **options)
        assert len(emulator.requests) > asked

    def test_is_made_anew_on_request(self, parse: Parse, cache: dict[str, Any], fleet: Fleet) -> None:
        parse(**cache)
        fleet(nodes=[], instances=[])
        assert parse(**cache).hosts
        # As --flush-cache and meta: refresh_inventory do.
        assert not parse(read_cache=False, **cache).hosts
        assert not parse(**cache).hosts


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"project": "q"}, "Cloud TPU API: project 'q' refused: Permission denied on resource project q; check"),
        ({"project": "q", "sources": ["compute"]}, "Compute Engine API: project 'q' refused: "),
        ({"tpu_endpoint": "http://127.0.0.1:1"}, "Cloud TPU API: no answer from http://127.0.0.1:1: "),
        ({"compute_endpoint": "http://127.0.0.1:1"}, "Compute Engine API: no answer from http://127.0.0.1:1: "),
        ({"select": "[?name=="}, "select: '[?name==' is no JMESPath expression: "),
        ({"select": "[].name"}, "select: '[].name' gives a list of 4 in which not every item is a node"),
        ({"select": 5}, "select: '5' is no JMESPath expression: "),
        ({"zone": "us-east5-b"}, "unknown option 'zone'; did you mean 'zones'?"),
        ({"colour": "red"}, "unknown option 'colour'; see `ansible-doc -t inventory turbostable.tpu.tpu_vm`."),
        ({"address": "dns"}, "Invalid value 'dns' for config 'address' "),
        ({"transport": "http3"}, "Invalid value 'http3' for config 'transport'"),
        ({"sources": ["tpu", "gke"]}, "plugin; see `ansible-doc -t inventory turbostable.tpu.tpu_vm`."),
        ({"sources": []}, "option 'sources' is empty"),
        ({"states": []}, "option 'states' is empty"),
        ({"project": ""}, "option 'project' is empty"),
        ({"project": None}, "'project'"),
    ],
)
def test_failures_are_one_line(parse: Parse, options: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleParserError) as info:
        parse(**options)
    assert words in str(info.value)
    assert "my.tpu_vm.yml: " in str(info.value)
    assert "\n" not in str(info.value)


def test_a_bad_select_is_told_before_any_call(parse: Parse, emulator: Emulator) -> None:
    with pytest.raises(AnsibleParserError):
        parse(select="[?")
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("name", "text", "ours"),
    [
        ("tpu_vm.yml", "plugin: turbostable.tpu.tpu_vm", True),
        ("prod.tpu_vm.yaml", "plugin: turbostable.tpu.tpu_vm", True),
        ("tpu.yml", "plugin: turbostable.tpu.tpu_vm", False),
        # A static inventory with such a name.
        ("my_tpu_vm.yml", "all: {hosts: {a: }}", False),
        ("none_tpu_vm.yml", None, False),
    ],
)
def test_files_of_the_plugin(tmp_path: Path, name: str, text: str | None, *, ours: bool) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    assert tpu_vm.InventoryModule().verify_file(str(tmp_path / name)) is ours


class TestCommands:
    """What a user sees; with the rest of the inventory, and a play that must not run on it."""

    @pytest.fixture(autouse=True)
    def others(self, tmp_path: Path) -> None:
        (tmp_path / "static.yml").write_text(yaml.safe_dump({"all": {"hosts": {"other": {}}}}))
        play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "PLAYED"}}]}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))

    def run(self, command: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / command, *arguments],
            # Not the machine's own credentials, and no look for a metadata server.
            env={**os.environ, "NO_GCE_CHECK": "true", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_fleet_is_listed(self, config: Config) -> None:
        done = self.run("ansible-inventory", "-i", config(), "--graph", "tpu")
        assert done.stderr == ""
        assert done.stdout.split()[:4] == ["@tpu:", "|--c.europe-west4-a", "|--a.us-east5-b", "|--big-w0.us-east5-b"]
        assert done.returncode == 0

    def test_a_failure_ends_every_command_with_one_line(self, config: Config, tmp_path: Path) -> None:
        sources: list[str | Path] = ["-i", tmp_path / "static.yml", "-i", config(project="q")]
        for command, what in (("ansible-inventory", "--list"), ("ansible-playbook", str(tmp_path / "play.yml"))):
            done = self.run(command, *sources, what)
            assert done.stderr.count("\n") == 1
            assert done.stderr.startswith(f"[ERROR]: {tmp_path}/my.tpu_vm.yml: Cloud TPU API: project 'q' refused: ")
            assert "PLAYED" not in done.stdout
            assert done.returncode != 0

    def test_missing_credentials_are_one_line(self, config: Config, tmp_path: Path) -> None:
        path = config(tpu_endpoint="tpu.googleapis.com")
        environment = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "", "HOME": str(tmp_path)}
        done = self.run("ansible-inventory", "-i", path, "--list", **environment)
        assert done.stderr.startswith(f"[ERROR]: {path}: no usable Google credentials: ")
        assert done.stderr.count("\n") == 1
        assert done.returncode != 0

    def test_the_documentation_renders(self) -> None:
        done = self.run("ansible-doc", "-t", "inventory", "turbostable.tpu.tpu_vm")
        assert done.returncode == 0
        assert "compute_endpoint" in done.stdout


@pytest.mark.parametrize("path", ["inventory/tpu_vm.yml", "inventory/lab/lab.tpu_vm.yml"])
def test_the_inventories_that_come_along_have_known_options(path: str) -> None:
    written = yaml.safe_load((ROOT / path).read_text())
    assert written["plugin"] == tpu_vm.InventoryModule.NAME
    assert written.keys() <= yaml.safe_load(tpu_vm.DOCUMENTATION)["options"].keys()
    assert tpu_vm.InventoryModule().verify_file(str(ROOT / path))
