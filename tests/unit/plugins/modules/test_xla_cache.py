# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, run in this process on directories of its own, with Docker's answers given."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle, _bundle_gcs
from ansible_collections.turbostable.tpu.plugins.modules import xla_cache
from lab.emulator import Emulator

STARTED = "2026-11-25T02:00:00.5Z"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"project": "p"}))
    with Emulator(fleet) as running:
        yield running


class Host:
    """A host's directories."""

    def __init__(self, path: Path, name: str) -> None:
        self.cache = path / name / "shm" / "cache"
        self.local = path / name / "disk"
        self.cache.mkdir(parents=True)

    def compile(self, *names: str) -> None:
        """As a server that was started with this cache."""
        _bundle.begin(str(self.cache), "f")
        if not _bundle.is_warm(str(self.cache), "f"):
            os.utime(self.cache / ".turbostable.json", (1, 1))
        for name in names:
            (self.cache / name).write_bytes(name.encode() * 1000)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, "a")


@pytest.fixture
def warmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the note that vllm_warmup leaves."""
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setattr(xla_cache, "NOTES", str(notes))

    def write(started: str = STARTED, compiled: int = 0) -> None:
        note = {"started_at": started, "compiled": compiled}
        (notes / "warmup-vllm-gemma4.json").write_text(json.dumps(note))

    return write


@pytest.fixture
def run(host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    state = {"Status": "running", "Running": True, "StartedAt": STARTED}
    inspected = json.dumps([{"State": state, "Image": "sha256:0"}])
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_args, **_more: (0, inspected, ""))
    main: Any = xla_cache.main

    def call(state: str, *, on: Host | None = None, check: bool = False, **args: Any) -> dict[str, Any]:
        on = on or host
        given = {"state": state, "fingerprint": "f", "directory": str(on.cache), "local": str(on.local), **args}
        given = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
        told: list[str] = []
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: told.append(warning))
        with patch_module_args(given), pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = {**json.loads(capsys.readouterr().out), "warned": told}
        return result

    return call


def test_published_and_again(run: Run, host: Host, warmed: Callable[..., None]) -> None:
    warmed()
    host.compile("one", "two")
    result = run("published", compile_seconds=9.5)
    assert (result["changed"], result["warm"], result["local_bundle"], result["entries"]) == (True, True, True, 2)
    assert (result["bundle"]["compile_seconds"], result["bundle"]["count"]) == (9.5, 2)
    assert "incomplete" in result["diff"]["before"]
    assert "2 entries, complete for f" in result["diff"]["after"]
    assert run("published")["changed"] is False
    host.compile("three")
    assert run("published")["changed"] is True


@pytest.mark.parametrize(
    "note",
    [None, {"started": "2026-11-24T00:00:00Z"}, {"compiled": 1}],
    ids=["none", "of an earlier start", "compiled"],
)
def test_only_a_warmed_host_publishes(
    run: Run, host: Host, warmed: Callable[..., None], note: dict[str, Any] | None
) -> None:
    if note is not None:
        warmed(**note)
    host.compile("one")
    result = run("published")
    assert result["failed"]
    assert "run playbooks/warm_cache.yml" in result["msg"]
    assert not host.local.exists()


def test_entries_that_were_lost_since_the_start_do_not_pass_as_all(
    run: Run, host: Host, warmed: Callable[..., None]
) -> None:
    warmed()
    host.compile("one")
    assert run("info")["has_all"] is True
    (host.cache / ".turbostable.json").unlink()
    assert run("info")["has_all"] is False
    assert "has lost entries since vllm-gemma4 was started" in run("published")["msg"]
    # Said now, and the server was started before.
    run("restored")
    assert run("info")["has_all"] is False


def test_check_mode_changes_nothing(run: Run, host: Host, warmed: Callable[..., None]) -> None:
    warmed()
    host.compile("one")
    assert run("published", check=True)["changed"] is True
    assert not host.local.exists()
    run("published")
    (host.cache / ".turbostable.json").unlink()
    before = sorted(path.name for path in host.cache.iterdir())
    assert run("restored", check=True)["changed"] is True
    assert sorted(path.name for path in host.cache.iterdir()) == before
    assert run("restored", fingerprint="g", check=True)["changed"] is True


def test_nothing_compiled_is_nothing_to_publish_and_complete(run: Run, host: Host, warmed: Callable[..., None]) -> None:
    warmed()
    host.compile()
    result = run("published")
    assert (result["changed"], result["warm"], result["local_bundle"]) == (True, True, False)
    assert run("published")["changed"] is False


def test_restored_from_the_disk(run: Run, host: Host, warmed: Callable[..., None]) -> None:
    warmed()
    host.compile("one")
    run("published")
    (host.cache / "one").unlink()
    (host.cache / ".turbostable.json").unlink()
    result = run("restored")
    assert (result["outcome"], result["source"], result["changed"], result["warm"]) == ("restored", "local", True, True)
    assert (host.cache / "one").exists()
    result = run("restored")
    assert (result["outcome"], result["changed"]) == ("already", False)
    assert json.loads((host.local / "at-boot.json").read_text()) == {"fingerprint": "f", "directory": str(host.cache)}


def test_no_bundle_yet_is_a_miss(run: Run, host: Host) -> None:
    host.compile("of another configuration")
    result = run("restored")
    assert (result["outcome"], result["changed"], result["warm"]) == ("miss", False, False)
    # Nobody has compiled yet, which is no trouble.
    assert (result["reason"], result["warned"]) == ("there is no bundle yet", [])
    assert (host.cache / "of another configuration").exists()


def test_a_tampered_bundle_goes_and_the_host_compiles(run: Run, host: Host, warmed: Callable[..., None]) -> None:
    warmed()
    host.compile("one")
    run("published")
    (host.cache / ".turbostable.json").unlink()
    path = host.local / "f.tar.zst"
    path.write_bytes(path.read_bytes()[:-9])
    result = run("restored")
    assert result["outcome"] == "miss"
    assert "truncated" in result["reason"]
    assert len(result["warned"]) == 1
    assert not path.exists()


def test_a_sound_bundle_without_room_stays(
    run: Run, host: Host, warmed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed()
    host.compile("one")
    run("published")
    (host.cache / ".turbostable.json").unlink()

    def full(*_args: Any) -> None:
        raise _bundle.BundleError("No space left on device")

    monkeypatch.setattr(_bundle, "restore", full)
    assert run("restored")["outcome"] == "miss"
    assert (host.local / "f.tar.zst").exists()


def test_what_would_fail_at_every_start_is_swept(run: Run, host: Host) -> None:
    (host.cache / "empty").touch()
    result = run("restored")
    assert (result["swept"], result["changed"]) == (["empty"], True)


def test_through_the_store_to_another_host(
    run: Run, host: Host, warmed: Callable[..., None], emulator: Emulator, tmp_path: Path
) -> None:
    store = {"store": "gs://bucket/xla", "store_endpoint": f"http://{emulator.rest}"}
    other = Host(tmp_path, "b")
    assert run("info", on=other, **store)["store_bundle"] is False
    warmed()
    host.compile("one", "two")
    run("published", **store)
    assert run("info", on=other, **store)["store_bundle"] is True
    result = run("restored", on=other, **store)
    assert (result["outcome"], result["source"], result["entries"]) == ("restored", "store", 2)
    # Asked only where the disk has none.
    assert run("info", on=other, **store)["store_bundle"] is False


def test_a_store_that_is_out_of_reach_keeps_nobody_from_serving(
    run: Run, host: Host, warmed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_bundle_gcs, "_PATIENCE", 0.5)
    store = {"store": "gs://bucket/xla", "store_endpoint": "http://127.0.0.1:1"}
    result = run("info", **store)
    assert "no bundle of the compile cache can be had: gs://bucket/xla" in result["warned"][0]
    result = run("restored", **store)
    assert (result["outcome"], len(result["warned"])) == ("miss", 1)
    warmed()
    host.compile("one")
    result = run("published", **store)
    assert (result["changed"], result["local_bundle"]) == (True, True)
    assert "not published everywhere: gs://bucket/xla" in result["warned"][0]


def test_info_tells_hit_and_miss(run: Run, host: Host) -> None:
    host.compile("one")
    result = run("info")
    assert (result["changed"], result["warm"], result["entries"]) == (False, False, 1)
    assert result["free_bytes"] > 0
    assert result["zstd"] is True
    # Written now, which is after the container's start in some past; and before that.
    assert result["last_start"]["result"] in ("hit", "miss")
    os.utime(host.cache / "one", (1, 1))
    assert run("info")["last_start"] == {"written": 0, "result": "hit"}


@pytest.mark.parametrize(("size", "told"), [("20x", "'20x' is no size"), ("", "'' is no size")])
def test_a_size_that_is_none(run: Run, host: Host, warmed: Callable[..., None], size: str, told: str) -> None:
    warmed()
    host.compile("one")
    assert told in run("published", local_max_bytes=size)["warned"][0]


def test_a_fingerprint_that_is_a_path_is_refused(run: Run) -> None:
    assert "expected letters and digits" in run("info", fingerprint="../x")["msg"]


def test_shared_needs_an_address_and_a_bundle(run: Run) -> None:
    assert "serve_on is not set" in run("shared")["msg"]
    assert "publish it first" in run("shared", serve_on="127.0.0.1")["msg"]


@pytest.mark.parametrize(("text", "number"), [("20g", 20 << 30), ("512M", 512 << 20), ("7", 7), ("1kb", 1024)])
def test_human_bytes(text: str, number: int) -> None:
    assert xla_cache.human_bytes(text) == number
