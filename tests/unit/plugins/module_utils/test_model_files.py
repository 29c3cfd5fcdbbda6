# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as they lie in a folder or in Hugging Face's cache."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _model_files


def checkpoint(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "x"}')
    return folder


def safetensors(path: Path, *sizes: int) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for i, size in enumerate(sizes):
        header[f"t{i}"] = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [end, end + size]}
        end += size
    told = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(told)) + told + bytes(end))


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    assert _model_files.directory(str(folder), "/nowhere") == str(folder)
    assert _model_files.directory(str(tmp_path), "/nowhere") is None


def test_the_snapshot_of_main(tmp_path: Path) -> None:
    root = tmp_path / "hub" / "models--a--b"
    for name in ("old", "main", "new"):
        checkpoint(root / "snapshots" / name)
    os.utime(root / "snapshots" / "new", (4e9, 4e9))
    assert _model_files.directory("a/b", str(tmp_path)) == str(root / "snapshots" / "new")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("main\n")
    assert _model_files.directory("a/b", str(tmp_path)) == str(root / "snapshots" / "main")


def test_a_model_that_was_never_fetched(tmp_path: Path) -> None:
    assert _model_files.directory("a/b", str(tmp_path)) is None
    (tmp_path / "hub" / "models--a--b" / "snapshots" / "begun").mkdir(parents=True)
    assert _model_files.directory("a/b", str(tmp_path)) is None


def test_the_index_tells_the_sum(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    (folder / _model_files.INDEX).write_text('{"metadata": {"total_size": 51611872412}, "weight_map": {}}')
    read = _model_files.read(str(folder))
    assert (read["config"], read["weights"]) == ({"model_type": "x"}, 51611872412)
    assert read["source"].endswith("model.safetensors.index.json")


def test_without_an_index_the_headers_do(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    safetensors(folder / "a.safetensors", 64, 128)
    safetensors(folder / "b.safetensors", 8)
    assert _model_files.read(str(folder))["weights"] == 200


def test_without_weights_there_is_no_sum(tmp_path: Path) -> None:
    assert _model_files.read(str(checkpoint(tmp_path / "m")))["weights"] is None


def test_a_file_that_is_something_else_is_not_read_into_memory(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    (folder / "a.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ValueError, match=r"a\.safetensors is no safetensors file"):
        _model_files.read(str(folder))
