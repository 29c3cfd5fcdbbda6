# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _health


def container(status: str = "running", restarts: int = 0, **state: Any) -> dict[str, Any]:
    return {"State": {"Status": status, "ExitCode": 0, "OOMKilled": False, **state}, "RestartCount": restarts}


@pytest.mark.parametrize(
    ("observed", "problem"),
    [
        pytest.param(container(), None, id="runs"),
        pytest.param(container(restarts=1), None, id="one restart may heal"),
        pytest.param(container("restarting", restarts=1, ExitCode=1), None, id="about to restart once"),
        pytest.param(None, "there is no such container", id="none"),
        pytest.param(container("exited", ExitCode=1), "the container has exited with code 1", id="exited"),
        pytest.param(container("dead", ExitCode=137), "the container has exited with code 137", id="dead"),
        pytest.param(
            container("exited", OOMKilled=True, ExitCode=137), "the container was killed for lack of memory", id="OOM"
        ),
        pytest.param(container("created"), "the container was created and never started", id="created"),
        pytest.param(
            container("created", Error="no such device"),
            "the container was created and never started: no such device",
            id="created, with Docker's reason",
        ),
        pytest.param(
            container("restarting", restarts=2, ExitCode=1),
            "the container is in a restart loop: 2 restarts, last exit code 1",
            id="restart loop",
        ),
    ],
)
def test_container_problem(observed: dict[str, Any] | None, problem: str | None) -> None:
    assert _health.container_problem(observed) == problem


def test_restarts_before_do_not_count() -> None:
    assert _health.container_problem(container("restarting", restarts=7), 6) is None
    problem = _health.container_problem(container("restarting", restarts=8), 6)
    assert problem == "the container is in a restart loop: 8 restarts, last exit code 0"


@pytest.mark.parametrize(
    ("lines", "phase", "done", "total"),
    [
        pytest.param([], "loading", None, None, id="no log yet"),
        pytest.param(["INFO api_server.py vLLM API server version 0.32.0"], "loading", None, None, id="nothing told"),
        pytest.param(["Starting to load model google/gemma..."], "loading", None, None, id="loading"),
        pytest.param(["Loading safetensors checkpoint shards:  50%"], "loading", None, None, id="shards"),
        pytest.param(["loading weights took 3 s", "Warming up model"], "compiling", None, None, id="CPU warm-up"),
        pytest.param(["Compiling the model", "Loading weights"], "compiling", None, None, id="it never goes back"),
        pytest.param(
            [
                "Prepared token paddings: [16, 32, 64]",
                "Precompile worker0 backbone --> {'num_tokens': 16}",
                "Precompile worker0 backbone --> {'num_tokens': 32}",
                "Precompile worker1 backbone --> {'num_tokens': 32}",
            ],
            "compiling",
            2,
            3,
            id="buckets, each counted once over all workers",
        ),
        pytest.param(["Prepared token paddings: [16, 32]"], "loading", 0, 2, id="buckets known, none compiled"),
    ],
)
def test_phase(lines: list[str], phase: str, done: int | None, total: int | None) -> None:
    assert _health.phase(lines) == {"phase": phase, "done": done, "total": total}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param([], "", id="no log"),
        pytest.param(["INFO all is well"], "", id="no reason"),
        pytest.param(
            ["usage: vllm serve", "vllm serve: error: unrecognized arguments: --foo", "RuntimeError: later"],
            "error: unrecognized arguments: --foo",
            id="a refused argument outweighs what follows from it",
        ),
        pytest.param(
            ["error: argument --max-num-seqs: invalid int value: 'x'"],
            "error: argument --max-num-seqs: invalid int value: 'x'",
            id="a refused value",
        ),
        pytest.param(
            ["ValueError: first", "XlaRuntimeError: RESOURCE_EXHAUSTED: 1.2G exceeds", "RuntimeError: engine died"],
            "XlaRuntimeError: RESOURCE_EXHAUSTED: 1.2G exceeds",
            id="lack of memory outweighs an exception",
        ),
        pytest.param(
            ["RuntimeError: Insufficient space in /dev/shm: 160 MiB required", "RuntimeError: later"],
            "RuntimeError: Insufficient space in /dev/shm: 160 MiB required",
            id="a full /dev/shm in vLLM's words",
        ),
        pytest.param(
            ["ValueError: the cause", "RuntimeError: Engine core initialization failed. See root cause above."],
            "ValueError: the cause",
            id="the cause and not what points to it",
        ),
        pytest.param(["OSError: No space left on device"], "OSError: No space left on device", id="a full disk"),
        pytest.param(
            ["ValueError: the cause", "RuntimeError: the last"], "RuntimeError: the last", id="the last exception"
        ),
        pytest.param(
            ["huggingface_hub.errors.GatedRepoError: 401 Client Error."],
            "huggingface_hub.errors.GatedRepoError: 401 Client Error.",
            id="with its module",
        ),
    ],
)
def test_reason(lines: list[str], reason: str) -> None:
    assert _health.reason(lines) == reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T01:00:00.000000001+01:00", 1e-9),
        ("2026-11-24T02:51:44.123456789Z", 1795488704.123456789),
        ("1970-01-01T00:00:00-05:30 a line of log", 19800.0),
    ],
)
def test_parse_time(text: str, seconds: float) -> None:
    assert _health.parse_time(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-24 02:51:44Z", "2026-11-24T02:51:44"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^no time: '{text}'$"):
        _health.parse_time(text)


@pytest.mark.parametrize(
    ("lines", "draining"),
    [
        ([], False),
        (["INFO: Application startup complete."], False),
        (["INFO [launcher.py:258] [shutdown] API server: shutdown triggered"], True),
        (["INFO [shutdown] EngineCore: draining in-flight requests count=1 timeout=60s"], True),
        (["RuntimeError: cannot schedule new futures after shutdown"], True),
    ],
)
def test_is_draining(lines: list[str], *, draining: bool) -> None:
    assert _health.is_draining(lines) is draining


def test_compile_lines() -> None:
    lines = ["INFO Loading weights took 1 s", "INFO Precompile backbone --> {'num_tokens': 16}", "INFO done"]
    assert _health.compile_lines(lines) == lines[1:2]


def test_is_serving() -> None:
    assert _health.is_serving(["x", "INFO:     Application startup complete."])
    assert not _health.is_serving(["INFO:     Waiting for application startup."])


def test_seconds_to_ready() -> None:
    lines = [
        "1970-01-01T00:01:00.000000000Z INFO Started server process [7]",
        "1970-01-01T00:01:12.345678901Z INFO:     Application startup complete.",
        "1970-01-01T00:02:00.000000000Z INFO:     Application startup complete.",
    ]
    assert _health.ready_seconds(lines, 60.0) == 12.3
    assert _health.ready_seconds(lines[:1], 60.0) is None
    assert _health.ready_seconds([], 60.0) is None


def test_ready_seconds_are_not_those_of_an_earlier_start() -> None:
    assert _health.ready_seconds(["1970-01-01T00:00:30.0Z Application startup complete"], 60.0) is None
