# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder against the backend's own functions, out of its published wheel."""

from __future__ import annotations
import __future__

import ast
import logging
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _ladder

ROOT = Path(__file__).parents[4]
CACHE = ROOT / ".cache" / "tpu_inference"
PINS = ROOT / "tests" / "unit" / "tpu_inference" / "requirements.txt"
WANTED = {"build_token_paddings", "get_token_paddings", "get_req_paddings", "get_padded_num_reqs_with_upper_limit"}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Callable[..., list[int]]]:
    """The functions themselves; the rest of their file wants a TPU's libraries."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    if not list(CACHE.glob("*.whl")):
        subprocess.run([*pip, "--dest", str(CACHE), "--requirement", str(PINS)], check=True)
    with zipfile.ZipFile(next(CACHE.glob("*.whl"))) as wheel:
        tree = ast.parse(wheel.read("tpu_inference/runner/utils.py"))
    tree.body = [node for node in tree.body if getattr(node, "name", "") in WANTED]
    # Their annotations name types of modules that are not here.
    code = compile(
        ast.unparse(tree), "tpu_inference/runner/utils.py", "exec", flags=__future__.annotations.compiler_flag
    )
    scope: dict[str, Any] = {"logger": logging.getLogger("theirs"), "MIN_NUM_SEQS": 8}
    exec(code, scope)
    assert scope.keys() >= WANTED
    return scope


def test_token_buckets_are_the_backends(theirs: dict[str, Callable[..., list[int]]]) -> None:
    chance = random.Random(7)
    for _ in range(500):
        most, gap = chance.randint(1, 40_000), chance.choice([0, 16, 64, 256, 300, 512, 1000, chance.randint(1, 5000)])
        minimum = chance.choice([16, 32])
        assert _ladder.token_buckets(most, gap, minimum) == theirs["build_token_paddings"](minimum, most, gap), (
            most,
            gap,
        )


def test_request_buckets_are_the_backends(theirs: dict[str, Callable[..., list[int]]]) -> None:
    for most in range(8, 1100):
        assert _ladder.request_buckets(most) == theirs["get_req_paddings"](8, most)


@pytest.mark.parametrize(
    ("most", "gap", "count"), [(4096, 0, 9), (4096, 512, 13), (8192, 0, 10), (8192, 512, 21)], ids=str
)
def test_the_seeds_ladders(most: int, gap: int, count: int) -> None:
    buckets = _ladder.token_buckets(most, gap)
    assert (len(buckets), buckets[-1]) == (count, most)


def test_fewer_requests_than_the_smallest_bucket() -> None:
    assert _ladder.request_buckets(2) == [2]
