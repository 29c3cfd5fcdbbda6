# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Google documents of each TPU generation. One table for the inventory, the plan and the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

GIB = 1 << 30


class Tpu(NamedTuple):
    """One generation; figures are of one chip."""

    # In acceleratorType, e.g. v6e-4; in acceleratorConfig; and at the head of Compute Engine's machine types.
    name: str
    config: str
    machine: str
    # Bytes.
    hbm: int
    # Dense bf16, in 10^12 operations a second.
    tflops: int
    # HBM, in 10^9 bytes a second.
    bandwidth: int
    # How many chips one VM may have when it is all there is; several VMs have four each.
    vm_chips: tuple[int, ...]
    # TensorCores that the number in the type's name counts for one chip.
    cores_in_name: int
    # Chips of a slice: the shape that the APIs give it.
    shapes: Mapping[int, str]


_FLAT = {1: "1x1", 4: "2x2", 8: "2x4", 16: "4x4", 32: "4x8", 64: "8x8", 128: "8x16", 256: "16x16"}
_CUBE = {4: "2x2x1", 8: "2x2x2", 16: "2x2x4", 32: "2x4x4", 64: "4x4x4", 128: "4x4x8", 256: "4x8x8"}

# docs.cloud.google.com/tpu/docs/{v5e,v5p,v6e,tpu7x}, read in 2026; HBM in GiB as the page of tpu7x has it for all, and
# as tpu-inference counts (utils.get_device_hbm_limit).
TPUS = (
    Tpu("v5litepod", "V5LITE_POD", "ct5lp", 16 * GIB, 197, 819, (1, 4, 8), 1, _FLAT),
    Tpu("v5p", "V5P", "ct5p", 95 * GIB, 459, 2765, (4,), 2, _CUBE),
    Tpu("v6e", "V6E", "ct6e", 32 * GIB, 918, 1640, (1, 4, 8), 1, _FLAT),
    Tpu("tpu7x", "TPU7X", "tpu7x", 192 * GIB, 2307, 7380, (4,), 2, _CUBE),
)
_BY_NAME = {tpu.name: tpu for tpu in TPUS}


def tpu_of(accelerator_type: str) -> Tpu | None:
    """The generation of an accelerator type, or None for one that is not in the table.

    >>> tpu_of("v6e-4").hbm // GIB
    32
    """
    return _BY_NAME.get(accelerator_type.partition("-")[0])
