# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is told to have been started with, and what of it never leaves the host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _container

TOKEN = "hf_" + "a1B2" * 8


def inspected(**config: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Image": "sha256:1",
        "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {"Image": "x", "Cmd": None, "Env": None, **config},
        "HostConfig": {"Binds": None},
    }


def test_a_bare_container() -> None:
    told = _container.describe(inspected(), None)
    assert (told["argv"], told["env"], told["volumes"], told["stop_timeout"]) == ([], {}, [], None)


def test_what_comes_from_the_image_is_apart() -> None:
    image = {"Config": {"Env": ["PATH=/bin", "LANG=C"]}}
    told = _container.describe(inspected(Env=["PATH=/bin", "LANG=de", "A=b=c"]), image)
    assert told["env"] == {"LANG": "de", "A": "b=c"}
    assert told["image_env"] == {"PATH": "/bin", "LANG": "C"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HF_TOKEN", "x", "(hidden)"),
        ("HUGGING_FACE_HUB_TOKEN", "x", "(hidden)"),
        ("OPENAI_API_KEY", "x", "(hidden)"),
        ("db_password", "x", "(hidden)"),
        ("NOTE", f"see {TOKEN}!", "see (hidden)!"),
        ("MIN_TOKEN_BUCKET", "16", "16"),
        ("HF_HOME", "/dev/shm/hf", "/dev/shm/hf"),
    ],
)
def test_a_secret_variable_is_hidden(name: str, value: str, expected: str) -> None:
    assert _container.describe(inspected(Env=[f"{name}={value}"]), None)["env"] == {name: expected}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["serve", "m", "--api-key=s3"], ["serve", "m", "--api-key=(hidden)"]),
        (["--api-key", "s3", "s4", "--port=1"], ["--api-key", "(hidden)", "(hidden)", "--port=1"]),
        (["--hf_token", "s3"], ["--hf_token", "(hidden)"]),
        (["-c", f"HF_TOKEN={TOKEN} vllm"], ["-c", "HF_TOKEN=(hidden) vllm"]),
    ],
)
def test_a_secret_argument_is_hidden(argv: list[str], expected: list[str]) -> None:
    assert _container.describe(inspected(Cmd=argv), None)["argv"] == expected
