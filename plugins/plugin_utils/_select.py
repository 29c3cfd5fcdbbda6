# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice among node records by a JMESPath expression."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from ansible_collections.turbostable.tpu.plugins.plugin_utils._nodes import NodesError, Record


def compile_select(expression: str) -> Any:
    """A JMESPath expression, ready to use."""
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        # JMESPath draws a caret under the expression, over several lines.
        reason = " ".join(str(error).partition("\n")[0].split()).rstrip(":")
        raise NodesError(
            f"select: {expression!r} is no JMESPath expression: {reason}; "
            "expected one over the list of nodes, such as [?labels.env=='prod']."
        ) from error


def select(records: list[Record], compiled: Any) -> list[Record]:
    """Those of *records* that the expression leaves."""
    expression = compiled.expression
    try:
        chosen = compiled.search(records)
    except JMESPathError as error:
        reason = " ".join(str(error).split())
        raise NodesError(f"select: {expression!r} fails on the list of nodes: {reason}") from error
    if not isinstance(chosen, list) or not all(isinstance(item, dict) and "workers" in item for item in chosen):
        raise NodesError(
            f"select: {expression!r} gives {_describe(chosen)}; expected a list of whole nodes, such as "
            "[?labels.env=='prod'] gives."
        )
    return chosen


def _describe(value: Any) -> str:
    names = {type(None): "null", dict: "an object", str: "a string", bool: "a boolean", int: "a number"}
    if isinstance(value, list):
        return f"a list of {len(value)} in which not every item is a node"
    return names.get(type(value), "a number")
