"""What goes wrong with a compile cache costs a compile and never the service; the next run mends it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.config import GATEWAY
from tests.integration.conftest import ROOT, Result, lab, on_host, play

HOST = "tpu-b.us-east5-b"
CACHE = "/dev/shm/vllm_cache"
LOCAL = "/var/lib/turbostable/xla_cache"
REFUSED = "the compile cache is not restored, the host compiles"
STORE = {"xla_cache_store": "gs://lab-bucket/xla", "xla_cache_endpoint": f"http://{GATEWAY}:8471"}


def bundle() -> str:
    """Path of the bundle that the host restores at boot."""
    choice = json.loads(on_host("tpu-b", "cat", f"{LOCAL}/at-boot.json"))
    return f"{LOCAL}/{choice['fingerprint']}.tar.zst"


def spoil(path: str, how: str) -> None:
    size = int(on_host("tpu-b", "stat", "-c", "%s", path))
    if how == "truncated":
        on_host("tpu-b", "truncate", "--size", str(size - 20), path)
    else:
        on_host("tpu-b", "dd", "if=/dev/urandom", f"of={path}", "bs=1", "count=4", f"seek={size // 2}", "conv=notrunc")


def forget_cache() -> None:
    """No server and no cache, as on a host that was made anew."""
    on_host("tpu-b", "docker", "rm", "--force", "vllm-gemma4")
    on_host("tpu-b", "find", CACHE, "-mindepth", "1", "-delete")


def is_sound() -> bool:
    """Whether the disk has a bundle that can be restored, and the cache is complete."""
    done = on_host("tpu-b", "python3", "/usr/local/lib/turbostable/bundle.py", LOCAL)
    return done.startswith("restored ") and on_host("tpu-b", "cat", f"{CACHE}/.turbostable.json") != ""


def leftovers() -> str:
    return on_host("tpu-b", "find", LOCAL, "/dev/shm", "-maxdepth", "1", "-name", "'*.part'")


def words(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture(scope="module", autouse=True)
def after(fleet: None) -> Iterator[None]:
    """Serving and whole after the last test."""
    yield
    assert play("deploy").returncode == 0
    assert is_sound()


@pytest.fixture(autouse=True)
def host(after: None) -> Iterator[None]:
    """Whole before each test, whatever the one before has left; nothing half-done after it."""
    if not is_sound():
        forget_cache()
        assert play("deploy", "--limit", HOST).returncode == 0
    yield
    assert leftovers() == ""


def test_a_cache_that_is_lost_while_the_server_runs_does_not_pass_as_complete() -> None:
    on_host("tpu-b", "rm", bundle())
    on_host("tpu-b", "find", CACHE, "-mindepth", "1", "-delete")
    result = play("deploy", "--limit", HOST)
    assert result.returncode == 0
    assert "has lost entries while the server ran" in words(result)
    # The next start compiles, and what it compiles is kept.
    on_host("tpu-b", "docker", "restart", "vllm-gemma4")


def test_a_bundle_of_no_use_is_refused_and_made_anew() -> None:
    spoil(bundle(), "tampered")
    forget_cache()
    result = play("deploy", "--limit", HOST)
    assert result.returncode == 0
    assert words(result).count(REFUSED) == 1
    assert is_sound()
    assert set(play("deploy", "--limit", HOST).changed().values()) == {0}


def test_a_reboot_with_a_bundle_of_no_use_serves_all_the_same() -> None:
    spoil(bundle(), "truncated")
    lab("reboot", "tpu-b")
    health = "model=gemma-4-tiny wait=true timeout=300"
    ansible = [f"{ROOT}/.venv/bin/ansible", "-i", "inventory/lab", HOST, "--become"]
    subprocess.run([*ansible, "-m", "turbostable.tpu.vllm_health", "-a", health], cwd=ROOT, check=True)
    assert "the server compiles" in on_host("tpu-b", "journalctl", "-o", "cat", "-u", "turbostable-xla-cache.service")


def test_a_peer_gives_it_to_a_host_that_has_lost_it() -> None:
    on_host("tpu-b", "rm", bundle())
    forget_cache()
    result = play("deploy")
    assert result.returncode == 0
    assert REFUSED not in words(result)
    assert is_sound()


def test_through_cloud_storage() -> None:
    # From its disk into the store, and from there back onto a disk that has lost it.
    forget_cache()
    on_host("tpu-b", "rm", bundle())
    first = play("deploy", "--limit", HOST, extra=STORE)
    assert first.returncode == 0, words(first)
    forget_cache()
    on_host("tpu-b", "rm", bundle())
    second = play("deploy", "--limit", HOST, extra=STORE)
    assert second.returncode == 0
    assert REFUSED not in words(second)
    assert "Publish |" not in second.output
    assert is_sound()


def test_a_store_that_is_out_of_reach() -> None:
    forget_cache()
    on_host("tpu-b", "rm", bundle())
    result = play("deploy", "--limit", HOST, extra={**STORE, "xla_cache_endpoint": f"http://{GATEWAY}:9"})
    assert result.returncode == 0
    assert "gs://lab-bucket/xla" in words(result)
    assert is_sound()


@contextmanager
def small_disk() -> Iterator[None]:
    on_host("tpu-b", "mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", LOCAL)
    try:
        yield
    finally:
        on_host("tpu-b", "umount", LOCAL)


def test_a_disk_without_room_for_a_bundle() -> None:
    forget_cache()
    # Something to keep that does not fit.
    on_host("tpu-b", "sh", "-c", f"'head -c 200000 /dev/urandom > {CACHE}/entry'")
    extra: dict[str, Any] = {"xla_cache_store": "local"}
    with small_disk():
        result = play("deploy", "--limit", HOST, extra=extra)
        assert result.returncode == 0
        assert "the compile cache is not published everywhere" in words(result)
        assert on_host("tpu-b", "find", LOCAL, "-name", "'*.tar.zst*'") == ""
    on_host("tpu-b", "rm", "-f", f"{CACHE}/entry")
