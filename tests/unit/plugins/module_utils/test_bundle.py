# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles, with the real zstd: what is published comes back whole, and what is not whole never does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle

ROOT = Path(__file__).parents[4]
KEY = "0f9c"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A small compile cache with what beside its entries lies around in a real one."""
    directory = tmp_path / "shm" / "cache"
    (directory / "inductor" / "ab").mkdir(parents=True)
    (directory / "jit_step-1-cache").write_bytes(compressed(b"graph" * 1000))
    (directory / "inductor" / "ab" / ("c" * 120)).write_bytes(os.urandom(700_001))
    (directory / "inductor" / "__init__.py").touch()
    (directory / "inductor" / "a.lock").touch()
    (directory / "link").symlink_to("/etc/passwd")
    return directory


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return tmp_path / "disk"


def compressed(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def content(directory: Path) -> dict[str, bytes]:
    """All that is in a directory but for what is no entry."""
    return {name: (directory / name).read_bytes() for name in _bundle.entries(str(directory))}


def publish(cache: Path, local: Path, key: str = KEY) -> tuple[bool, dict[str, Any]]:
    changed, manifest = _bundle.publish(str(cache), str(local), key, 12.5)
    return changed, manifest


def restore(local: Path, target: Path, key: str = KEY) -> dict[str, Any]:
    manifest: dict[str, Any] = _bundle.restore(str(local), key, str(target))
    return manifest


def rewrite(local: Path, change: Any) -> None:
    """The bundle with its tar stream changed."""
    path = local / f"{KEY}.tar.zst"
    plain = subprocess.run(["zstd", "-dqc", path], stdout=subprocess.PIPE, check=True).stdout
    path.write_bytes(compressed(change(plain)))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_entries_are_what_a_compile_has_made(cache: Path) -> None:
    assert _bundle.entries(str(cache)) == ["inductor/__init__.py", f"inductor/ab/{'c' * 120}", "jit_step-1-cache"]


def test_what_is_published_is_restored(cache: Path, local: Path, tmp_path: Path) -> None:
    changed, manifest = publish(cache, local)
    assert changed
    assert (manifest["fingerprint"], manifest["compile_seconds"], len(manifest["entries"])) == (KEY, 12.5, 3)
    target = tmp_path / "shm" / "other"
    restore(local, target)
    assert content(target) == content(cache)
    assert _bundle.is_warm(str(target), KEY)
    assert not _bundle.is_warm(str(target), "other")
    for path in target.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_restored_entries_are_older_than_the_start_that_finds_them(cache: Path, local: Path) -> None:
    publish(cache, local)
    before = time.time()
    restore(local, cache)
    assert all(
        path.stat().st_mtime < before
        for path in cache.rglob("*")
        if path.is_file() and path.name != ".turbostable.json"
    )


def test_the_same_content_again_is_no_change(cache: Path, local: Path) -> None:
    publish(cache, local)
    path = local / f"{KEY}.tar.zst"
    before = path.stat()
    assert publish(cache, local)[0] is False
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    (cache / "jit_step-2-cache").write_bytes(compressed(b"more"))
    assert publish(cache, local)[0] is True


def test_a_restore_replaces_what_was_there(cache: Path, local: Path) -> None:
    publish(cache, local)
    expected = content(cache)
    (cache / "old").write_bytes(b"of another configuration")
    restore(local, cache)
    assert content(cache) == expected
    assert leftovers(cache.parent) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda tar: tar[:-200_000], "truncated", id="cut"),
        pytest.param(
            lambda tar: tar.replace(b"\0" * 5000, b"", 1)[: len(tar) // 2], "lacks the entry|truncated", id="half"
        ),
        pytest.param(
            lambda tar: tar[:9000] + bytes([tar[9000] ^ 1]) + tar[9001:], "not what was published", id="one bit"
        ),
        pytest.param(lambda tar: tar + b"x" * 512, "more in it", id="more"),
        pytest.param(lambda tar: tar.replace(b'"format": 1', b'"format": 9'), "format is 9", id="format"),
        pytest.param(
            lambda tar: tar.replace(b"inductor/__init__.py", b"../../../x__init__.p"), "no path within", id="escape"
        ),
        pytest.param(
            lambda tar: tar.replace(b"inductor/__init__.py", b"/nductor/__init__.py"), "no path within", id="absolute"
        ),
        pytest.param(lambda tar: tar.replace(b"entries/00000001", b"entries/00000007"), "no bundle", id="bad checksum"),
        pytest.param(lambda _tar: b"no tar at all" * 1000, "no bundle", id="no tar"),
    ],
)
def test_a_bundle_of_no_use_is_refused_and_nothing_shows(
    cache: Path, local: Path, tmp_path: Path, change: Any, reason: str
) -> None:
    publish(cache, local)
    rewrite(local, change)
    before, target = content(cache), tmp_path / "shm" / "new"
    for directory in (cache, target):
        with pytest.raises(_bundle.BundleError, match=reason):
            restore(local, directory)
    assert content(cache) == before
    assert not target.exists()
    assert leftovers(cache.parent) == []
    assert not _bundle.is_sound(str(local / f"{KEY}.tar.zst"), KEY)


def test_a_file_that_is_cut_is_refused(cache: Path, local: Path) -> None:
    publish(cache, local)
    path = local / f"{KEY}.tar.zst"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(_bundle.BundleError, match="truncated"):
        restore(local, cache)


def test_a_bundle_of_another_fingerprint_is_refused(cache: Path, local: Path) -> None:
    publish(cache, local)
    (local / f"{KEY}.tar.zst").rename(local / "beef.tar.zst")
    with pytest.raises(_bundle.BundleError, match="is a bundle of 0f9c"):
        restore(local, cache, "beef")
    assert _bundle.is_sound(str(local / "beef.tar.zst"), KEY)
    assert not _bundle.is_sound(str(local / "beef.tar.zst"), "beef")


def test_no_bundle(cache: Path, local: Path) -> None:
    with pytest.raises(_bundle.BundleError, match="there is no bundle"):
        restore(local, cache)


def test_no_room_leaves_the_old_cache_and_no_trace(cache: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(cache, local)
    before = content(cache)

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_bundle, "_extract", full)
    with pytest.raises(_bundle.BundleError, match="No space left on device"):
        restore(local, cache)
    assert content(cache) == before
    assert leftovers(cache.parent) == []


def test_a_disk_without_room_leaves_no_bundle(cache: Path, local: Path) -> None:
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    _bundle.publish(sys.argv[1], sys.argv[2], '0f9c')
except _bundle.BundleError as error:
    print(error)
"""
    assert "no bundle can be written to " in run(code, cache, local).communicate()[0]
    assert list(local.iterdir()) == []


