"""The module, run in this process on a tmpfs directory, its systemd units in a temporary one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.turbostable.tpu.plugins.module_utils import _boot_unit, _secret_manager
from ansible_collections.turbostable.tpu.plugins.modules import secret_file
from lab.emulator import Emulator

CANARY = "hf_CanaryCanaryCanary"
UNIT = "turbostable-hf-secret.service"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def path() -> Iterator[Path]:
    """Where the secret goes: tmpfs, in a directory that is not there yet."""
    directory = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="test-secret-"))
    yield directory / "hf" / "token"
    shutil.rmtree(directory)


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_boot_unit, "_UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(_boot_unit, "SCRIPT", str(tmp_path / "lib" / "secret_manager.py"))
    return tmp_path / "units"


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was asked of systemd."""
    calls: list[list[str]] = []

    def run_command(_module: AnsibleModule, command: list[str], **_more: Any) -> tuple[int, str, str]:
        calls.append(command[1:])
        return 0, "", ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    return calls


@pytest.fixture
def run(
    path: Path,
    units: Path,
    systemctl: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run the module; its result. The secret must never be in what it prints."""
    monkeypatch.setattr(_secret_manager, "DELAYS", (0, 0, 0))

    main: Any = secret_file.main

    def call(*, check: bool = False, **args: Any) -> dict[str, Any]:
        given = {"path": str(path), "unit": UNIT, "_ansible_check_mode": check, "_ansible_diff": True, **args}
        with patch_module_args(given), pytest.raises(SystemExit):
            main()
        printed = capsys.readouterr().out
        assert CANARY not in printed
        result: dict[str, Any] = json.loads(printed)
        return result

    return call


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"project": "lab-project", "secrets": {"hf-token": f"{CANARY}\n"}}))
    with Emulator(fleet) as running:
        monkeypatch.setenv("GCE_METADATA_HOST", running.metadata)
        yield running


@pytest.fixture
def host(emulator: Emulator) -> dict[str, str]:
    """The arguments for source host."""
    return {"secret": "hf-token", "endpoint": f"http://{emulator.rest}"}


def files(directory: Path) -> list[str]:
    return sorted(str(found.relative_to(directory)) for found in directory.rglob("*") if not found.is_dir())


def test_content(run: Run, path: Path, units: Path, systemctl: list[list[str]]) -> None:
    first = run(content=CANARY + "\n")
    assert first["changed"]
    assert first["diff"] == [
        {
            "before_header": str(path),
            "after_header": str(path),
            "before": {"directory": "absent", "file": "absent", "content": "absent"},
            "after": _secret_manager.wanted(),
        }
    ]
    assert path.read_text() == CANARY
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    again = run(content=CANARY)
    assert (again["changed"], again["diff"]) == (False, [])
    assert files(units) == []
    assert systemctl == []


def test_another_secret(run: Run, path: Path) -> None:
    run(content="other")
    before = path.stat()
    result = run(content=CANARY)
    assert result["changed"]
    assert [result["diff"][0][side]["content"] for side in ("before", "after")] == ["different", "current"]
    assert path.read_text() == CANARY
    assert path.stat().st_ino != before.st_ino, "written in place, not renamed"


def test_host(run: Run, path: Path, units: Path, systemctl: list[list[str]], host: dict[str, str]) -> None:
    first = run(**host)
    assert first["changed"]
    assert first["resource"] == "projects/lab-project/secrets/hf-token/versions/latest"
    assert path.read_text() == CANARY
    assert files(units) == [f"multi-user.target.wants/{UNIT}", UNIT]
    assert (units / "multi-user.target.wants" / UNIT).resolve() == units / UNIT
    assert CANARY not in (units / UNIT).read_text()
    assert f"--endpoint {host['endpoint']} " in (units / UNIT).read_text()
    assert Path(_boot_unit.SCRIPT).read_bytes() == Path(str(_secret_manager.__file__)).read_bytes()
    assert systemctl == [["daemon-reload"]]
    systemctl.clear()
    assert not run(**host)["changed"]
    assert systemctl == []


def test_check_mode_changes_nothing_and_tells_everything(
    run: Run, path: Path, units: Path, systemctl: list[list[str]], host: dict[str, str]
) -> None:
    foreseen = run(check=True, **host)
    assert foreseen["changed"]
    assert not path.parent.exists()
    assert files(units) == []
    assert not Path(_boot_unit.SCRIPT).exists()
    assert systemctl == []
    assert run(**host)["diff"] == foreseen["diff"]


def test_a_changed_unit_is_mended_and_the_script_not_shown(run: Run, units: Path, host: dict[str, str]) -> None:
    run(**host)
    Path(_boot_unit.SCRIPT).write_text("old")
    (units / UNIT).write_text("old")
    result = run(**host)
    assert [(item["before"], item["after"]) for item in result["diff"]] == [
        ("another version\n", "this version\n"),
        ("old\n", (units / UNIT).read_text()),
    ]
    assert not run(**host)["changed"]


@pytest.mark.parametrize(
    ("args", "left"), [({"content": "other"}, ["token"]), ({"state": "absent"}, [])], ids=["content", "absent"]
)
def test_another_source_removes_the_unit(
    run: Run,
    path: Path,
    units: Path,
    systemctl: list[list[str]],
    host: dict[str, str],
    args: dict[str, str],
    left: list[str],
) -> None:
    run(**host)
    systemctl.clear()
    assert run(check=True, **args)["changed"]
    assert systemctl == []
    assert path.read_text() == CANARY
    assert run(**args)["changed"]
    assert systemctl == [["stop", UNIT], ["daemon-reload"]]
    assert files(path.parent) == left
    assert files(units) == []
    assert not Path(_boot_unit.SCRIPT).exists()
    assert not run(**args)["changed"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"content": ""}, "is empty"),
        ({"content": f"{CANARY} {CANARY}"}, "white space"),
        ({"content": CANARY, "path": "/usr/none/token"}, "expected tmpfs"),
        ({"content": CANARY, "path": "/dev/shm/token"}, "is a mount point"),
        ({"content": CANARY, "unit": "../x.service"}, "unit '../x.service' is not valid"),
        ({"content": CANARY, "secret": "x"}, "mutually exclusive"),
        ({}, "state is present but any of the following are missing: content, secret"),
    ],
)
def test_refusals(run: Run, path: Path, args: dict[str, str], told: str) -> None:
    result = run(**args)
    assert result["failed"]
    assert told in result["msg"]
    assert not path.parent.exists()


def test_a_secret_that_cannot_be_read_leaves_the_host_alone(
    run: Run, path: Path, units: Path, host: dict[str, str]
) -> None:
    result = run(**host | {"secret": "nope"})
    assert result["failed"]
    assert "Secret [projects/lab-project/secrets/nope] not found" in result["msg"]
    assert not path.parent.exists()
    assert files(units) == []
