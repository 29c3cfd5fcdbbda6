# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line read back into names and values: of a running container there is nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def flags(argv: Sequence[str]) -> dict[str, str]:
    """The arguments of ``serve MODEL --flag=value ...`` by name; several values are joined by spaces.

    >>> flags(["serve", "a/b", "--max-num-seqs=256", "--no-enable-prefix-caching", "--trust-remote-code"])
    {'model': 'a/b', 'max_num_seqs': '256', 'enable_prefix_caching': 'false', 'trust_remote_code': 'true'}
    """
    found: dict[str, str] = {"model": argv[1]} if len(argv) > 1 else {}
    name = ""
    for argument in argv[2:]:
        if not argument.startswith("--"):
            found[name] = argument if found.get(name) == "true" else f"{found[name]} {argument}"
            continue
        option, equals, value = argument[2:].partition("=")
        name = option.replace("-", "_")
        if not equals and name.startswith("no_"):
            name, value = name[3:], "false"
        found[name] = value if equals or value else "true"
    return found


def number(value: Any) -> int | None:
    """A count as vLLM reads it: ``4096``, ``4k`` (thousands), ``4K`` (1,024s); None for ``auto`` and nothing.

    >>> number("16k"), number("16K"), number("auto")
    (16000, 16384, None)
    """
    text = str(value if value is not None else "").strip()
    units = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    unit = units.get(text[-1:], 1)
    digits = text[:-1] if text[-1:] in units else text
    try:
        return int(float(digits) * unit)
    except ValueError:
        return None


def size(text: str) -> int:
    """A size as Docker and the roles read it, in bytes.

    >>> size("100g"), size("10gb"), size("64m")
    (107374182400, 10737418240, 67108864)
    """
    text = text.lower().removesuffix("b")
    units = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
    return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)


def structure(text: str | None) -> Mapping[str, Any]:
    """A JSON argument, or an empty mapping."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def gib(amount: float) -> str:
    """Bytes for people.

    >>> gib(13743895347)
    '12.8 GiB'
    """
    return f"{amount / 2**30:.1f} GiB"
