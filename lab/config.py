"""What the lab consists of: addresses, directories, the fleet. The one place where these are written down."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# One lab a machine, shared by all checkouts, so that a fresh clone finds the images that another has built.
DIR = Path(os.environ.get("TURBOSTABLE_LAB_DIR", "/var/lib/turbostable-lab"))

NAME = "turbostable-lab"
SUBNET = "10.213.77.0/24"
# The machine itself, as the hosts see it: registry, emulator and package index listen here and nowhere else.
GATEWAY = "10.213.77.1"
BRIDGE = "tslab0"
REGISTRY = f"{GATEWAY}:5000"
GRPC = f"{GATEWAY}:8470"
REST = f"{GATEWAY}:8471"
METADATA = f"{GATEWAY}:80"
INDEX = f"{GATEWAY}:8472"

PROJECT = "lab-project"
SHM_SIZE = "2g"
# The serving image's real name: the hosts' registry mirror resolves it.
SERVING_IMAGE = "vllm/vllm-tpu:nightly"


@dataclass(frozen=True)
class Host:
    """One simulated TPU VM; *source* is the API that lists it."""

    name: str
    zone: str
    address: str
    source: str = "tpu"

    @property
    def inventory_name(self) -> str:
        return f"{self.name}.{self.zone}"

    @property
    def container(self) -> str:
        return f"{NAME}-{self.name}"


HOSTS = (
    Host("tpu-a", "us-east5-b", "10.213.77.11"),
    Host("tpu-b", "us-east5-b", "10.213.77.12"),
    Host("tpu-c", "europe-west4-a", "10.213.77.13", source="compute"),
)
