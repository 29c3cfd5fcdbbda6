"""The truth table of vllm_health: each state is produced on a real server, and plain /health is asked beside it."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.config import HOSTS
from lab.hosts import ssh_command
from tests.integration.conftest import LIMITS, ROOT, on_host, play, start

HOST = next(host for host in HOSTS if host.name == "tpu-a")
TRUTH = {row["state"]: row for row in yaml.safe_load((Path(__file__).parent / "health_truth.yml").read_text())}
ENGINE = "VLLM::EngineCor[e]"
# Prints the status of plain /health, or 0.
PLAIN = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health", timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print(0)
"""
# Keeps many endless streams open until it is killed; says so once the first one has an answer.
LOAD = """
import json, sys, threading, time, urllib.request
port, count, key = sys.argv[1:]
body = {"model": "gemma-4-tiny", "prompt": "once", "max_tokens": 1500, "ignore_eos": True, "stream": True}
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
first = threading.Event()
def ask():
    while True:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as stream:
            for line in stream:
                first.set()
for _ in range(int(count)):
    threading.Thread(target=ask, daemon=True).start()
first.wait()
time.sleep(1)
print("loaded", flush=True)
time.sleep(600)
"""


def health(**args: Any) -> dict[str, Any]:
    """One snapshot, as the module returns it."""
    given = {"model": "gemma-4-tiny", "cache_directory": "/dev/shm/vllm_cache", "e2e_budget": 8000, **args}
    command = [f"{ROOT}/.venv/bin/ansible", "-i", "inventory/lab", HOST.inventory_name, "--become", "--one-line"]
    command += ["-m", "turbostable.tpu.vllm_health", "-a", json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout.partition("=> ")[2])
    return found


def plain(port: int = 8000) -> int:
    return int(on_host("tpu-a", "python3", "-c", shlex.quote(PLAIN), str(port)))


def check(state: str, port: int = 8000, **args: Any) -> dict[str, Any]:
    """The snapshot of now, which must be the table's row."""
    said = plain(port)
    found = health(port=port, **args)
    row = TRUTH[state]
    assert (said, found["status"], found["layer"]) == (row["health"], row["status"], row["layer"]), found
    return found


def until(status: str, timeout: float = 240, **args: Any) -> dict[str, Any]:
    """Wait for a status that must come."""
    deadline = time.monotonic() + timeout
    while (found := health(**args))["status"] != status:
        assert time.monotonic() < deadline, f"{status} never came: {found}"
    return found


def engine(signal: str) -> None:
    on_host("tpu-a", "pkill", f"-{signal}", "-f", ENGINE)


@contextmanager
def load(port: int, count: int, key: str = "none") -> Iterator[None]:
    command = [
        *ssh_command(HOST),
        "sudo",
        "timeout",
        "300",
        "python3",
        "-c",
        shlex.quote(LOAD),
        str(port),
        str(count),
        key,
    ]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "loaded\n"
            yield
        finally:
            on_host("tpu-a", "pkill", "-f", "'once.*max_token[s]'")
            process.wait()


@contextmanager
def second_server(name: str, *flags: str, options: str = "") -> Iterator[None]:
    """Another server beside the deployed one, with the deployed one's image and environment."""
    env = json.loads(on_host("tpu-a", "docker", "inspect", "--format", "'{{json .Config.Env}}'", "vllm-gemma4"))
    image = on_host("tpu-a", "docker", "inspect", "--format", "'{{.Config.Image}}'", "vllm-gemma4").strip()
    run = f"docker run --detach --init --name {name} --network host {options} -v /dev/shm:/dev/shm "
    run += " ".join(f"-e {shlex.quote(variable)}" for variable in env)
    serve = "serve /models/gemma-4-tiny --served-model-name=gemma-4-tiny --enforce-eager --max-model-len=8192"
    on_host("tpu-a", f"{run} --entrypoint vllm {image} {serve} {' '.join(flags)}")
    try:
        yield
    finally:
        on_host("tpu-a", "docker", "rm", "--force", name)


@pytest.fixture(autouse=True)
def host(fleet: None) -> Iterator[None]:
    """Ready before each test, and again after the last one."""
    until("ready")
    yield
    if health()["status"] != "ready":
        assert play("deploy", "--limit", HOST.inventory_name).returncode == 0


