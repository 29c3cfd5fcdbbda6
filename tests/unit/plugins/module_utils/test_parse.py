# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question to an image's parser, put to a small vLLM of our own in each of the places where the parser has been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _parse

PARSER = """
def make_arg_parser(parser):
    parser.add_argument("model_tag")
    parser.add_argument("--max-num-seqs", type=int)
    parser.add_argument("--dtype", choices=["auto", "bfloat16"])
    return parser
def validate_parsed_serve_args(args):
    if args.max_num_seqs == 13:
        raise TypeError("thirteen is too many")
"""
NEW = ("entrypoints/launchers/cli_args.py", "utils/argparse_utils.py")
OLD = ("entrypoints/openai/cli_args.py", "utils/__init__.py")


@pytest.fixture(params=[NEW, OLD], ids=["new", "old"])
def vllm(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    parser, argparse = (tmp_path / "vllm" / path for path in request.param)
    for file in (tmp_path / "vllm" / "__init__.py", parser, argparse):
        file.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "vllm" / "__init__.py").write_text('__version__ = "9.9"\nprint("a banner")\n')
    parser.write_text(PARSER)
    argparse.write_text("from argparse import ArgumentParser as FlexibleArgumentParser\n")
    return tmp_path


def ask(vllm: Path, *argv: str) -> Any:
    command = _parse.command("image", ["serve", *argv])
    # What comes after the image's name, as it runs inside.
    inside = [sys.executable, *command[command.index("image") + 1 :]]
    environment = {**os.environ, "PYTHONPATH": str(vllm)}
    done = subprocess.run(inside, env=environment, text=True, capture_output=True, check=True)
    return _parse.answer(done.stdout)


def test_what_is_right_is_taken(vllm: Path) -> None:
    said = ask(vllm, "m", "--max-num-seqs=2")
    assert said == {"version": "9.9", "error": None, "near": {}}
    assert _parse.refusal(said) is None


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["m", "--max-num-seq5=2"],
            "vLLM 9.9: vllm serve: error: unrecognized arguments: --max-num-seq5=2 (did you mean --max-num-seqs?)",
        ),
        (["m", "--zzz"], "vLLM 9.9: vllm serve: error: unrecognized arguments: --zzz"),
        (["m", "--dtype=int3"], "vLLM 9.9: vllm serve: error: argument --dtype: invalid choice: 'int3'"),
        (["m", "--max-num-seqs=13"], "vLLM 9.9: thirteen is too many"),
    ],
)
def test_what_is_refused_is_told_in_the_parsers_words(vllm: Path, argv: list[str], message: str) -> None:
    assert str(_parse.refusal(ask(vllm, *argv))).startswith(message)


def test_a_model_inside_the_image_is_described(vllm: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text('{"model_type": "x"}')
    header = json.dumps({"t": {"data_offsets": [0, 24]}}).encode()
    (tmp_path / "m" / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    said = ask(vllm, str(tmp_path / "m"))
    assert said["model"] == {"config": {"model_type": "x"}, "weights": 24, "source": str(tmp_path / "m")}


def test_no_answer_is_none() -> None:
    assert _parse.answer("Traceback\n") is None


def test_the_container_is_thrown_away_has_no_network_and_pulls_nothing() -> None:
    command = " ".join(_parse.command("image", ["serve", "m"]))
    assert command.startswith("docker run --rm --network none --pull never ")
