# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which compile cache serves which server: a key of all that changes the compiled graphs, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.turbostable.tpu.plugins.plugin_utils._profile import PROFILES

NEUTRAL = PROFILES / "known" / "graph_neutral.yml"
# Longer than any accident, short enough for a file name and a table.
_DIGITS = 32


def load_neutral(path: Path = NEUTRAL) -> dict[str, list[str]]:
    """``args`` and ``env`` that change no graph."""
    neutral: dict[str, list[str]] = yaml.safe_load(path.read_text())
    return neutral


def ingredients(
    profile: Mapping[str, Any], accelerator: Mapping[str, str], neutral: Mapping[str, list[str]]
) -> dict[str, Any]:
    """What the key is made of: *profile* is a merged one, *accelerator* has ``type`` and ``topology``."""
    return {
        "image": profile["image"]["base"].partition("@")[2] or profile["image"]["base"],
        "packages": list(profile["image"].get("packages", [])),
        "model": profile["model"],
        "accelerator": dict(accelerator),
        "args": {name: value for name, value in profile["args"].items() if name not in neutral["args"]},
        "env": {name: str(value) for name, value in profile["env"].items() if name not in neutral["env"]},
    }


def fingerprint(profile: Mapping[str, Any], accelerator: Mapping[str, str], neutral: Mapping[str, list[str]]) -> str:
    """The key of the compile cache, hexadecimal; the order of flags does not count."""
    text = json.dumps(ingredients(profile, accelerator, neutral), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
