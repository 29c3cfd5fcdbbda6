# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deploy would change on one host: what runs there against what shall run, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags

_MIB = 1 << 20


class Change(NamedTuple):
    """One difference. *before* or *after* is None where there is none."""

    # flag, env, image, volumes, ...
    kind: str
    name: str
    before: Any
    after: Any
    # Whether the container is replaced.
    restarts: bool = True


def changes(spec: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Change]:
    """By what the module has found on the host. Empty: a deploy changes nothing there."""
    found = _surroundings(spec, facts)
    container = facts.get("container")
    if container is None:
        return [Change("container", spec["container"], None, "started"), *found]
    if container["entrypoint"] != ["vllm"] or container["argv"][:1] != ["serve"]:
        other, ours = [*container["entrypoint"], *container["argv"]], ["vllm", *spec["argv"]]
        return [Change("command", spec["container"], " ".join(other), " ".join(ours)), *found]
    found += _image(spec, facts, container) + _docker(spec, container)
    before, after = _flags.flags(container["argv"]), _flags.flags(spec["argv"])
    found += [Change("flag", *item) for item in _mapping(before, after)]
    inherited = {name: value for name, value in container["image_env"].items() if name in spec["env"]}
    found += [Change("env", *item) for item in _mapping({**inherited, **container["env"]}, spec["env"])]
    if not found and container["argv"] != spec["argv"]:
        # The same flags in another order are another command to Docker.
        found.append(Change("command", "order of the flags", " ".join(container["argv"]), " ".join(spec["argv"])))
    if not container["running"]:
        found.append(Change("container", spec["container"], "stopped", "running"))
    return found


def _mapping(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = [*after, *(name for name in before if name not in after)]
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _image(spec: Mapping[str, Any], facts: Mapping[str, Any], container: Mapping[str, Any]) -> list[Change]:
    if container["image"] != spec["image"]:
        return [Change("image", "image", container["image"], spec["image"])]
    if facts.get("image_id") and facts["image_id"] != container["image_id"]:
        return [Change("image", "image", container["image_id"], facts["image_id"])]
    return []


def _docker(spec: Mapping[str, Any], container: Mapping[str, Any]) -> list[Change]:
    """What Docker itself is told; only what the profile says, and what a deploy compares (stop_timeout it does not)."""
    docker = spec["docker"]
    wanted = {
        "privileged": docker.get("privileged", False),
        "volumes": sorted(_mounts(docker.get("volumes", []))),
        "profile": spec["profile"],
    }
    has = {**container, "volumes": sorted(_mounts(container["volumes"]))}
    if "network" in docker:
        wanted["network"] = docker["network"]
    if "shm_size" in docker:
        wanted["shm_size"] = _flags.size(docker["shm_size"])
    return [Change("docker", name, has[name], value) for name, value in wanted.items() if has[name] != value]


def _mounts(volumes: list[str]) -> list[str]:
    """With the mode that Docker would write down: it is rw where none is given."""
    return [volume if volume.count(":") == 2 else f"{volume}:rw" for volume in volumes]


def _surroundings(spec: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Change]:
    """What is made before the container: none of it restarts a server."""
    found = []
    size, wanted = (facts.get("shm") or {}).get("size"), _flags.size(spec["shm_size"])
    # tmpfs is sized in MiB.
    if size is not None and size // _MIB != wanted // _MIB:
        before, after = _flags.gib(size), _flags.gib(wanted)
        found.append(Change("shm", "shm_size", before, after, restarts=False))
    if not facts.get("image_id"):
        found.append(Change("pull", "image", None, spec["image"], restarts=False))
    return found
