"""What the role shm_cache leaves on a host."""

from __future__ import annotations

import pytest
from testinfra.host import Host

DIRECTORIES = ["/dev/shm/huggingface", "/dev/shm/vllm_cache"]


def test_shm_has_its_size_and_flags(host: Host) -> None:
    size, options = host.check_output("findmnt --noheadings --bytes --output SIZE,OPTIONS /dev/shm").split()
    assert int(size) == 2 * 1024**3
    assert {"rw", "nosuid", "nodev"} <= set(options.split(","))
    assert "noexec" not in options.split(",")


def test_shm_has_its_size_at_boot(host: Host) -> None:
    lines = [line.split() for line in host.file("/etc/fstab").content_string.splitlines()]
    assert [fields[3] for fields in lines if "/dev/shm" in fields] == ["rw,nosuid,nodev,exec,size=2048m"]


@pytest.mark.parametrize("path", DIRECTORIES)
def test_directory_is_for_root_alone_now_and_at_boot(host: Host, path: str) -> None:
    directory = host.file(path)
    assert directory.is_directory
    assert (directory.user, directory.group, directory.mode) == ("root", "root", 0o700)
    tmpfiles = host.file("/etc/tmpfiles.d/turbostable-shm-cache.conf").content_string.splitlines()
    assert f"d {path} 0700 root root -" in tmpfiles


def test_no_empty_entry_is_left(host: Host) -> None:
    with host.sudo():
        empty = host.check_output("find /dev/shm/vllm_cache -type f -empty ! -name '*.lock' ! -name '*.py'")
    assert empty == ""
