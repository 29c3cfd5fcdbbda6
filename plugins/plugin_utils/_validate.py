# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse, before any host is touched, a profile or an override that vLLM does not know, or that shows a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils._profile import ProfileError, hint, refuse_unknown

_REQUIRED = ("model", "image", "args", "compile_cache_env", "shm_size", "startup_timeout")
_IMAGE_KEYS = {"base", "packages"}
_DOCKER_KEYS = {"privileged", "network", "volumes", "shm_size"}
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")

# What `docker inspect` and the process list would show to everybody.
_SECRET_ARGS = {"api_key", "hf_token"}
_SECRET_ENV = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|PRIVATE_KEY)$")
_HF_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{16,}")
# What the profile says elsewhere, or the roles rely on.
_NOT_HERE = {
    "model": "set `model` in a profile of your own",
    "config": "its flags belong into vllm_args or a profile, where they are checked",
    "host": "the readiness check asks 127.0.0.1; keep other machines out by a firewall",
}
# What a value of each kind (tools/vllm_known.py) looks like.
_KINDS = {
    "int": re.compile(r"-?\d+"),
    "float": re.compile(r"-?\d*\.?\d+(e-?\d+)?", re.IGNORECASE),
    "size": re.compile(r"auto|-?\d+(\.\d+)?[kmgt]?i?", re.IGNORECASE),
}
_SIZE = re.compile(r"\d+[kmgt]?b?", re.IGNORECASE)


def validate(profile: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse by name what vLLM does not know, what would show a secret, and what is missing."""
    missing = [key for key in _REQUIRED if not profile.get(key)]
    if missing:
        raise ProfileError(f"the profile lacks {', '.join(missing)}; extend turbo_stable or set them")
    refuse_unknown("image", profile["image"], _IMAGE_KEYS)
    refuse_unknown("docker", profile["docker"], _DOCKER_KEYS)
    validate_args(profile["args"], known)
    validate_env(profile["env"], known)
    _validate_values(profile)
    base = str(profile["image"].get("base", ""))
    if not _DIGEST.search(base):
        raise ProfileError(
            f"image {base!r} is not pinned: expected NAME[:TAG]@sha256:DIGEST, so that every host and every "
            "restart runs the same; `docker buildx imagetools inspect NAME:TAG` prints the digest"
        )
    for variable in (profile["compile_cache_env"], "HF_HOME"):
        if not str(profile["env"].get(variable, "")).startswith("/"):
            raise ProfileError(f"env.{variable} must be an absolute path; got: {profile['env'].get(variable)!r}")


def validate_host(spec: Mapping[str, Any], host: str, chips: int, slice_: str) -> None:
    """Refuse a *host* that cannot serve *spec*; *chips* is 0 where they are not known."""
    if slice_:
        raise ProfileError(
            f"{host} is a worker of the slice {slice_}: serving over several hosts is not built yet. Expected "
            "single-host TPU VMs (v6e-1, v6e-4, v6e-8); leave the slice out with `select` in the inventory or with "
            "--limit."
        )
    if chips and spec["chips"] > chips:
        raise ProfileError(
            f"{host} has {chips} chips, and the profile {spec['profile']} shards the model over {spec['chips']}. "
            "Set vllm_args.tensor_parallel_size for this host (the model must fit), or leave it out with `select` "
            "in the inventory."
        )


def _validate_values(profile: Mapping[str, Any]) -> None:
    """Refuse what would only fail on the host, or do something else than it says."""
    docker, packages = profile["docker"], profile["image"].get("packages", [])
    checks = [
        ("model", profile["model"], isinstance(profile["model"], str), "a name or a path"),
        ("shm_size", profile["shm_size"], _is_size(profile["shm_size"]), "a size, e.g. 100g"),
        ("startup_timeout", profile["startup_timeout"], _is_count(profile["startup_timeout"]), "seconds, e.g. 3600"),
        ("image.packages", packages, _is_list(packages, "=="), "a list of NAME==VERSION"),
        ("docker.volumes", docker.get("volumes"), _is_list(docker.get("volumes", []), ":"), "a list of SOURCE:TARGET"),
        ("docker.shm_size", docker.get("shm_size"), _is_size(docker.get("shm_size", "1g")), "a size, e.g. 10gb"),
        (
            "docker.privileged",
            docker.get("privileged"),
            isinstance(docker.get("privileged", True), bool),
            "true or false",
        ),
    ]
    for where, value, good, expected in checks:
        if not good:
            raise ProfileError(f"{where} must be {expected}; got: {value!r}")
    if profile["args"].get("served_model_name") == []:
        raise ProfileError("vllm_args.served_model_name must be a name or a list of names; got: []")


def _is_size(value: Any) -> bool:
    return bool(_SIZE.fullmatch(str(value)))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_list(value: Any, mark: str) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and mark in item for item in value)


def validate_args(args: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse ``vllm_args`` that vLLM's parser does not have, or whose value cannot fit; null is none."""
    for secret in sorted(_SECRET_ARGS & set(args)):
        raise ProfileError(f"vllm_args.{secret} would show in the process list and docker inspect; leave it out")
    for name in sorted(_NOT_HERE.keys() & set(args)):
        raise ProfileError(f"vllm_args.{name} is not for here: {_NOT_HERE[name]}")
    refuse_unknown(f"vllm_args (vLLM {known['version']})", args, known["args"])
    for name, value in args.items():
        if value is not None:
            _validate_value(f"vllm_args.{name}", value, known["args"][name])


def _validate_value(where: str, value: Any, kind: str) -> None:
    _refuse_token(where, value)
    if kind in ("switch", "flag"):
        if not isinstance(value, bool):
            raise ProfileError(f"{where} is a switch: expected true, false or null; got: {value!r}")
    elif isinstance(value, bool):
        raise ProfileError(f"{where} takes a value; got: {value!r}; use null to remove it")
    elif kind in _KINDS and not _KINDS[kind].fullmatch(str(value)):
        expected = {"int": "a whole number", "float": "a number", "size": "a number, e.g. 4096 or 4k"}[kind]
        raise ProfileError(f"{where} takes {expected}; got: {value!r}")


def validate_env(env: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse unknown ``VLLM_*`` variables and near misses of known ones; other variables are the user's own."""
    for name, value in env.items():
        if _SECRET_ENV.search(name):
            raise ProfileError(f"vllm_env.{name} would show in docker inspect; set hf_secret_source instead")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ProfileError(f"vllm_env: {name!r} is no name of a variable; expected letters, digits and underscores")
        if isinstance(value, (dict, list)):
            raise ProfileError(f"vllm_env.{name} must be a text or a number; got: {value!r}")
        _refuse_token(f"vllm_env.{name}", value)
        # The backend reads int(""), and dies of it.
        if name == "VLLM_TPU_BUCKET_PADDING_GAP" and value is not None and not _KINDS["int"].fullmatch(str(value)):
            raise ProfileError(f"vllm_env.{name} takes a whole number, 0 for none; got: {value!r}")
        if name not in known["env"]:
            _refuse_misspelt(name, known["env"])


def _refuse_misspelt(name: str, known: Iterable[str]) -> None:
    family = name.partition("_")[0] + "_"
    near = difflib.get_close_matches(name, [other for other in known if other.startswith(family)], n=1, cutoff=0.9)
    if name.startswith("VLLM_") or near:
        raise ProfileError(f"unknown variable in vllm_env: {name}{hint(name, known)}")


def _refuse_token(where: str, value: Any) -> None:
    if _HF_TOKEN.search(str(value)):
        raise ProfileError(f"{where} holds a Hugging Face token, which docker inspect would show; set hf_secret_source")
