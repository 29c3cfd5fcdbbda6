# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: find one, follow its ``extends``, lay a user's overrides over it, refuse what is unknown.

A profile is plain data (``profiles/NAME.yml``). The same rule serves ``extends`` and the user's
``vllm_args`` and ``vllm_env``: keys are laid over keys, and null removes one.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

COLLECTION = Path(__file__).resolve().parents[2]
PROFILES = COLLECTION / "profiles"
KNOWN = PROFILES / "known" / "vllm.json"

_SECTIONS = ("image", "args", "env", "docker", "omit")
_KEYS = {
    *_SECTIONS,
    "description",
    "source",
    "extends",
    "model",
    "compile_cache_env",
    "shm_size",
    "startup_timeout",
}
_REQUIRED = ("model", "image", "args", "compile_cache_env", "shm_size", "startup_timeout")
_IMAGE_KEYS = {"base", "packages"}
_DOCKER_KEYS = {"privileged", "network", "volumes", "shm_size"}
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")

# What `docker inspect` and the process list would show to everybody.
_SECRET_ARGS = {"api_key", "hf_token"}
_SECRET_ENV = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "VLLM_API_KEY"}


class ProfileError(ValueError):
    """A profile or an override that cannot be used; the message is for the user."""


def load_known(path: Path = KNOWN) -> dict[str, Any]:
    """What vLLM itself knows: ``args`` maps a flag to its kind, ``env`` lists variables.

    Made by tools/vllm_known.py from vLLM's own argument parser, never by hand.
    """
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def load_profile(name: str, directory: Path = PROFILES, basedir: Path | None = None) -> dict[str, Any]:
    """Read profile *name* (a name in *directory*, or a path to a file) with all that it extends.

    A relative path is taken from *basedir*. Raises ProfileError.
    """
    return _load(name, directory, basedir, seen=())


def _load(name: str, directory: Path, basedir: Path | None, seen: tuple[str, ...]) -> dict[str, Any]:
    path = _find(name, directory, basedir)
    if str(path) in seen:
        raise ProfileError(f"profile {path} extends itself: {' -> '.join((*seen, str(path)))}")
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ProfileError(f"profile {path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise ProfileError(f"profile {path} must be a mapping; got: {type(data).__name__}")
    _refuse_unknown(f"profile {path}", data, _KEYS)
    for section in _SECTIONS:
        if not isinstance(data.get(section, {}), dict):
            raise ProfileError(f"profile {path}: {section} must be a mapping; got: {data[section]!r}")
    parent = data.pop("extends", None)
    if parent is None:
        return {**{section: {} for section in _SECTIONS}, **data}
    return merge(_load(str(parent), directory, path.parent, (*seen, str(path))), data)


def _find(name: str, directory: Path, basedir: Path | None) -> Path:
    if "/" in name or name.endswith((".yml", ".yaml")):
        path = Path(name).expanduser()
        path = path if path.is_absolute() else (basedir or Path.cwd()) / path
        if not path.is_file():
            raise ProfileError(f"no profile file {path}; give a path to a file or one of: {_names(directory)}")
        return path.resolve()
    path = directory / f"{name}.yml"
    if not path.is_file():
        raise ProfileError(f"unknown profile {name!r}; known: {_names(directory)}; or give the path of your own file")
    return path


def _names(directory: Path) -> str:
    return ", ".join(sorted(path.stem for path in directory.glob("*.yml")))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay *over* on *base*, section by section; null removes a key.

    >>> merge({"args": {"a": 1, "b": 2}}, {"args": {"b": None, "c": 3}})
    {'args': {'a': 1, 'c': 3}}
    """
    merged = dict(base)
    for key, value in over.items():
        if key in _SECTIONS:
            section = {**merged.get(key, {}), **value}
            merged[key] = {name: item for name, item in section.items() if item is not None}
        else:
            merged[key] = value
    return merged


def override(profile: Mapping[str, Any], args: Mapping[str, Any], env: Mapping[str, Any]) -> dict[str, Any]:
    """The profile with a user's ``vllm_args`` and ``vllm_env`` laid over it."""
    return merge(profile, {"args": dict(args), "env": dict(env)})


def validate(profile: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse by name what vLLM does not know, what would show a secret, and what is missing."""
    missing = [key for key in _REQUIRED if not profile.get(key)]
    if missing:
        raise ProfileError(f"the profile lacks {', '.join(missing)}; extend turbo_stable or set them")
    _refuse_unknown("image", profile["image"], _IMAGE_KEYS)
    _refuse_unknown("docker", profile["docker"], _DOCKER_KEYS)
    validate_args(profile["args"], known)
    validate_env(profile["env"], known)
    base = str(profile["image"].get("base", ""))
    if not _DIGEST.search(base):
        raise ProfileError(
            f"image {base!r} is not pinned: expected NAME[:TAG]@sha256:DIGEST, so that every host and every "
            "restart runs the same; `docker buildx imagetools inspect NAME:TAG` prints the digest"
        )
    for variable in (profile["compile_cache_env"], "HF_HOME"):
        if not str(profile["env"].get(variable, "")).startswith("/"):
            raise ProfileError(f"env.{variable} must be an absolute path; got: {profile['env'].get(variable)!r}")


def validate_args(args: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse ``vllm_args`` that vLLM's parser does not have, or whose value cannot fit the flag's kind."""
    for secret in sorted(_SECRET_ARGS & set(args)):
        raise ProfileError(f"vllm_args.{secret} would show in the process list and docker inspect; leave it out")
    _refuse_unknown(f"vllm_args (vLLM {known['version']})", args, known["args"])
    for name, value in args.items():
        kind = known["args"][name]
        if kind in ("switch", "flag") and not isinstance(value, bool):
            raise ProfileError(f"vllm_args.{name} is a switch: expected true, false or null; got: {value!r}")
        if kind not in ("switch", "flag") and isinstance(value, bool):
            raise ProfileError(f"vllm_args.{name} takes a value; got: {value!r}; use null to remove it")


def validate_env(env: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse unknown ``VLLM_*`` variables and near misses of known ones; other variables are the user's own."""
    for secret in sorted(_SECRET_ENV & set(env)):
        raise ProfileError(f"vllm_env.{secret} would show in docker inspect; set hf_secret_source instead")
    for name, value in env.items():
        if isinstance(value, (dict, list)):
            raise ProfileError(f"vllm_env.{name} must be a text or a number; got: {value!r}")
        if name in known["env"]:
            continue
        near = difflib.get_close_matches(name, known["env"], n=1, cutoff=0.9)
        if name.startswith("VLLM_") or near:
            raise ProfileError(f"unknown variable in vllm_env: {name}{_hint(name, known['env'])}")


def _refuse_unknown(where: str, keys: Iterable[str], known: Iterable[str]) -> None:
    allowed = list(known)
    unknown = [str(key) for key in keys if key not in allowed]
    if unknown:
        names = ", ".join(f"{key}{_hint(key, allowed)}" for key in unknown)
        raise ProfileError(f"unknown key in {where}: {names}")


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.replace("-", "_"), list(known), n=1)
    near = near or difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
