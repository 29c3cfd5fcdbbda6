"""Publish and restore a bundle of 2 GB in 1,000 entries, against `tar | zstd` of the same in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle

ENTRIES = 1000
BYTES = 2_000_000
REPEATS = 3


def run() -> list[dict[str, Any]]:
    """Best of three by turns; the cache is on tmpfs and the bundle on a disk, as on a host."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory, tempfile.TemporaryDirectory(dir="/var/tmp") as disk:
        cache = Path(memory, "cache")
        cache.mkdir()
        for number in range(ENTRIES):
            # As JAX's: compressed already, so there is next to nothing left to gain.
            (cache / f"jit_step-{number:064x}-cache").write_bytes(os.urandom(BYTES * 19 // 20) + bytes(BYTES // 20))
        pairs = [_pair(cache, Path(memory), Path(disk)) for _ in range(REPEATS)]
    rows = []
    for number, name in enumerate(("publish", "restore")):
        ours, floor = (min(pair[side][number] for pair in pairs) for side in (0, 1))
        total = ENTRIES * BYTES / 1e6
        rows.append(
            {
                "name": name,
                "MB": total,
                "MB/s": round(total / ours),
                "floor: tar and zstd MB/s": round(total / floor),
                "ratio of times": round(ours / floor, 2),
            }
        )
    return rows


def _pair(cache: Path, memory: Path, disk: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """(publish, restore) seconds of ours and of the floor."""
    local, archive = disk / "local", disk / "floor.tar.zst"
    out = memory / "out"
    ours = (
        _timed(lambda: _bundle.publish(str(cache), str(local), "f")),
        _timed(lambda: _bundle.restore(str(local), "f", str(out))),
    )
    shutil.rmtree(out)
    shutil.rmtree(local)
    out.mkdir()
    floor = (
        _timed(lambda: _shell(f"tar -C {cache} -c . | zstd -qc > {archive}")),
        _timed(lambda: _shell(f"zstd -dqc {archive} | tar -C {out} -x")),
    )
    shutil.rmtree(out)
    archive.unlink()
    return ours, floor


def _timed(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def _shell(command: str) -> None:
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
