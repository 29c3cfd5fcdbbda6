# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _completion, _verdict

SERVING = ["INFO: Application startup complete."]
LOADING = ["Loading safetensors checkpoint shards: 50%"]
BUDGET = {"ttft_ms": 1000, "e2e_ms": 5000}


def container(status: str = "running", restarts: int = 0, **state: Any) -> dict[str, Any]:
    running = status in ("running", "paused")
    known = {"Status": status, "Running": running, "ExitCode": 1, "OOMKilled": False, **state}
    return {"State": known, "RestartCount": restarts}


@pytest.mark.parametrize(
    ("found", "log", "history", "answers", "status", "evidence"),
    [
        (container(), [], [], False, None, "running, 0 restarts"),
        (None, [], [], False, "down", "there is no such container"),
        (container("exited"), [], ["ValueError: bad"], False, "down", "exited with code 1: ValueError: bad"),
        # Another server on the port does not make up for it.
        (container("exited"), [], ["ValueError: bad"], True, "down", "exited with code 1: ValueError: bad"),
        (container(restarts=3), [], ["OSError: x"], False, "down", "loop: 3 restarts, last exit code 1: OSError: x"),
        # It came through, long ago: its log has no word of the start any more.
        (container(restarts=3), ["INFO 200 OK"], [], True, None, "running, 3 restarts"),
        (container("exited", OOMKilled=True), [], [], False, "down", "killed for lack of memory"),
        (container("restarting", restarts=1), [], [], False, "down", "the container is restarting"),
        (container(), ["[shutdown] API server: shutdown triggered"], [], True, "draining", "SIGTERM has reached it"),
    ],
)
def test_container(
    found: Any, log: list[str], history: list[str], *, answers: bool, status: str | None, evidence: str
) -> None:
    verdict = _verdict.container(found, log, lambda: history, answers=answers)
    assert verdict["status"] == status
    assert evidence in verdict["evidence"]


@pytest.mark.parametrize(
    ("found", "heals"), [(container("exited"), False), (container("restarting", restarts=1), True), (None, False)]
)
def test_whether_a_container_heals(found: Any, *, heals: bool) -> None:
    assert _verdict.container(found, [], list, answers=False)["can_heal"] is heals


@pytest.mark.parametrize(
    ("health", "models", "log", "status", "evidence"),
    [
        (200, (200, ["gemma"]), SERVING, None, "/health 200, lists gemma"),
        (0, (0, "connection refused"), LOADING, "loading", "/v1/models: connection refused"),
        (0, (0, "connection refused"), [*LOADING, "Precompile backbone"], "compiling", "connection refused"),
        (0, (0, "connection refused"), SERVING, "down", "it had served since its start"),
        (503, (200, ["gemma"]), SERVING, "down", "/health: HTTP 503: the engine has died"),
        (200, (200, ["other"]), SERVING, "wrong_model", "expected model gemma; listed: other"),
        (200, (401, "Unauthorized"), SERVING, "down", "the server wants another API key"),
    ],
)
def test_http(health: int, models: Any, log: list[str], status: str | None, evidence: str) -> None:
    verdict = _verdict.http(health, models, "gemma", log)
    assert verdict["status"] == status
    assert evidence in verdict["evidence"]


def answer(ttft: float = 0.2, e2e: float = 0.4, tokens: int = 2, error: str | None = None) -> Any:
    found = _completion.Answer()
    found.text, found.tokens, found.done, found.error = "ab", tokens, True, error
    found.times = [ttft, e2e]
    return found


STILL = {"iterations": 7, "running": 1, "waiting": 0}
MOVED = {"iterations": 9, "running": 1, "waiting": 0}


@pytest.mark.parametrize(
    ("status", "answered", "after", "busy", "verdict", "evidence"),
    [
        (200, answer(), MOVED, False, None, "2 tokens, TTFT 200 ms, 400 ms in all"),
        (200, answer(ttft=2.0, e2e=3.0), MOVED, False, "stuck", "ttft_ms is 2000 with nothing else to do"),
        (200, answer(e2e=6.0), MOVED, False, "stuck", "e2e_ms is 6000 with nothing else to do, expected at most 5000"),
        # A full queue is no illness.
        (200, answer(ttft=4.0, e2e=6.0), MOVED, True, None, "TTFT 4000 ms"),
        (0, "timeout", MOVED, True, None, "no whole answer within 5000 ms, and the engine advances, under load"),
        (200, answer(error="timeout"), MOVED, True, None, "advances, under load"),
        # A frozen engine has requests too, and does nothing for them.
        (0, "timeout", STILL, True, "stuck", "no whole answer within 5000 ms, and the engine does not advance"),
        (0, "timeout", STILL, False, "stuck", "does not advance"),
        # It does something, but not for the only request that there is.
        (0, "timeout", MOVED, False, "stuck", "and the engine advances"),
        (0, "connection reset", STILL, False, "stuck", "connection reset"),
        (200, answer(tokens=1), MOVED, True, "stuck", "expected 2 tokens; got 1"),
        (500, "cannot schedule new futures after shutdown", STILL, False, "draining", "HTTP 500"),
        (500, "EngineDeadError", STILL, False, "stuck", "HTTP 500: EngineDeadError"),
    ],
)
def test_completion(
    status: int, answered: Any, after: dict[str, int], *, busy: bool, verdict: str | None, evidence: str
) -> None:
    engine = _verdict.engine(STILL, after, 1.0)
    found = _verdict.completion(status, answered, BUDGET, 2, engine, busy=busy)
    assert found["status"] == verdict
    assert evidence in found["evidence"]


@pytest.mark.parametrize(
    ("metrics", "busy"), [({}, False), (STILL, False), ({"running": 1, "waiting": 1}, True), ({"running": 2}, True)]
)
def test_is_busy(metrics: dict[str, int], *, busy: bool) -> None:
    assert _verdict.is_busy(metrics) is busy


@pytest.mark.parametrize(
    ("before", "after", "lines", "status"),
    [(5, 5, [], None), (5, 6, [], "compiling"), (5, 5, ["Compiling sampling"], "compiling"), (5, 4, [], None)],
)
def test_compiled(before: int, after: int, lines: list[str], status: str | None) -> None:
    assert _verdict.compiled(before, after, lines)["status"] == status


def test_the_first_layer_that_is_not_content_decides() -> None:
    layers = {
        "container": _verdict.content("runs"),
        "http": _verdict.content("lists"),
        "engine": _verdict.engine(STILL, MOVED, 1.0),
        "completion": _verdict.content("2 tokens"),
        "compile": _verdict.compiled(1, 2, []),
    }
    assert _verdict.decide(layers)["layer"] == "compile"
    layers["completion"] = _verdict.verdict("stuck", "no answer", "restart")
    found = _verdict.decide(layers)
    assert (found["status"], found["layer"], found["next_step"]) == ("stuck", "completion", "restart")


def test_ready_when_all_are_content() -> None:
    found = _verdict.decide({"container": _verdict.content("runs"), "completion": _verdict.content("2 tokens")})
    assert (found["status"], found["layer"], found["evidence"]) == ("ready", "completion", "2 tokens")
