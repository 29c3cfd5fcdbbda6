"""Every flag of every profile is taken by vLLM's own argument parser, in the image that the fleet runs."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _profile
from tests.integration.conftest import on_host

PROFILES = ("turbo_stable", "peak", "baseline")
# What `vllm serve` itself does before it starts anything; a refusal is parsed too, to see that there are refusals.
PARSE = """
import contextlib, io, json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser, answers = make_arg_parser(FlexibleArgumentParser()), {}
for name, argv in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            args = parser.parse_args(argv)
            validate_parsed_serve_args(args)
            answers[name] = {key: repr(value) for key, value in vars(args).items()}
        except SystemExit:
            answers[name] = told.getvalue()[-300:]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def parsed(fleet: None) -> dict[str, Any]:
    """The parsed arguments of each profile, as Python shows them; all in one container, for vLLM is slow to import."""
    argvs = {"refused": ["model", "--no-such-flag=1"]}
    for name in PROFILES:
        spec = _command.build_spec(_profile.load_profile(name), _profile.load_known(), name, "vllm-gemma4")
        # argv[0] is the subcommand.
        argvs[name] = spec["argv"][1:]
    image = on_host("tpu-a", "docker", "inspect", "--format", "'{{.Config.Image}}'", "vllm-gemma4").strip()
    run = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c"]
    out = on_host("tpu-a", *run, shlex.quote(PARSE), shlex.quote(json.dumps(argvs)))
    answers: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answers


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_taken_as_it_is_meant(name: str, parsed: dict[str, Any]) -> None:
    profile, taken = _profile.load_profile(name), parsed[name]
    assert isinstance(taken, dict), taken
    assert taken["model_tag"] == repr(profile["model"])
    for argument, value in profile["args"].items():
        if argument not in ("speculative_config", "limit_mm_per_prompt"):
            assert taken[argument] == repr(value), argument
    assert "'image': 4" in taken["limit_mm_per_prompt"]


def test_the_parser_refuses_what_it_does_not_know(parsed: dict[str, Any]) -> None:
    assert "unrecognized arguments: --no-such-flag" in parsed["refused"]