def test_ready() -> None:
    found = check("ready")
    assert found["completion"]["tokens"] == 8
    assert 0 < found["completion"]["ttft_ms"] <= found["completion"]["e2e_ms"]
    assert found["engine"]["generation_tokens"] >= 8
    assert found["cache"]["written"] == 0
    assert {name: layer["status"] for name, layer in found["layers"].items()} == dict.fromkeys(
        ("container", "http", "engine", "completion", "compile")
    )


def test_wrong_model() -> None:
    assert "listed: gemma-4-tiny" in check("wrong model", model="google/gemma-4-31B-it")["evidence"]


def test_starting_and_then_ready() -> None:
    on_host("tpu-a", "docker", "restart", "--time", "0", "vllm-gemma4")
    check("starting")
    until("ready")


def test_frozen_engine_and_what_wakes_it() -> None:
    engine("STOP")
    try:
        found = check("engine frozen")
    finally:
        engine("CONT")
    assert "the engine does not advance" in found["evidence"]
    until("ready")


def test_killed_engine_comes_back() -> None:
    restarts = health()["container"]["restarts"]
    engine("KILL")
    deadline = time.monotonic() + 60
    while health()["container"]["restarts"] == restarts:
        assert time.monotonic() < deadline, "Docker has not started it again"
    check("engine killed")
    until("ready")


def test_draining() -> None:
    with load(8000, 1):
        # Not docker kill, after which Docker would not start it again.
        on_host("tpu-a", "pkill", "-TERM", "-f", "'bin/vllm serv[e]'")
        until("draining")
        check("draining")
    until("ready")


def test_full_queue_and_wrong_key() -> None:
    options = "-e VLLM_API_KEY=right"
    with second_server("second", "--port=8001", "--max-num-seqs=2", options=options):
        server: dict[str, Any] = {"container": "second", "port": 8001}
        until("ready", api_key="right", **server)
        check("wrong API key", api_key="wrong", **server)
        with load(8001, 12, "right"):
            found = check("full queue", api_key="right", **server)
            assert found["engine"]["waiting"] >= 5
            assert "the engine advances, under load" in found["evidence"]


def test_restart_loop() -> None:
    with second_server("second", "--port=8001", "--no-such-flag", options="--restart unless-stopped"):
        server: dict[str, Any] = {"container": "second", "port": 8001}
        deadline = time.monotonic() + 120
        while "restart loop" not in health(**server)["evidence"]:
            assert time.monotonic() < deadline
        found = check("restart loop", **server)
        assert "error: unrecognized arguments: --no-such-flag" in found["evidence"]
        assert found["can_heal"] is False


def test_full_shm() -> None:
    fill = "fallocate -l $(df --output=avail -B1 /dev/shm | tail -1) /dev/shm/ballast"
    on_host("tpu-a", "sh", "-c", shlex.quote(fill))
    try:
        # A server that runs has its memory already.
        assert health()["status"] == "ready"
        on_host("tpu-a", "docker", "restart", "--time", "0", "vllm-gemma4")
        found = until("down", timeout=120)
        deadline = time.monotonic() + 120
        while found["layer"] != "container" or found["can_heal"]:
            assert time.monotonic() < deadline, found
            found = health()
        assert "Insufficient space in /dev/shm" in check("/dev/shm full")["evidence"]
    finally:
        on_host("tpu-a", "rm", "-f", "/dev/shm/ballast")
    # Mended, and nobody has touched the container: a rerun waits for Docker's next try.
    assert play("deploy", "--limit", HOST.inventory_name).returncode == 0


def test_compiling_with_an_empty_cache_and_no_container() -> None:
    on_host("tpu-a", "docker", "rm", "--force", "vllm-gemma4")
    check("no container")
    on_host("tpu-a", "find", "/dev/shm/vllm_cache", "-mindepth", "1", "-delete")
    deploy = start("deploy", "--limit", HOST.inventory_name, extra={"vllm_args": LIMITS})
    try:
        until("compiling")
        check("compiling")
    finally:
        deploy.communicate()
    assert deploy.returncode == 0