def test_an_entry_that_goes_on_changing_is_named(cache: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = _bundle.make_manifest

    def then_it_changes(*args: Any) -> Any:
        found = real(*args)
        (cache / "jit_step-1-cache").write_bytes(compressed(os.urandom(100)))
        return found

    monkeypatch.setattr(_bundle, "make_manifest", then_it_changes)
    with pytest.raises(_bundle.BundleError, match="jit_step-1-cache goes on changing"):
        publish(cache, local)
    assert list(local.iterdir()) == []


def run(code: str, *args: object) -> subprocess.Popen[str]:
    """A process of its own."""
    head = f"import sys; sys.path.insert(0, {str(ROOT / '.collections')!r})\n"
    head += "from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle\n"
    command = [sys.executable, "-c", head + code, *map(str, args)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE)


def test_two_publishers_at_once(cache: Path, local: Path) -> None:
    code = "_bundle.publish(sys.argv[1], sys.argv[2], '0f9c')"
    processes = [run(code, cache, local) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert [path.name for path in local.iterdir()] == [f"{KEY}.tar.zst"]
    assert _bundle.is_sound(str(local / f"{KEY}.tar.zst"), KEY)


SLOW = """
real = _bundle._{name}
def slow(*args):
    print("here", flush=True)
    import time; time.sleep(60)
_bundle._{name} = slow
_bundle.{call}
"""


@pytest.mark.parametrize("kind", ["publish", "restore"])
def test_a_killed_one_leaves_nothing_visible_and_the_next_one_clears_it_away(
    cache: Path, local: Path, kind: str
) -> None:
    if kind == "publish":
        code = SLOW.format(name="copy", call="publish(sys.argv[1], sys.argv[2], '0f9c')")
    else:
        publish(cache, local)
        code = SLOW.format(name="check", call="restore(sys.argv[2], '0f9c', sys.argv[1])")
    folder, before = local if kind == "publish" else cache.parent, content(cache)
    with run(code, cache, local) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        # A live one's is left alone.
        local.mkdir(exist_ok=True)
        _bundle.remove_leftovers(str(folder))
        assert len(leftovers(folder)) == 1
        os.kill(process.pid, signal.SIGKILL)
    assert (local / f"{KEY}.tar.zst").exists() == (kind == "restore")
    assert content(cache) == before
    publish(cache, local)
    restore(local, cache)
    assert leftovers(folder) == []


def test_sweep_removes_what_would_fail_at_every_start(cache: Path) -> None:
    good = compressed(os.urandom(5000))
    for name, data in {
        "jit_empty-1-cache": b"",
        "empty": b"",
        "jit_cut-1-cache": good[:-10],
        "jit_bad-1-cache": b"no compression at all",
        "jit_zlib-1-cache": zlib.compress(b"graph"),
        "jit_cut_zlib-1-cache": zlib.compress(b"graph" * 99)[:-3],
        "jit_good-1-cache": good,
        "binary": b"not JAX's",
    }.items():
        (cache / name).write_bytes(data)
    assert _bundle.sweep(str(cache)) == [
        "empty",
        "jit_bad-1-cache",
        "jit_cut-1-cache",
        "jit_cut_zlib-1-cache",
        "jit_empty-1-cache",
    ]
    assert _bundle.sweep(str(cache)) == []
    assert (cache / "inductor" / "__init__.py").exists()


def test_evict_takes_the_oldest_and_never_the_one_in_use(local: Path) -> None:
    local.mkdir()
    for age, name in enumerate(["new", "middle", "used", "oldest"]):
        path = local / f"{name}.tar.zst"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    assert _bundle.evict(str(local), "used", 400) == []
    assert _bundle.evict(str(local), "used", 250) == ["oldest.tar.zst", "middle.tar.zst"]
    assert _bundle.evict(str(local), "used", 0) == ["new.tar.zst"]
    assert _bundle.evict(str(local / "none"), "used", 0) == []


def test_at_boot_a_bad_bundle_keeps_nobody_from_starting(cache: Path, local: Path) -> None:
    script = [sys.executable, "-I", _bundle.__file__, str(local)]
    done = subprocess.run(script, text=True, capture_output=True, check=True)
    assert "the server compiles: [Errno 2] No such file" in done.stderr
    local.mkdir()
    _bundle.choose(str(local), KEY, str(cache))
    done = subprocess.run(script, text=True, capture_output=True, check=True)
    assert "the server compiles: there is no bundle" in done.stderr
    publish(cache, local)
    done = subprocess.run(script, text=True, capture_output=True, check=True)
    assert done.stdout == f"restored 3 entries to {cache}\n"
    assert json.loads((cache / ".turbostable.json").read_text()) == {"fingerprint": KEY, "complete": True}
