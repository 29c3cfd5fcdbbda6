"""What the role xla_cache leaves on a host, and that of three hosts one has compiled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

CACHE = "/dev/shm/vllm_cache"
LOCAL = "/var/lib/turbostable/xla_cache"
UNIT = "turbostable-xla-cache.service"
# Who has compiled, as the bundles of the hosts tell that were looked at so far.
_canaries: set[str] = set()


@pytest.fixture
def root(host: Host) -> Any:
    with host.sudo():
        yield host


@pytest.fixture
def choice(root: Host) -> dict[str, str]:
    found: dict[str, str] = json.loads(root.file(f"{LOCAL}/at-boot.json").content_string)
    return found


def test_the_cache_is_complete_for_what_is_restored_at_boot(root: Host, choice: dict[str, str]) -> None:
    marker = json.loads(root.file(f"{CACHE}/.turbostable.json").content_string)
    assert marker == {"fingerprint": choice["fingerprint"], "complete": True}
    assert choice["directory"] == CACHE


def test_bundles_are_roots_alone(root: Host, choice: dict[str, str]) -> None:
    for path, mode in ((LOCAL, 0o700), (f"{LOCAL}/{choice['fingerprint']}.tar.zst", 0o600)):
        found = root.file(path)
        assert (found.user, found.group, found.mode) == ("root", "root", mode)


def test_one_has_compiled_and_the_others_have_compiled_nothing(root: Host, choice: dict[str, str]) -> None:
    bundle = f"{LOCAL}/{choice['fingerprint']}.tar.zst"
    manifest = json.loads(root.check_output("zstd -dqc %s | tar -xO MANIFEST.json", bundle))
    _canaries.add(manifest["made_on"])
    assert len(_canaries) == 1
    assert len(manifest["entries"]) > 10
    started = root.check_output("docker inspect --format {{.State.StartedAt}} vllm-gemma4")
    written = root.check_output(
        "find %s -type f -newermt %s ! -name '.turbostable*' ! -name '*.lock'", CACHE, started
    ).split()
    assert (len(written) > 10) == (manifest["made_on"] == root.check_output("hostname")), written


def test_it_is_restored_before_docker_starts(host: Host) -> None:
    assert host.service(UNIT).is_enabled
    assert "docker.service" in host.check_output(f"systemctl show {UNIT} --property Before").split("=")[1].split()
    assert host.check_output(f"systemd-analyze verify {UNIT} 2>&1") == ""


def test_nothing_is_left_half_done(root: Host) -> None:
    assert root.check_output(f"find {LOCAL} /dev/shm -name '*.part'") == ""
