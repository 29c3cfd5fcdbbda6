# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: find one, follow its ``extends``, lay a user's overrides over it.

A profile is plain data (``profiles/NAME.yml``). The same rule serves ``extends`` and the user's
``vllm_args`` and ``vllm_env``: keys are laid over keys, and null removes one. What a profile may say is in _validate.
"""

from __future__ import annotations

import difflib
import json
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
    refuse_unknown(f"profile {path}", data, _KEYS)
    for section in _SECTIONS:
        # Nothing under a heading is an empty section.
        data[section] = {} if data.get(section) is None else data[section]
        if not isinstance(data[section], dict):
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


def refuse_unknown(where: str, keys: Iterable[str], known: Iterable[str]) -> None:
    """ProfileError names each of *keys* that is not *known*, with the nearest that is."""
    allowed = list(known)
    unknown = [str(key) for key in keys if key not in allowed]
    if unknown:
        names = ", ".join(f"{key}{hint(key, allowed)}" for key in unknown)
        raise ProfileError(f"unknown key in {where}: {names}")


def hint(name: str, known: Iterable[str]) -> str:
    """`` (did you mean X?)``, or nothing where nothing is near."""
    near = difflib.get_close_matches(name.replace("-", "_"), list(known), n=1)
    near = near or difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
