"""How long ``ansible-inventory --list`` takes, against an inventory script that only prints the same JSON."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIZES = (1_000, 10_000)
REPEATS = 3
_ZONES = ("us-east5-a", "us-east5-b", "us-central1-b", "europe-west4-a")


def run() -> list[dict[str, Any]]:
    """One row for each size; the emulator is a process of its own, as the APIs are."""
    return [_measure(nodes) for nodes in SIZES]


def _measure(nodes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "fleet.json").write_text(json.dumps(fleet(nodes)))
        with _emulator(directory / "fleet.json") as addresses:
            config = directory / "bench.tpu_vm.yml"
            config.write_text(
                f"plugin: turbostable.tpu.tpu_vm\nproject: bench\n"
                f"tpu_endpoint: http://{addresses['grpc']}\ncompute_endpoint: http://{addresses['rest']}\n"
            )
            listing = directory / "listing.json"
            listing.write_text(_list(config)[1])
            script = directory / "script.sh"
            script.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(listing))}\n")
            script.chmod(0o755)
            hosts = len(json.loads(listing.read_text())["_meta"]["hostvars"])
            if hosts != nodes or json.loads(_list(script)[1]) != json.loads(listing.read_text()):
                raise RuntimeError(f"bench: {hosts} hosts listed, or not the same by both; expected {nodes}")
            # By turns, so that both meet the same load of the machine.
            pairs = [(_list(config)[0], _list(script)[0]) for _ in range(REPEATS)]
    seconds, floor = (min(times) for times in zip(*pairs, strict=True))
    return {
        "name": "ansible-inventory --list",
        "nodes": nodes,
        "seconds": round(seconds, 2),
        "floor_seconds": round(floor, 2),
        "ratio": round(seconds / floor, 2),
    }


def fleet(nodes: int) -> dict[str, Any]:
    """A fleet file for the emulator: nine tenths nodes of the Cloud TPU API, one tenth of Compute Engine."""
    listed: dict[str, list[dict[str, Any]]] = {"nodes": [], "instances": []}
    for i in range(nodes):
        address = f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
        common = {"name": f"tpu-{i}", "zone": _ZONES[i % len(_ZONES)], "labels": {"env": "prod", "team": f"t{i % 20}"}}
        if i % 10:
            tpu = {"state": "READY", "health": "HEALTHY", "acceleratorType": "v6e-4", "runtimeVersion": "v2-tpuv6e"}
            listed["nodes"].append({**common, **tpu, "networkEndpoints": [{"ipAddress": address}]})
        else:
            compute = {"machineType": "ct6e-standard-4t", "status": "RUNNING"}
            listed["instances"].append({**common, **compute, "networkInterfaces": [{"networkIP": address}]})
    return {"project": "bench", **listed}


def _list(inventory: Path) -> tuple[float, str]:
    # The checkout's settings, without which the plugin is not found; the script plugin is among them.
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(inventory), "--list"]
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return time.monotonic() - begin, done.stdout


@contextmanager
def _emulator(fleet_file: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "lab.emulator", "--fleet", str(fleet_file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield dict(part.split("=", 1) for part in line.split()[1:])
        finally:
            process.terminate()
