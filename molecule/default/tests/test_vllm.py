"""What the role vllm leaves on a host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

CONTAINER = "vllm-gemma4"
CACHE = "/dev/shm/vllm_cache"


@pytest.fixture
def root(host: Host) -> Any:
    """The host with root's eyes; a failure shows the end of the container's log."""
    with host.sudo():
        yield host


@pytest.fixture
def inspected(root: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(root.check_output("docker container inspect %s", CONTAINER))[0]
    return found


def test_one_container_by_digest_that_comes_back(root: Host, inspected: dict[str, Any]) -> None:
    assert root.check_output("docker ps --all --format '{{.Names}}'") == CONTAINER
    assert inspected["State"]["Status"] == "running"
    assert inspected["RestartCount"] == 0
    assert inspected["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert inspected["HostConfig"]["Init"] is True
    assert inspected["HostConfig"]["NetworkMode"] == "host"
    assert inspected["Config"]["Entrypoint"] == ["vllm"]
    image = json.loads(root.check_output("docker image inspect %s", inspected["Image"]))[0]
    assert image["Config"]["Labels"]["turbostable.base"].partition("@sha256:")[2]


def test_it_has_time_to_drain(inspected: dict[str, Any]) -> None:
    drain = next(
        int(word.split("=")[1]) for word in inspected["Config"]["Cmd"] if word.startswith("--shutdown-timeout")
    )
    assert inspected["Config"]["StopTimeout"] >= drain + 30


def test_an_init_hands_signals_on(root: Host) -> None:
    processes = root.check_output("docker top %s -o pid,args", CONTAINER).splitlines()
    assert processes[1].split()[1].endswith("docker-init")
    assert not [line for line in processes if " bash -c" in line or " sh -c" in line]


def test_the_model_answers(root: Host) -> None:
    body = json.dumps(
        {
            "model": "gemma-4-tiny",
            "messages": [{"role": "user", "content": "Who are you?"}],
            "max_tokens": 4,
            "ignore_eos": True,
        }
    )
    script = (
        "import sys, urllib.request as r; "
        "q = r.Request('http://127.0.0.1:8000/v1/chat/completions', sys.argv[1].encode(), "
        "{'Content-Type': 'application/json'}); print(r.urlopen(q, timeout=60).read().decode())"
    )
    answer = json.loads(root.check_output("python3 -c %s %s", script, body))
    assert answer["usage"]["completion_tokens"] == 4


def test_the_compile_cache_is_filled(root: Host) -> None:
    assert int(root.check_output("find %s -type f | wc -l", CACHE)) > 0
