"""What runs on the machine itself for the hosts: an image registry, a package index and the Google Cloud emulator."""

from __future__ import annotations

import sys

import yaml

from lab.config import DIR, GATEWAY, GRPC, HERE, HOSTS, INDEX, METADATA, PROJECT, REGISTRY, REST
from lab.shell import start_daemon, stop_daemon, succeeds, wait_for

FLEET = DIR / "fleet.yml"
_NAMES = ("registry", "index", "emulator")


def start() -> None:
    """Start what does not run yet. All of it listens on the lab's bridge and nowhere else."""
    _start_registry()
    (DIR / "index").mkdir(exist_ok=True)
    address, port = INDEX.split(":")
    serve = [sys.executable, "-m", "http.server", "--bind", address, "--directory", f"{DIR}/index", port]
    start_daemon("index", serve, DIR)
    if not FLEET.exists():
        reset_fleet()
    emulator = [sys.executable, "-m", "lab.emulator", "--grpc", GRPC, "--rest", REST, "--metadata", METADATA]
    start_daemon("emulator", [*emulator, "--fleet", str(FLEET)], DIR, cwd=HERE.parent)
    for port in (REGISTRY, INDEX, REST):
        wait_for(port, lambda port=port: _listens(port))  # type: ignore[misc]


def _start_registry() -> None:
    storage = DIR / "registry"
    storage.mkdir(exist_ok=True)
    config = DIR / "registry.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
                "http": {"addr": REGISTRY},
            }
        )
    )
    start_daemon("registry", ["docker-registry", "serve", str(config)], DIR)


def _listens(address: str) -> bool:
    host, port = address.split(":")
    return succeeds(["bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"])


def reset_fleet() -> None:
    """What Google's APIs say of the fleet; the emulator reads it anew at each request, so tests may edit it."""
    shared = {"runtimeVersion": "v2-alpha-tpuv6e", "labels": {"env": "lab"}, "acceleratorType": "v6e-4"}
    nodes = [
        {
            "name": host.name,
            "zone": host.zone,
            "state": "READY",
            "health": "HEALTHY",
            "networkEndpoints": [{"ipAddress": host.address}],
            **shared,
        }
        for host in HOSTS
        if host.source == "tpu"
    ]
    # Two that nothing stands behind: the inventory must see them and never hand them out.
    nodes.append({"name": "tpu-new", "zone": "us-east5-b", "state": "CREATING", **shared})
    preempted = {"state": "PREEMPTED", "schedulingConfig": {"spot": True}}
    nodes.append({"name": "tpu-spot", "zone": "us-east5-a", **preempted, **shared})
    instances = [
        {
            "name": host.name,
            "zone": host.zone,
            "machineType": "ct6e-standard-4t",
            "status": "RUNNING",
            "labels": {"env": "lab"},
            "networkInterfaces": [{"networkIP": host.address}],
        }
        for host in HOSTS
        if host.source == "compute"
    ]
    fleet = {
        "project": PROJECT,
        "nodes": nodes,
        "instances": instances,
        "unreachable": [],
        "secrets": {"hf-token": "lab-not-a-real-token\n"},
    }
    FLEET.write_text(yaml.safe_dump(fleet, sort_keys=False))


def stop() -> None:
    for name in _NAMES:
        stop_daemon(name, DIR)


def describe() -> str:
    return f"gateway {GATEWAY}: registry {REGISTRY}, package index {INDEX}, TPU API {GRPC}, REST {REST}"
