"""JAX's own persistent compile cache, with real compiles on a CPU: what a bundle must keep for it to hit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle

KEY = "f"
# Two graphs of different shapes, as two token buckets are; says how many compiles the cache has answered.
PROGRAM = """
import os, sys
import jax, jax.numpy as jnp
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
@jax.jit
def step(x):
    return jnp.tanh(x @ x.T).sum() * float(os.environ.get("FACTOR", "1"))
for size in (16, 32):
    step(jnp.ones((size, 8))).block_until_ready()
print(events.count("/jax/compilation_cache/cache_hits"), events.count("/jax/compilation_cache/cache_misses"))
"""


def run(cache: Path, **env: str) -> tuple[int, int, set[str]]:
    """(hits, misses, new entries) of one process, as one start of a server."""
    before = set(_bundle.entries(str(cache)))
    settings = {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        # Before 0.11 JAX had the directory of XLA's own caches, which no TPU has, in its key.
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **settings, **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    hits, misses = map(int, done.stdout.split())
    return hits, misses, set(_bundle.entries(str(cache))) - before


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk with the bundle of a first start, and that start's cache beside it."""
    root = tmp_path_factory.mktemp("jax")
    hits, misses, new = run(root / "cache")
    assert hits == 0
    # Each graph that was compiled is an entry.
    assert len(new) == misses >= 2
    assert all(name.endswith("-cache") for name in new)
    _bundle.publish(str(root / "cache"), str(root / "disk"), KEY)
    return root


@pytest.fixture
def cache(compiled: Path, tmp_path: Path) -> Path:
    """Restored on another host, under another name: JAX's key has no path in it."""
    _bundle.restore(str(compiled / "disk"), KEY, str(tmp_path / "moved"))
    return tmp_path / "moved"


def test_a_restored_bundle_hits_wherever_it_lies(cache: Path) -> None:
    hits, misses, new = run(cache)
    assert (misses, new) == (0, set())
    assert hits >= 2


def test_the_same_place_hits_too(compiled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "old").write_text("of another configuration")
    _bundle.restore(str(compiled / "disk"), KEY, str(cache))
    assert run(cache)[1:] == (0, set())


@pytest.mark.parametrize(
    "env", [{"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}, {"FACTOR": "2"}], ids=["flags", "graph"]
)
def test_another_key_misses(cache: Path, env: dict[str, str]) -> None:
    _hits, misses, new = run(cache, **env)
    assert misses >= 2
    assert len(new) == misses


@pytest.mark.parametrize("damage", ["empty", "cut"])
def test_a_damaged_entry_compiles_at_every_start_until_it_is_swept(cache: Path, damage: str) -> None:
    victims = [cache / name for name in _bundle.entries(str(cache)) if name.startswith("jit_step")]
    for victim in victims:
        victim.write_bytes(b"" if damage == "empty" else victim.read_bytes()[:-20])
    damaged = [victim.read_bytes() for victim in victims]
    for _start in range(2):
        # Compiled anew, and never repaired.
        assert run(cache)[1] == len(victims)
        assert [victim.read_bytes() for victim in victims] == damaged
    assert _bundle.sweep(str(cache)) == sorted(victim.name for victim in victims)
    _hits, misses, new = run(cache)
    assert (misses, new) == (len(victims), {victim.name for victim in victims})
    assert run(cache)[1:] == (0, set())
