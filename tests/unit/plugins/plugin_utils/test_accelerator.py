"""Type, topology and chips from what the APIs say."""

from __future__ import annotations

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _accelerator


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("v6e-1",), ("v6e-1", "1x1", 1, 1)),
        (("v6e-4",), ("v6e-4", "2x2", 4, 1)),
        (("v6e-8",), ("v6e-8", "2x4", 8, 1)),
        (("v6e-16",), ("v6e-16", "4x4", 16, 4)),
        (("v6e-32",), ("v6e-32", "4x8", 32, 8)),
        (("v6e-256",), ("v6e-256", "16x16", 256, 64)),
        (("v5litepod-16",), ("v5litepod-16", "4x4", 16, 4)),
        # The number in these names counts TensorCores.
        (("v4-8",), ("v4-8", "", 4, 1)),
        (("v4-32",), ("v4-32", "", 16, 4)),
        (("", "V4", "2x2x4"), ("v4-32", "2x2x4", 16, 4)),
        (("", "V6E", "4x4"), ("v6e-16", "4x4", 16, 4)),
        (("", "V5LITE_POD", "2x4"), ("v5litepod-8", "2x4", 8, 1)),
        (("v6e-8", "V6E", "2x4"), ("v6e-8", "2x4", 8, 1)),
        (("v5p-8",), ("v5p-8", "2x2x1", 4, 1)),
        (("", "V5P", "2x2x2"), ("v5p-16", "2x2x2", 8, 2)),
        # A generation that is newer than this code.
        (("v9x-64",), ("v9x-64", "", 64, 16)),
        (("", "TYPE_42", "4x4"), ("type_42-16", "4x4", 16, 4)),
        (("mystery",), ("mystery", "", 0, 1)),
        (("", "V6E", "odd"), ("", "odd", 0, 1)),
        (("",), ("", "", 0, 1)),
    ],
)
def test_from_tpu(given: tuple[str, ...], expected: tuple[str, str, int, int]) -> None:
    assert _accelerator.from_tpu(*given) == expected


@pytest.mark.parametrize(
    ("machine_type", "expected"),
    [
        ("ct6e-standard-1t", ("v6e-1", "1x1", 1, 1)),
        ("ct6e-standard-4t", ("v6e-4", "2x2", 4, 1)),
        ("ct6e-standard-8t", ("v6e-8", "2x4", 8, 1)),
        ("ct5lp-hightpu-8t", ("v5litepod-8", "2x4", 8, 1)),
        ("ct5p-hightpu-4t", ("v5p-8", "2x2x1", 4, 1)),
        ("tpu7x-standard-4t", ("tpu7x-8", "2x2x1", 4, 1)),
        ("n2-standard-4t", ("n2-standard-4t", "", 0, 1)),
        ("ct6e-standard-4t-tpu", ("ct6e-standard-4t-tpu", "", 0, 1)),
    ],
)
def test_from_machine_type(machine_type: str, expected: tuple[str, str, int, int]) -> None:
    assert _accelerator.from_machine_type(machine_type) == expected
