"""The buckets, held against the functions of tpu-inference's own published wheel."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _ladder

ROOT = Path(__file__).resolve().parents[4]
REQUIREMENTS = ROOT / "tests" / "requirements-tpu.txt"
CACHE = ROOT / ".cache" / "tpu-inference"
_SILENT = SimpleNamespace(info=lambda *_args: None)


@pytest.fixture(scope="module")
def theirs() -> dict[str, Callable[..., list[int]]]:
    wheels = sorted(CACHE.glob("tpu_inference-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "--dest", str(CACHE), "--requirement", str(REQUIREMENTS)], check=True)
        wheels = sorted(CACHE.glob("tpu_inference-*.whl"))
    source = zipfile.ZipFile(wheels[-1]).read("tpu_inference/runner/utils.py").decode()
    tree = ast.parse(source)
    wanted = {"get_padded_num_reqs_with_upper_limit", "get_req_paddings", "get_token_paddings", "build_token_paddings"}
    tree.body = [node for node in tree.body if getattr(node, "name", "") in wanted]
    assert len(tree.body) == len(wanted)
    namespace: dict[str, Any] = {"Sequence": Sequence, "logger": _SILENT, "MIN_NUM_SEQS": _ladder.MIN_REQUESTS}
    exec(compile(tree, "runner/utils.py", "exec"), namespace)
    return namespace


def test_the_token_buckets_are_the_backends_own(theirs: dict[str, Callable[..., list[int]]]) -> None:
    numbers = random.Random(0)
    for _ in range(500):
        most = numbers.randint(1, 20_000)
        gap = numbers.choice([0, 512, numbers.randint(1, 40), numbers.randint(1, 5_000)])
        minimum = 2 ** numbers.randint(2, 8)
        expected = theirs["build_token_paddings"](minimum, most, gap)
        assert _ladder.token_buckets(most, gap, minimum) == expected, (most, gap, minimum)


def test_the_request_buckets_are_the_backends_own(theirs: dict[str, Callable[..., list[int]]]) -> None:
    numbers = random.Random(0)
    for _ in range(500):
        most = numbers.randint(_ladder.MIN_REQUESTS, 4_096)
        assert _ladder.request_buckets(most) == theirs["get_req_paddings"](_ladder.MIN_REQUESTS, most), most


@pytest.mark.parametrize(
    ("most", "gap", "count"),
    # Run 2, Run 3, and twice their tokens.
    [(4096, 0, 9), (4096, 512, 13), (8192, 0, 10), (8192, 512, 21)],
)
def test_the_number_of_buckets(most: int, gap: int, count: int) -> None:
    assert len(_ladder.token_buckets(most, gap)) == count


def test_fewer_sequences_than_the_smallest_bucket() -> None:
    assert _ladder.request_buckets(2) == [8]


def test_a_gap_below_nought_is_refused_where_the_backend_would_never_end() -> None:
    with pytest.raises(ValueError, match="must be 0 or more; got: -1"):
        _ladder.token_buckets(4096, -1)
