"""Two hosts of three are fine and one is bad: the two serve, the bad one is named, a rerun after the mend converges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Result, lab, on_host, play

BAD = "tpu-b.us-east5-b"
DEAD = "vllm/vllm-tpu:dead@sha256:" + "0" * 64


@contextmanager
def _host_variables(tmp_path: Path, variables: dict[str, object]) -> Iterator[list[str]]:
    """An inventory beside the lab's that spoils one host."""
    spoiled = tmp_path / "spoiled.yml"
    spoiled.write_text(json.dumps({"all": {"hosts": {BAD: variables}}}))
    yield ["-i", str(spoiled)]


@contextmanager
def _dead_image(tmp_path: Path) -> Iterator[list[str]]:
    with _host_variables(tmp_path, {"vllm_image": {"base": DEAD}}) as args:
        yield args


@contextmanager
def _wrong_secret(tmp_path: Path) -> Iterator[list[str]]:
    with _host_variables(tmp_path, {"hf_secret_name": "no-such-secret"}) as args:
        yield args


@contextmanager
def _full_memory_disk(_tmp_path: Path) -> Iterator[list[str]]:
    on_host("tpu-b", "sh", "-c", "'fallocate -l $(df --output=avail -B1 /dev/shm | tail -1) /dev/shm/ballast'")
    try:
        yield []
    finally:
        on_host("tpu-b", "rm", "-f", "/dev/shm/ballast")


@contextmanager
def _no_disk_for_images(_tmp_path: Path) -> Iterator[list[str]]:
    on_host("tpu-b", "systemctl", "stop", "docker.socket", "docker.service")
    on_host("tpu-b", "mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", "/var/lib/docker")
    on_host("tpu-b", "systemctl", "start", "docker.service")
    try:
        yield []
    finally:
        on_host("tpu-b", "systemctl", "stop", "docker.socket", "docker.service")
        on_host("tpu-b", "umount", "/var/lib/docker")
        on_host("tpu-b", "systemctl", "start", "docker.service")


@contextmanager
def _unreachable(_tmp_path: Path) -> Iterator[list[str]]:
    lab("halt", "tpu-b")
    try:
        yield []
    finally:
        lab("up", "--no-image")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(_dead_image, "Error pulling image vllm/vllm-tpu:sha256:0000", id="dead image"),
        pytest.param(_wrong_secret, "no-such-secret", id="wrong secret"),
        pytest.param(_full_memory_disk, "would be free in /dev/shm, expected at least 1g", id="no space in /dev/shm"),
        pytest.param(
            _no_disk_for_images,
            "are free where Docker keeps its images; expected at least 4g",
            id="no disk for the image",
        ),
        pytest.param(_unreachable, "FAILED: unreachable", id="unreachable"),
    ],
)
def test_the_others_serve_and_a_rerun_converges(spoil: Callable[..., object], reason: str, tmp_path: Path) -> None:
    with spoil(tmp_path) as args:  # type: ignore[attr-defined]
        spoiled = play("deploy", *args)
    assert spoiled.returncode != 0
    lines = _report(spoiled)
    assert reason in lines.pop(BAD)
    assert len(lines) == 2
    assert all(line.rstrip().endswith("ready") for line in lines.values()), lines

    mended = play("deploy")
    assert mended.returncode == 0
    assert all(line.rstrip().endswith("ready") for line in _report(mended).values())


def _report(result: Result) -> dict[str, str]:
    """The lines of the table, by host."""
    table = result.output.partition("seconds to ready")[2].partition("TASK [")[0]
    words = [line.strip() for line in table.splitlines()]
    return {line.split()[0]: line for line in words if line.startswith("tpu-") and "asked" not in line}
