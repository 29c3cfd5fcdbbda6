# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Type, topology and number of chips of a TPU, each from what the APIs do say. Numbers are of the whole node."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ansible_collections.turbostable.tpu.plugins.plugin_utils._tpus import TPUS, tpu_of


class Accelerator(NamedTuple):
    type: str
    topology: str
    chips: int
    # How many VMs the node has; what the API lists beats it.
    workers: int


# Chips in one VM when a node has several.
_CHIPS_PER_WORKER = 4
# Generations before those of the table: their names count TensorCores, two a chip.
_OLD = {"V2": "v2", "V3": "v3", "V4": "v4"}
# What the TPU API calls the generations in acceleratorConfig, against the prefix of acceleratorType.
_GENERATIONS = {**_OLD, **{tpu.config: tpu.name for tpu in TPUS}}
_BY_MACHINE = {tpu.machine: tpu for tpu in TPUS}


def from_tpu(accelerator_type: str, config_type: str = "", topology: str = "") -> Accelerator:
    """Of a Cloud TPU API node, which carries a type (``v6e-16``), a configuration (``V6E``, ``4x4``) or both.

    >>> from_tpu("v6e-16")
    Accelerator(type='v6e-16', topology='4x4', chips=16, workers=4)
    >>> from_tpu("", "V6E", "2x2")
    Accelerator(type='v6e-4', topology='2x2', chips=4, workers=1)
    """
    generation, _dash, size = accelerator_type.partition("-")
    if not accelerator_type:
        generation = _GENERATIONS.get(config_type, config_type.lower())
    tpu = tpu_of(generation)
    cores = tpu.cores_in_name if tpu else 2 if generation in _OLD.values() else 1
    if re.fullmatch(r"\d+(x\d+)+", topology):
        chips = math.prod(int(side) for side in topology.split("x"))
    else:
        chips = int(size) // cores if size.isdigit() else 0
    if not topology and tpu:
        topology = tpu.shapes.get(chips, "")
    if not accelerator_type and generation and chips:
        accelerator_type = f"{generation}-{chips * cores}"
    return Accelerator(accelerator_type, topology, chips, _workers(generation, chips))


def from_machine_type(machine_type: str) -> Accelerator:
    """Of a Compute Engine instance.

    >>> from_machine_type("ct6e-standard-4t")
    Accelerator(type='v6e-4', topology='2x2', chips=4, workers=1)
    """
    match = re.fullmatch(r"(\w+)-[a-z]+-(\d+)t", machine_type)
    tpu = _BY_MACHINE.get(match[1]) if match else None
    if not match or not tpu:
        return Accelerator(machine_type, "", 0, 1)
    chips = int(match[2])
    return Accelerator(f"{tpu.name}-{chips * tpu.cores_in_name}", tpu.shapes.get(chips, ""), chips, 1)


def _workers(generation: str, chips: int) -> int:
    tpu = tpu_of(generation)
    if chips <= (tpu.vm_chips[-1] if tpu else _CHIPS_PER_WORKER):
        return 1
    return -(-chips // _CHIPS_PER_WORKER)
