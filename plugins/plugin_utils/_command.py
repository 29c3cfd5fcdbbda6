# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a validated profile to what a host runs: image, ``vllm serve`` arguments, environment, docker command."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

# Between the end of vLLM's own drain and Docker's SIGKILL: the engine takes 6-10 s to exit.
STOP_MARGIN = 30
# vLLM's own default.
DEFAULT_PORT = 8000
# vLLM's own for an online server, where the profile leaves them out; only the warm-up's walk follows from them.
_DEFAULT_SHAPES = {"max_num_batched_tokens": 2048, "max_num_seqs": 256, "max_model_len": 4096}
# The repository under which a host keeps the image that it baked.
BAKED_REPOSITORY = "turbostable/vllm"


def flag(name: str, value: Any, kind: str) -> list[str]:
    """The argv elements of one argument; one element wherever vLLM's parser allows, so that a diff shows one line.

    >>> flag("max_num_seqs", 256, "value")
    ['--max-num-seqs=256']
    >>> flag("enable_prefix_caching", False, "switch")
    ['--no-enable-prefix-caching']
    """
    option = "--" + name.replace("_", "-")
    if kind == "switch":
        return [option if value else "--no-" + option[2:]]
    if kind == "flag":
        return [option] if value else []
    if kind == "list" and isinstance(value, (list, tuple)):
        return [option, *(text(item) for item in value)]
    return [f"{option}={text(value)}"]


def text(value: Any) -> str:
    """A value as a command line or an environment takes it: structures as compact JSON."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value), separators=(",", ":"))
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value), separators=(",", ":"))
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def whole(value: Any, default: int) -> int:
    """A number as vLLM reads it, where 1k is 1000 and 1K is 1024; *default* where it is left to vLLM.

    >>> whole("16K", 4096), whole("1.5k", 4096), whole(None, 4096), whole("auto", 4096)
    (16384, 1500, 4096, 4096)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgtKMGT]?)", str(value))
    if not match:
        return default
    number, unit = match.groups()
    base = 1000 if unit.islower() else 1024
    return int(float(number) * base ** (" kmgt".index(unit.lower() or " ")))


def serve_argv(model: str, args: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """``serve MODEL --flag=value ...`` in the profile's order."""
    argv = ["serve", model]
    for name, value in args.items():
        argv += flag(name, value, known["args"][name])
    return argv


def by_digest(image: str) -> str:
    """The image without its tag: beside a digest a tag says nothing, and Docker's own records leave it out.

    >>> by_digest("registry:5000/vllm/vllm-tpu:nightly@sha256:19a1")
    'registry:5000/vllm/vllm-tpu@sha256:19a1'
    """
    name, at, digest = image.partition("@")
    path, slash, last = name.rpartition("/")
    return path + slash + last.partition(":")[0] + at + digest


def baked_image(base: str, packages: list[str]) -> str:
    """The name of the image that has *packages* baked in: the same inputs give the same name on every host."""
    if not packages:
        return base
    digest = hashlib.sha256(json.dumps([base, packages]).encode()).hexdigest()
    return f"{BAKED_REPOSITORY}:{digest[:12]}"


def build_spec(profile: Mapping[str, Any], known: Mapping[str, Any], name: str, container: str) -> dict[str, Any]:
    """All that the roles need to know of one host's server, computed once from its profile."""
    args, env, docker = profile["args"], profile["env"], profile["docker"]
    base = by_digest(profile["image"]["base"])
    packages = list(profile["image"].get("packages", []))
    served = args.get("served_model_name", profile["model"])
    spec: dict[str, Any] = {
        "profile": name,
        "model": profile["model"],
        "served_model": served[0] if isinstance(served, (list, tuple)) else served,
        "container": container,
        "image": baked_image(base, packages),
        "image_base": base,
        "image_packages": packages,
        "argv": serve_argv(profile["model"], args, known),
        "env": {key: text(value) for key, value in env.items()},
        "docker": dict(docker),
        "stop_timeout": int(args.get("shutdown_timeout", 0)) + STOP_MARGIN,
        "chips": int(args.get("tensor_parallel_size", 1)),
        "port": int(args.get("port", DEFAULT_PORT)),
        "shapes": {
            **{name: whole(args.get(name), default) for name, default in _DEFAULT_SHAPES.items()},
            "padding_gap": int(env.get("VLLM_TPU_BUCKET_PADDING_GAP", 0)),
        },
        "hf_home": env["HF_HOME"],
        "compile_cache": env[profile["compile_cache_env"]],
        "shm_size": str(profile["shm_size"]),
        "startup_timeout": int(profile["startup_timeout"]),
        "omitted": dict(profile.get("omit", {})),
    }
    spec["docker_command"] = docker_command(spec)
    return spec


def docker_argv(spec: Mapping[str, Any]) -> list[list[str]]:
    """The ``docker run`` command, as groups of words that belong on one line each."""
    docker = spec["docker"]
    lines = [["docker", "run", "--name", spec["container"], "--detach", "--init", "--restart", "unless-stopped"]]
    lines.append(["--stop-timeout", str(spec["stop_timeout"])])
    if docker.get("privileged"):
        lines.append(["--privileged"])
    if "network" in docker:
        lines.append([f"--net={docker['network']}"])
    lines += [["-v", volume] for volume in docker.get("volumes", [])]
    if "shm_size" in docker:
        lines.append(["--shm-size", str(docker["shm_size"])])
    lines += [["-e", f"{name}={value}"] for name, value in spec["env"].items()]
    lines += [["--entrypoint", "vllm"], [spec["image"]], spec["argv"][:2]]
    return lines + [[argument] for argument in spec["argv"][2:]]


def docker_command(spec: Mapping[str, Any]) -> str:
    """The command as text to read or to paste into a shell."""
    return " \\\n  ".join(shlex.join(line) for line in docker_argv(spec))
