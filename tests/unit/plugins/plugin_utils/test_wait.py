# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _wait

READY = {"status": "ready"}
LOADING = {"status": "loading", "can_heal": True}


class Clock:
    """Time that passes only where somebody sleeps or a probe takes *cost* seconds."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now = 1000.0
        self.cost = cost
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def wait(*results: dict[str, Any], timeout: float = 3600, cost: float = 0.0) -> tuple[dict[str, Any], list[str], Clock]:
    """The outcome, the lines shown and the clock; the last of *results* comes again and again."""
    clock, shown, left = Clock(cost), list[str](), list(results)

    def probe() -> dict[str, Any]:
        clock.now += clock.cost
        return dict(left.pop(0) if len(left) > 1 else left[0])

    result = _wait.until_ready(probe, timeout, show=shown.append, clock=clock, sleep=clock.sleep)
    return result, shown, clock


def test_ready_at_once_takes_one_probe_and_no_sleep() -> None:
    result, shown, clock = wait(READY)
    assert result == {"status": "ready", "attempts": 1, "elapsed": 0.0}
    assert shown == ["ready (0 s)"]
    assert clock.pauses == []


def test_pauses_grow_up_to_a_limit() -> None:
    _result, _shown, clock = wait(*[LOADING] * 9, READY)
    assert clock.pauses == [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 10.0, 10.0, 10.0]


def test_a_line_for_each_change_of_phase_and_no_more() -> None:
    compiling = [{"status": "compiling", "done": done, "total": 13} for done in (0, 0, 5, 13)]
    _result, shown, _clock = wait({"status": "loading"}, LOADING, LOADING, *compiling, READY)
    assert shown == [
        "loading (0 s)",
        "compiling 0 of 13 (5 s)",
        "compiling 5 of 13 (13 s)",
        "compiling 13 of 13 (21 s)",
        "ready (31 s)",
    ]


def test_a_state_that_cannot_heal_ends_the_wait() -> None:
    result, _shown, clock = wait(LOADING, {"status": "down", "can_heal": False}, READY)
    assert (result["status"], result["attempts"], len(clock.pauses)) == ("down", 2, 1)


def test_a_failed_probe_ends_the_wait_and_is_handed_on() -> None:
    result, shown, _clock = wait(LOADING, {"failed": True, "msg": "no docker"}, READY)
    assert (result["failed"], result["msg"], result["attempts"]) == (True, "no docker", 2)
    assert shown == ["loading (0 s)"]


@pytest.mark.parametrize(("timeout", "cost"), [(60, 0.0), (60, 7.0), (1, 0.0), (0, 0.0), (0.5, 30.0)])
def test_it_never_sleeps_past_its_timeout(timeout: float, cost: float) -> None:
    result, _shown, clock = wait(LOADING, timeout=timeout, cost=cost)
    assert result["status"] == "loading"
    assert result["attempts"] >= 1
    assert sum(clock.pauses) <= timeout
    assert clock.now - 1000 <= timeout + cost
    # It has not given up early either: one more pause would have been too long.
    assert clock.now - 1000 + 10 * 1.5 > timeout


def test_the_last_snapshot_counts_attempts_and_seconds() -> None:
    result, _shown, _clock = wait(LOADING, LOADING, READY, cost=0.04)
    assert (result["attempts"], result["elapsed"]) == (3, 2.6)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"status": "loading"}, "loading"),
        ({"status": "compiling", "done": 3, "total": 13}, "compiling 3 of 13"),
        ({"status": "compiling", "done": None, "total": None}, "compiling"),
    ],
)
def test_describe(result: dict[str, Any], text: str) -> None:
    assert _wait.describe(result) == text


def test_failure_says_what_where_why_and_what_next() -> None:
    result = {
        "status": "down",
        "elapsed": 12.6,
        "attempts": 4,
        "evidence": "exited with code 1: no",
        "next_step": "mend it",
    }
    line = (
        "vLLM on tpu-a is not ready after 13 s (4 attempts): down; exited with code 1: no; "
        "mend it; see `docker logs box` on the host"
    )
    assert _wait.failure("tpu-a", "box", result) == line
    assert _wait.failure("tpu-a", "box", {**result, "log": ["one", "two"]}) == f"{line}. Its last lines:\none\ntwo"
