# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deploy would change on one host: what runs there against what shall run, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _flags

_MIB = 1 << 20
# Flags that leave the compiled programs as they are.
_NO_COMPILE = {
    *("api_server_count", "chat_template", "chat_template_content_format", "disable_log_requests", "download_dir"),
    *("enable_auto_tool_choice", "enable_log_requests", "enable_prefix_caching", "port", "reasoning_parser"),
    *("root_path", "safetensors_load_strategy", "served_model_name", "shutdown_timeout", "tool_call_parser"),
    *("uvicorn_log_level", "trust_remote_code", "tokenizer", "seed"),
}
_NO_COMPILE_ENV = ("HF_", "VLLM_LOGGING_", "VLLM_NO_USAGE_STATS", "NO_COLOR", "FORCE_COLOR")


class Change(NamedTuple):
    """One difference. *before* or *after* is None where there is none."""

    # flag, env, image, volumes, ...
    kind: str
    name: str
    before: Any
    after: Any
    # Whether the container is replaced, and whether its programs are compiled anew.
    restarts: bool = True
    compiles: bool = False


def changes(spec: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Change]:
    """By what the module has found on the host. Empty: a deploy changes nothing there."""
    found = _surroundings(spec, facts)
    container = facts.get("container")
    if container is None:
        return [Change("container", spec["container"], None, "started", compiles=True), *found]
    if container["entrypoint"] != ["vllm"] or container["argv"][:1] != ["serve"]:
        other, ours = [*container["entrypoint"], *container["argv"]], ["vllm", *spec["argv"]]
        return [Change("command", spec["container"], " ".join(other), " ".join(ours), compiles=True), *found]
    found += _image(spec, facts, container) + _docker(spec, container)
    before, after = _flags.flags(container["argv"]), _flags.flags(spec["argv"])
    found += [Change("flag", *item, compiles=item[0] not in _NO_COMPILE) for item in _mapping(before, after)]
    inherited = {name: value for name, value in container["image_env"].items() if name in spec["env"]}
    changed = _mapping({**inherited, **container["env"]}, spec["env"])
    found += [Change("env", *item, compiles=not item[0].startswith(_NO_COMPILE_ENV)) for item in changed]
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
        return [Change("image", "image", container["image"], spec["image"], compiles=True)]
    if facts.get("image_id") and facts["image_id"] != container["image_id"]:
        return [Change("image", "image", container["image_id"], facts["image_id"], compiles=True)]
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


def start(facts: Mapping[str, Any], cache: Mapping[str, bool] | None, found: list[Change]) -> str:
    """``cold`` or ``warm``, by the fact ``cache`` where the host has it, else by the cache's files and what changes."""
    if cache is not None:
        return "warm" if any(cache.get(key) for key in ("warm", "local_bundle", "store_bundle")) else "cold"
    if not (facts.get("shm") or {}).get("cache_entries"):
        return "cold"
    # A missing container compiles nothing new if the cache is from one that ran before, which only its key could tell.
    return "cold" if any(change.compiles for change in found) else "warm"
