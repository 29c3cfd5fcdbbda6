# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a server: probe, show each change of phase, stop when waiting cannot help. Clock and sleep are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Seconds between probes: short at first, for a warm start takes seconds, longer later, for a cold one takes minutes.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0


def until_ready(
    probe: Callable[[], dict[str, Any]],
    timeout: float,
    *,
    show: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """The last snapshot, with ``attempts`` and ``elapsed`` (seconds) beside it."""
    begin = clock()
    pause = FIRST_PAUSE
    attempts = 0
    shown = ""
    while True:
        result = probe()
        attempts += 1
        elapsed = clock() - begin
        result.update(attempts=attempts, elapsed=round(elapsed, 1))
        if result.get("failed"):
            return result
        now = describe(result)
        if now != shown:
            show(f"{now} ({elapsed:.0f} s)")
            shown = now
        if result["status"] == "ready" or not result.get("can_heal", True) or elapsed + pause > timeout:
            return result
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def describe(result: Mapping[str, Any]) -> str:
    """The phase as a progress line has it, e.g. ``compiling 3 of 13``."""
    if result.get("total"):
        return f"{result['status']} {result['done']} of {result['total']}"
    return str(result["status"])


def failure(host: str, container: str, result: Mapping[str, Any]) -> str:
    """One message: what failed, where, why, the decisive lines, what to do next."""
    lines = "\n".join(result.get("log", []))
    return (
        f"vLLM on {host} is not ready after {result['elapsed']:.0f} s ({result['attempts']} attempts): "
        f"{describe(result)}; {result['evidence']}; {result['next_step']}; see `docker logs {container}` on the host"
        + (f". Its last lines:\n{lines}" if lines else "")
    )
