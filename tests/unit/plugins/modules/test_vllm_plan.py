# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, run in this process, with a hub of our own and no Docker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.turbostable.tpu.plugins.modules import vllm_plan

Run = Callable[..., dict[str, Any]]
FILES = {
    "/a/b/resolve/main/config.json": {"model_type": "x"},
    "/a/b/resolve/main/model.safetensors.index.json": {"metadata": {"total_size": 7}},
    "/a/single/resolve/main/config.json": {"model_type": "y"},
}


class Hub(BaseHTTPRequestHandler):
    tokens: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.tokens.append(self.headers.get("Authorization"))
        body = json.dumps(FILES.get(self.path)).encode()
        self.send_response(200 if self.path in FILES else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.tokens = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(model: str = "a/b", docker: dict[str, tuple[int, str, str]] | None = None, **more: Any) -> dict[str, Any]:
        """*docker* maps the first word after ``docker`` to (exit code, output, error)."""
        answers = docker or {}
        monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_args, **_more: "/bin/docker" if docker else None)
        monkeypatch.setattr(AnsibleModule, "run_command", lambda _module, command, **_more: answers[command[1]])
        args = {"image": "i", "argv": ["serve", model], "hf_home": str(tmp_path), "compile_cache": str(tmp_path / "c")}
        with patch_module_args({**args, **more}), pytest.raises(SystemExit):
            vllm_plan.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def test_a_host_without_docker(run: Run) -> None:
    told = run()
    assert (told["container"], told["image_id"], told["model"], told["changed"]) == (None, None, None, False)
    assert told["memory"] > 1 << 28
    assert told["shm"]["size"] > 0


def test_the_hub_is_asked_only_where_one_is_named_and_with_the_token(run: Run, hub: str, tmp_path: Path) -> None:
    assert run()["model"] is None
    (tmp_path / "token").write_text("t0ken\n")
    told = run(hub=hub)
    assert told["model"] == {"config": {"model_type": "x"}, "weights": 7, "source": f"{hub}/a/b/resolve/main/"}
    assert Hub.tokens == ["Bearer t0ken"] * 2
    assert "t0ken" not in json.dumps(told)


def test_a_model_without_an_index_and_one_that_is_not_there(run: Run, hub: str) -> None:
    assert run("a/single", hub=hub)["model"]["weights"] is None
    assert run("a/none", hub=hub)["model"] is None
    assert run("/models/x", hub=hub)["model"] is None


def test_a_hub_that_does_not_answer_is_done_without(run: Run) -> None:
    assert run(hub="http://127.0.0.1:1")["model"] is None


@pytest.mark.parametrize(
    "error", ["Error: No such container: x", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."]
)
def test_no_container_and_no_engine_are_no_failure(run: Run, error: str) -> None:
    assert run(docker={"container": (1, "", error), "image": (1, "", error)})["container"] is None


def test_any_other_trouble_with_docker_is_told(run: Run) -> None:
    told = run(docker={"container": (1, "", "permission denied")})
    assert told["failed"]
    assert told["msg"] == "docker container inspect vllm-gemma4 failed: permission denied"


def test_the_parser_is_not_asked_without_the_image(run: Run) -> None:
    assert run(parse=True)["parsed"]["skipped"] == "the image is not on the host yet"


def test_an_image_without_an_answer_is_skipped_with_its_last_words(run: Run) -> None:
    docker = {
        "container": (1, "", "No such container"),
        "image": (0, '[{"Id": "sha256:1"}]', ""),
        "run": (1, "", "Traceback\nModuleNotFoundError: vllm"),
    }
    told = run(docker=docker, parse=True)["parsed"]
    assert told["refusal"] is None
    assert told["skipped"].endswith("gave no answer (exit code 1): ModuleNotFoundError: vllm")


def test_what_lies_in_shm_is_counted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "entry").write_bytes(b"x" * 10_000)
    shm = run()["shm"]
    assert shm["cache"] >= 10_000
