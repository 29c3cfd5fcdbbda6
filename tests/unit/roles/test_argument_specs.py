# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role documents is what it does: argument_specs.yml and defaults/main.yml tell the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())


def read(role: Path, path: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((role / path).read_text()) or {}
    return content


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def options(role: Path) -> dict[str, Any]:
    """Those of all entry points together."""
    entries = read(role, "meta/argument_specs.yml")["argument_specs"].values()
    return {name: option for entry in entries for name, option in entry.get("options", {}).items()}


def public_defaults(role: Path) -> dict[str, Any]:
    return {name: value for name, value in read(role, "defaults/main.yml").items() if not name.startswith("_")}


def test_every_default_is_documented_and_the_same(role: Path) -> None:
    documented = options(role)
    # A default that is computed is described in words instead.
    differing = {
        name: (value, documented.get(name, {}).get("default"))
        for name, value in public_defaults(role).items()
        if name not in documented or ("default" in documented[name] and documented[name]["default"] != value)
    }
    assert differing == {}, "in defaults/main.yml and in argument_specs.yml"


def test_a_documented_default_is_set(role: Path) -> None:
    missing = {name for name, option in options(role).items() if "default" in option} - public_defaults(role).keys()
    assert missing == set(), "argument_specs.yml promises a default that defaults/main.yml does not have"


def test_a_plain_default_is_documented(role: Path) -> None:
    undocumented = {
        name
        for name, value in public_defaults(role).items()
        if "{{" not in str(value) and options(role)[name].get("default") is None
    }
    assert undocumented == set(), "argument_specs.yml leaves these defaults out"


def test_variables_are_named_after_the_role(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []
