# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle, _bundle_peer, _file_server


@pytest.fixture
def local(tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "entry").write_bytes(b"graph" * 100_000)
    _bundle.publish(str(cache), str(tmp_path / "disk"), "f")
    return tmp_path / "disk"


@pytest.fixture
def url(local: Path) -> Iterator[str]:
    """The real server, as systemd would start it."""
    with running(str(local / "f.tar.zst"), 18471) as found:
        yield found


@contextmanager
def running(path: str, port: int) -> Iterator[str]:
    token = Path(path).with_name("token")
    token.write_text("token")
    command = [sys.executable, "-I", _file_server.__file__, path, "127.0.0.1", str(port), str(token)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 10
            while not _bundle_peer._answers("127.0.0.1", port):
                assert time.monotonic() < deadline
            yield f"http://127.0.0.1:{port}/token/f.tar.zst"
        finally:
            process.kill()
            assert process.stderr
            assert b"token" not in process.stderr.read()


def test_many_peers_at_once(tmp_path: Path, local: Path, url: str) -> None:
    sha256 = _bundle.digest(str(local / "f.tar.zst"))
    others = [tmp_path / f"other-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda other: _bundle_peer.fetch(url, sha256, str(other), "f"), others))
    for other in others:
        assert [path.name for path in other.iterdir()] == ["f.tar.zst"]
        assert (other / "f.tar.zst").read_bytes() == (local / "f.tar.zst").read_bytes()


def test_another_file_than_was_promised_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(_bundle.BundleError, match=r"from 127.0.0.1:18471 is not the one that was promised"):
        _bundle_peer.fetch(url, "0" * 64, str(tmp_path / "other"), "f")
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("path", ["/", "/f.tar.zst", "/token/", "/token/../token/f.tar.zst", "/token/other"])
def test_nothing_else_is_served(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url.partition("/token")[0] + path)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(_bundle.BundleError, match=r"no bundle from 127.0.0.1:1: .*refused"):
        _bundle_peer.fetch("http://127.0.0.1:1/token/f.tar.zst", "0", str(tmp_path), "f")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_bundle_peer, "KEY_FILE", str(tmp_path / "token"))
    return tmp_path / "token"


@pytest.mark.usefixtures("token")
def test_share_starts_a_unit_that_ends_by_itself(local: Path) -> None:
    called: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        called.append(command)
        return 1, "", "no systemd here"

    with pytest.raises(_bundle.BundleError, match=r"turbostable-cache-peer.service does not start: no systemd here"):
        _bundle_peer.share(run, str(local / "f.tar.zst"), "127.0.0.1", 18472, 60)
    assert called[0] == ["systemctl", "stop", "turbostable-cache-peer.service"]
    assert "RuntimeMaxSec=60" in called[1]


def test_share_gives_an_address_that_works_and_tells_nobody_else(tmp_path: Path, local: Path, token: Path) -> None:
    called: list[list[str]] = []
    started: list[subprocess.Popen[bytes]] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        called.append(command)
        if command[0] == "systemd-run":
            arguments = command[command.index(_bundle_peer.SCRIPT) + 1 :]
            started.append(subprocess.Popen([sys.executable, _file_server.__file__, *arguments]))
        return 0, "", ""

    path: Any = local / "f.tar.zst"
    try:
        url = _bundle_peer.share(run, str(path), "127.0.0.1", 18473, 60)
        _bundle_peer.fetch(url, _bundle.digest(str(path)), str(tmp_path / "other"), "f")
    finally:
        started[0].kill()
        started[0].wait()
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text() in url
    assert token.read_text() not in str(called)
