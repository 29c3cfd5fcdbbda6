# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host asks for all that are like it, and nobody where the answer is known."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.filter.plan_askers import plan_askers


def host(name: str, *asked: str, runs: list[str] | None = None, image: str | None = "sha256:1") -> dict[str, Any]:
    container = {"running": True, "image_id": "sha256:1", "argv": runs} if runs else None
    spec = {"image": "vllm", "argv": list(asked)}
    return {"inventory_hostname": name, "_vllm_spec": spec, "_plan_facts": {"image_id": image, "container": container}}


def test_one_of_those_that_are_alike() -> None:
    assert plan_askers([host("a", "x"), host("b", "x"), host("c", "y")]) == ["a", "c"]


def test_nobody_without_the_image() -> None:
    lost = {"inventory_hostname": "d", "_vllm_spec": {}, "_plan_facts": {"unreachable": True}}
    assert plan_askers([lost, host("a", "x", image=None), host("b", "x")]) == ["b"]


@pytest.mark.parametrize(("which", "expected"), [("always", ["a", "c"]), ("changed", ["c"]), ("never", [])])
def test_what_runs_has_been_taken_already(which: str, expected: list[str]) -> None:
    hosts = [host("a", "x"), host("b", "x", runs=["x"]), host("c", "y", runs=["x"])]
    assert plan_askers(hosts, which) == expected


def test_another_image_of_the_same_name_is_asked() -> None:
    assert plan_askers([host("a", "x", runs=["x"], image="sha256:2")], "changed") == ["a"]
