# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client, against a small real HTTP server and with Docker's answers given."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _vllm_server

INSPECTED = json.dumps([{"State": {"Running": True, "StartedAt": "1970-01-01T00:01:00Z"}}])
EVENTS = [
    {"choices": [{"text": "a"}]},
    {"choices": [], "usage": {"completion_tokens": 1}},
]


class Handler(BaseHTTPRequestHandler):
    """Answers by path; what came with the last request is at the server."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.server.seen = (self.headers.get("Authorization"), self.rfile.read(length))  # type: ignore[attr-defined]
        lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS] + [b"data: [DONE]\n\n"]
        status, body = {
            "/health": (200, b""),
            "/v1/models": (200, b'{"data": [{"id": "gemma"}]}'),
            "/metrics": (200, b"vllm:num_requests_running 2.0\n"),
            "/whole": (200, b"".join(lines)),
            "/cut": (200, lines[0]),
            "/slow": (200, lines[0]),
            "/refused": (400, b"no image for this model"),
        }.get(self.path, (404, b"not here"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/slow":
            self.wfile.flush()
            time.sleep(5)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def server(web: ThreadingHTTPServer) -> Any:
    return made(lambda *_args, **_more: (0, INSPECTED, ""), web.server_port)


def made(run: Callable[..., tuple[int, str, str]], port: int = 1) -> Any:
    return _vllm_server.Server(run, "box", port, "secret")


def test_what_the_server_says(server: Any, web: Any) -> None:
    assert server.started == 60.0
    assert server.health() == 200
    assert server.models() == (200, ["gemma"])
    assert server.metrics() == {"running": 2}
    assert server.post("/v1/models", {"a": 1})[0] == 200
    assert web.seen == ("Bearer secret", b'{"a": 1}')


def test_a_whole_stream(server: Any, web: Any) -> None:
    status, answer = server.stream("/whole", {"prompt": [7]}, 5)
    assert (status, answer.text, answer.tokens, answer.done, answer.error) == (200, "a", 1, True, None)
    assert json.loads(web.seen[1]) == {"prompt": [7], "stream": True, "stream_options": {"include_usage": True}}


def test_a_stream_that_ends_early(server: Any) -> None:
    status, answer = server.stream("/cut", {}, 5)
    assert (status, answer.done, answer.error) == (200, False, None)


def test_a_stream_that_stalls(server: Any) -> None:
    begin = time.monotonic()
    status, answer = server.stream("/slow", {}, 0.3)
    assert (status, answer.text, answer.error) == (200, "a", "timeout")
    assert time.monotonic() - begin < 4


def test_a_refusal_comes_with_its_words(server: Any) -> None:
    assert server.stream("/refused", {}, 5) == (400, "no image for this model")


def test_nobody_listens() -> None:
    nobody = made(lambda *_args, **_more: (0, INSPECTED, ""), 1)
    assert nobody.health() == 0
    assert nobody.models()[0] == 0
    assert nobody.metrics() == {}
    status, told = nobody.stream("/whole", {}, 5)
    assert status == 0
    assert "refused" in told


def test_no_container_and_no_docker() -> None:
    def missing(*_args: Any, **_more: Any) -> tuple[int, str, str]:
        raise FileNotFoundError("docker")

    for run in (missing, lambda *_args, **_more: (1, "", "Error: No such container: box")):
        server = made(run)
        assert (server.container, server.started, server.log(), server.history()) == (None, 0.0, [], [])


def test_an_engine_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(_vllm_server.ServerError, match="docker inspect box failed: Cannot connect"):
        made(lambda *_args, **_more: (1, "", "Cannot connect to the Docker daemon"))


def test_cache_entries(tmp_path: Path) -> None:
    for name, age in (("old", 10), ("new", 100), ("x.lock", 100), (".turbostable.json", 100)):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, (age, age))
    assert _vllm_server.cache_entries(str(tmp_path), 50) == {"entries": 2, "bytes": 10, "written": 1}
    assert _vllm_server.cache_entries(str(tmp_path / "none")) == {"entries": 0, "bytes": 0, "written": 0}
