"""The files of the boot unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _boot_unit

OPTIONS = {"project": "p", "secret": "s", "version": "7", "endpoint": "https://e", "path": "/dev/shm/hf/token"}
UNIT = "/etc/systemd/system/a.service"
LINK = "/etc/systemd/system/multi-user.target.wants/a.service"


def test_desired() -> None:
    found = _boot_unit.desired("a.service", "print()", OPTIONS)
    assert found[_boot_unit.SCRIPT] == "print()"
    assert found[LINK] == UNIT
    lines = found[UNIT].splitlines()
    assert {"Before=docker.service", "After=network-online.target", "Type=oneshot", "RemainAfterExit=yes"} <= {*lines}
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start == (
        f"ExecStart=/usr/bin/python3 -I {_boot_unit.SCRIPT} --project p --secret s --version 7 --endpoint https://e "
        "--path /dev/shm/hf/token"
    )


def test_nothing_is_desired_without_options() -> None:
    assert _boot_unit.desired("a.service", "print()", None) == dict.fromkeys((_boot_unit.SCRIPT, UNIT, LINK))


@pytest.mark.parametrize("content", ["text\n", "/the/target"])
def test_write_and_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a" / "b"
    assert _boot_unit.read(str(path)) is None
    path.with_name("b.new").parent.mkdir()
    path.with_name("b.new").write_text("left by a run that was killed")
    for _again in range(2):
        _boot_unit.write(str(path), content)
        assert _boot_unit.read(str(path)) == content
        assert path.is_symlink() == content.startswith("/")
    assert [found.name for found in path.parent.iterdir()] == ["b"]
    _boot_unit.write(str(path), None)
    assert list(path.parent.iterdir()) == []
