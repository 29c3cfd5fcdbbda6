# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a container and a spec, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _change, _command, _profile

SPEC = _command.build_spec(_profile.load_profile("turbo_stable"), _profile.load_known(), "turbo_stable", "vllm-gemma4")
SIZE = 100 << 30


def container(**over: Any) -> dict[str, Any]:
    """As the module describes one that a deploy of SPEC has made."""
    return {
        "running": True,
        "image": SPEC["image"],
        "image_id": "sha256:1",
        "entrypoint": ["vllm"],
        "argv": SPEC["argv"],
        "env": dict(SPEC["env"]),
        "image_env": {"PATH": "/bin"},
        "volumes": ["/dev/shm:/dev/shm:rw"],
        "privileged": True,
        "network": "host",
        "shm_size": 10 << 30,
        "stop_timeout": 90,
        "profile": "turbo_stable",
        **over,
    }


def facts(**over: Any) -> dict[str, Any]:
    return {"container": container(**over), "image_id": "sha256:1", "shm": {"size": SIZE}}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in SPEC["env"].items() if key != name}


def test_what_a_deploy_has_made_needs_no_change() -> None:
    assert _change.changes(SPEC, facts()) == []
    # community.docker ignores it unless something else differs too.
    assert _change.changes(SPEC, facts(stop_timeout=10)) == []


def argv(old: str, *new: str) -> list[str]:
    at = SPEC["argv"].index(old)
    return [*SPEC["argv"][:at], *new, *SPEC["argv"][at + 1 :]]


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"argv": argv("--max-num-seqs=256", "--max-num-seqs=64")}, [("flag", "max_num_seqs", "64", "256")]),
        ({"argv": argv("--block-size=32")}, [("flag", "block_size", None, "32")]),
        ({"argv": [*SPEC["argv"], "--seed=1"]}, [("flag", "seed", "1", None)]),
        ({"argv": ["serve", "a/b", *SPEC["argv"][2:]]}, [("flag", "model", "a/b", SPEC["model"])]),
        (
            {"argv": argv("--enable-prefix-caching", "--no-enable-prefix-caching")},
            [("flag", "enable_prefix_caching", "false", "true")],
        ),
        ({"env": {**SPEC["env"], "X": "1"}}, [("env", "X", "1", None)]),
        ({"env": without("HF_HOME")}, [("env", "HF_HOME", None, SPEC["env"]["HF_HOME"])]),
        ({"image": "other@sha256:2"}, [("image", "image", "other@sha256:2", SPEC["image"])]),
        ({"image_id": "sha256:0"}, [("image", "image", "sha256:0", "sha256:1")]),
        ({"privileged": False}, [("docker", "privileged", False, True)]),
        ({"volumes": []}, [("docker", "volumes", [], ["/dev/shm:/dev/shm:rw"])]),
        ({"profile": "peak"}, [("docker", "profile", "peak", "turbo_stable")]),
        ({"shm_size": 1 << 26}, [("docker", "shm_size", 1 << 26, 10 << 30)]),
        ({"network": "bridge"}, [("docker", "network", "bridge", "host")]),
        ({"running": False}, [("container", "vllm-gemma4", "stopped", "running")]),
    ],
)
def test_each_difference_is_named(over: dict[str, Any], expected: list[tuple[str, str, Any, Any]]) -> None:
    found = _change.changes(SPEC, facts(**over))
    assert [(change.kind, change.name, change.before, change.after) for change in found] == expected
    assert all(change.restarts for change in found)


def test_a_variable_that_the_image_sets_to_the_same_value_is_no_change() -> None:
    inherited = {"image_env": {"HF_HOME": SPEC["env"]["HF_HOME"]}, "env": without("HF_HOME")}
    assert _change.changes(SPEC, facts(**inherited)) == []


def test_the_same_flags_in_another_order_are_another_command() -> None:
    turned = [*SPEC["argv"][:2], *reversed(SPEC["argv"][2:])]
    assert [change.name for change in _change.changes(SPEC, facts(argv=turned))] == ["order of the flags"]


def test_a_container_made_by_hand_is_one_change() -> None:
    by_hand = facts(entrypoint=[], argv=["/bin/bash", "-c", "pip install x && vllm serve y"])
    assert [change.kind for change in _change.changes(SPEC, by_hand)] == ["command"]


def test_a_new_size_of_shm_and_a_missing_image_restart_nothing() -> None:
    found = _change.changes(SPEC, {**facts(), "shm": {"size": SIZE // 2}, "image_id": None})
    assert [(change.kind, change.restarts) for change in found] == [("shm", False), ("pull", False)]
