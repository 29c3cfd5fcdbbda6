# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles in Cloud Storage: Google's own client over the wire, against the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle, _bundle_gcs
from lab.emulator import Emulator

MOST = 1 << 40


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps({"project": "p"}))
    return path


@pytest.fixture
def emulator(fleet: Path) -> Iterator[Emulator]:
    with Emulator(fleet) as running:
        yield running


@pytest.fixture
def bucket(emulator: Emulator) -> Any:
    return _bundle_gcs.Bucket("gs://bucket/some/prefix", f"http://{emulator.rest}")


def made(tmp_path: Path, key: str, size: int = 1000, disk: str = "disk") -> str:
    """A bundle of one random entry; its directory."""
    cache, local = tmp_path / f"cache-{key}", tmp_path / disk
    cache.mkdir(exist_ok=True)
    (cache / "entry").write_bytes(os.urandom(size))
    _bundle.publish(str(cache), str(local), key)
    return str(local)


def read(local: str, key: str) -> bytes:
    return Path(_bundle.bundle_path(local, key)).read_bytes()


# More than 8 MiB go up in the client's resumable way.
@pytest.mark.parametrize("size", [1000, 9_000_000], ids=["small", "resumable"])
def test_what_one_host_publishes_another_fetches(tmp_path: Path, bucket: Any, size: int) -> None:
    local, other = made(tmp_path, "f", size), str(tmp_path / "other")
    assert bucket.has("f") is False
    assert bucket.publish(local, "f", MOST) is True
    assert bucket.has("f") is True
    bucket.fetch(other, "f")
    assert read(other, "f") == read(local, "f")
    assert Path(_bundle.bundle_path(other, "f")).stat().st_mode & 0o077 == 0


def test_the_same_entries_again_are_no_change(tmp_path: Path, bucket: Any) -> None:
    local = made(tmp_path, "f")
    assert bucket.publish(local, "f", MOST) is True
    assert bucket.publish(local, "f", MOST) is False
    assert bucket.publish(made(tmp_path, "f"), "f", MOST) is True


def test_of_two_publishers_at_once_one_wins(
    tmp_path: Path, bucket: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: Any = _bundle_gcs.Bucket("gs://bucket/some/prefix", f"http://{emulator.rest}")
    first, second = made(tmp_path, "f"), made(tmp_path, "f", disk="second")
    blob = late._blob("f")

    def reload(**_: Any) -> None:
        # Between the look and the upload the other one comes.
        assert bucket.publish(first, "f", MOST) is True
        raise NotFound("it was not there yet")

    monkeypatch.setattr(blob, "reload", reload)
    monkeypatch.setattr(late, "_blob", lambda _key: blob)
    assert late.publish(second, "f", MOST) is False
    bucket.fetch(str(tmp_path / "third"), "f")
    assert read(str(tmp_path / "third"), "f") == read(first, "f")


def test_the_store_stays_within_its_size(tmp_path: Path, bucket: Any) -> None:
    for key in ("old", "used", "new"):
        bucket.publish(made(tmp_path, key, 10_000), key, MOST)
    bucket.publish(made(tmp_path, "used", 10_000), "used", 25_000)
    assert [bucket.has(key) for key in ("old", "used", "new")] == [False, True, True]
    bucket.publish(made(tmp_path, "used"), "used", 10)
    assert [bucket.has(key) for key in ("used", "new")] == [True, False]


def test_a_bundle_that_is_not_there(tmp_path: Path, bucket: Any) -> None:
    with pytest.raises(_bundle.BundleError, match=r"gs://bucket/some/prefix: .*No such object"):
        bucket.fetch(str(tmp_path / "disk"), "f")
    assert list((tmp_path / "disk").iterdir()) == []


def test_no_permission(tmp_path: Path, bucket: Any, fleet: Path) -> None:
    fleet.write_text(json.dumps({"project": "p", "faults": {"storage": "permission_denied"}}))
    local = made(tmp_path, "f")
    calls: list[Callable[[], Any]] = [
        lambda: bucket.has("f"),
        lambda: bucket.publish(local, "f", MOST),
        lambda: bucket.fetch(local, "g"),
    ]
    for call in calls:
        with pytest.raises(
            _bundle.BundleError, match=r"gs://bucket/some/prefix: .*faults say storage: permission_denied"
        ):
            call()


def test_a_store_that_comes_back_within_the_patience(tmp_path: Path, bucket: Any, fleet: Path) -> None:
    fleet.write_text(json.dumps({"project": "p", "faults": {"storage": "unavailable", "times": 2}}))
    assert bucket.publish(made(tmp_path, "f"), "f", MOST) is True


def test_nobody_at_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bundle_gcs, "_PATIENCE", 0.5)
    bucket = _bundle_gcs.Bucket("gs://bucket", "http://127.0.0.1:1")
    with pytest.raises(_bundle.BundleError, match="gs://bucket: "):
        bucket.has("f")
