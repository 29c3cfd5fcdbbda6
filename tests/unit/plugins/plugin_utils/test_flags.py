# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line read back."""

from __future__ import annotations

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _flags, _profile


@pytest.mark.parametrize("name", ["turbo_stable", "peak", "baseline"])
def test_what_is_rendered_is_read_back(name: str) -> None:
    profile = _profile.load_profile(name)
    spec = _command.build_spec(profile, _profile.load_known(), name, "x")
    flags = _flags.flags(spec["argv"])
    assert flags.pop("model") == profile["model"]
    assert list(flags) == list(profile["args"])
    assert flags["enable_prefix_caching"] == "true"
    assert _flags.structure(flags.get("speculative_config")) == profile["args"].get("speculative_config", {})


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["serve"], {}),
        (["serve", "m", "--served-model-name", "a", "b"], {"model": "m", "served_model_name": "a b"}),
        (["serve", "m", "--x="], {"model": "m", "x": ""}),
        (["serve", "m", "--no-x", "--y"], {"model": "m", "x": "false", "y": "true"}),
    ],
)
def test_other_spellings(argv: list[str], expected: dict[str, str]) -> None:
    assert _flags.flags(argv) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("4096", 4096), (4096, 4096), ("1.5k", 1500), ("16K", 16384), ("auto", None), (None, None)]
)
def test_a_count_as_vllm_reads_it(text: object, expected: int | None) -> None:
    assert _flags.number(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("100g", 100 << 30), ("10gb", 10 << 30), ("64M", 64 << 20), ("5", 5)])
def test_a_size_as_docker_reads_it(text: str, expected: int) -> None:
    assert _flags.size(text) == expected


def test_what_is_no_structure_is_empty() -> None:
    assert _flags.structure("{") == {}
    assert _flags.structure("[1]") == {}
