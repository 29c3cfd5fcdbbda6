# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's configuration and the bytes of its weights, from the files of a checkpoint; the weights are not read."""

from __future__ import annotations

import json
import os
import struct

INDEX = "model.safetensors.index.json"
# A header of a safetensors file is at the most this long, by the format's own rule.
_MAX_HEADER = 100_000_000


def directory(model, hf_home):
    """Where the files of *model* are on this machine: the model's own path, or its snapshot in the cache; or None.

    The snapshot is that of ``main``, else the last one made.
    """
    if os.path.isabs(model):
        return model if os.path.isfile(os.path.join(model, "config.json")) else None
    root = os.path.join(hf_home, "hub", "models--" + model.replace("/", "--"))
    snapshots = os.path.join(root, "snapshots")
    try:
        names = sorted(os.listdir(snapshots), key=lambda name: os.stat(os.path.join(snapshots, name)).st_mtime)
    except FileNotFoundError:
        return None
    try:
        with open(os.path.join(root, "refs", "main"), encoding="utf-8") as file:
            names.append(file.read().strip())
    except FileNotFoundError:
        pass
    found = [name for name in names if os.path.isfile(os.path.join(snapshots, name, "config.json"))]
    return os.path.join(snapshots, found[-1]) if found else None


def read(folder):
    """``{"config", "weights", "source"}`` of the checkpoint in *folder*; weights are bytes, or None if not all is here.

    A sharded checkpoint's index has the sum. Without one the headers of the files are added up.
    """
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    try:
        with open(os.path.join(folder, INDEX), encoding="utf-8") as file:
            return {"config": config, "weights": total(json.load(file)), "source": os.path.join(folder, INDEX)}
    except FileNotFoundError:
        pass
    files = sorted(name for name in os.listdir(folder) if name.endswith(".safetensors"))
    weights = sum(tensor_bytes(os.path.join(folder, name)) for name in files) if files else None
    source = ", ".join(files) or "config.json"
    return {"config": config, "weights": weights, "source": os.path.join(folder, source)}


def total(index):
    """The bytes of all tensors by a checkpoint's index, or None where it does not say."""
    size = index.get("metadata", {}).get("total_size")
    return int(size) if size else None


def tensor_bytes(path):
    """The bytes of all tensors of one safetensors file, out of its header: 8 bytes of length, then JSON."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _MAX_HEADER:
            raise ValueError("{0} is no safetensors file: its header would be {1} bytes long".format(path, length))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return sum(tensor["data_offsets"][1] - tensor["data_offsets"][0] for tensor in header.values())
