# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command

KNOWN = {
    "version": "9.9.9",
    "args": {
        "max_num_seqs": "value",
        "port": "value",
        "shutdown_timeout": "value",
        "speculative_config": "value",
        "enable_prefix_caching": "switch",
        "trust_remote_code": "flag",
        "served_model_name": "list",
    },
    "env": [],
}
PROFILE: dict[str, Any] = {
    "model": "a/model",
    "image": {"base": "example/vllm@sha256:0", "packages": []},
    "args": {"max_num_seqs": 256},
    "env": {"HF_HOME": "/shm/hf", "CACHE": "/shm/cache", "GAP": 512},
    "docker": {"privileged": True, "network": "host", "volumes": ["/dev/shm:/dev/shm"], "shm_size": "10gb"},
    "compile_cache_env": "CACHE",
    "shm_size": "100g",
    "startup_timeout": 60,
}


def spec(**over: Any) -> dict[str, Any]:
    return _command.build_spec({**PROFILE, **over}, KNOWN, "mine", "box")


@pytest.mark.parametrize(
    ("name", "value", "kind", "argv"),
    [
        ("max_num_seqs", 256, "value", ["--max-num-seqs=256"]),
        ("gpu_memory_utilization", 0.90, "value", ["--gpu-memory-utilization=0.9"]),
        ("dtype", "bfloat16", "value", ["--dtype=bfloat16"]),
        ("speculative_config", {"method": "ngram", "n": 3}, "value", ['--speculative-config={"method":"ngram","n":3}']),
        ("limits", [1, 2], "value", ["--limits=[1,2]"]),
        ("enable_prefix_caching", True, "switch", ["--enable-prefix-caching"]),
        ("enable_prefix_caching", False, "switch", ["--no-enable-prefix-caching"]),
        ("trust_remote_code", True, "flag", ["--trust-remote-code"]),
        ("trust_remote_code", False, "flag", []),
        ("served_model_name", ["a", "b"], "list", ["--served-model-name", "a", "b"]),
        ("served_model_name", "a", "list", ["--served-model-name=a"]),
    ],
)
def test_flag(name: str, value: Any, kind: str, argv: list[str]) -> None:
    assert _command.flag(name, value, kind) == argv


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (0, "0"),
        (0.5, "0.5"),
        (True, "1"),
        (False, "0"),
        ({"a": [1, "x"]}, '{"a":[1,"x"]}'),
        (["a", 1], '["a",1]'),
        ((), "[]"),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert _command.text(value) == text


def test_arguments_keep_the_profiles_order() -> None:
    args = {"trust_remote_code": True, "port": 9, "max_num_seqs": 1}
    argv = _command.serve_argv("m", args, KNOWN)
    assert argv == ["serve", "m", "--trust-remote-code", "--port=9", "--max-num-seqs=1"]


def test_baked_image_is_named_after_its_inputs() -> None:
    name = _command.baked_image("base", ["a==1", "b==2"])
    repository, tag = name.split(":")
    assert repository == "turbostable/vllm"
    assert len(tag) == 12
    assert _command.baked_image("base", ["a==1", "b==2"]) == name
    others = [("base2", ["a==1", "b==2"]), ("base", ["a==1", "b==3"]), ("base", ["a==1"]), ("base", ["a==1b==2"])]
    assert len({name, *(_command.baked_image(base, packages) for base, packages in others)}) == 5


def test_nothing_to_bake_is_the_base_itself() -> None:
    assert _command.baked_image("base", []) == "base"
    assert spec()["image"] == spec()["image_base"] == "example/vllm@sha256:0"
    assert spec(image={"base": "b"})["image_packages"] == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param({}, {"stop_timeout": 30, "port": 8000, "served_model": "a/model"}, id="vLLM's own defaults"),
        pytest.param({"shutdown_timeout": 60}, {"stop_timeout": 90}, id="docker waits longer than vLLM drains"),
        pytest.param({"port": 8001}, {"port": 8001}, id="port"),
        pytest.param({"served_model_name": "short"}, {"served_model": "short"}, id="one served name"),
        pytest.param({"served_model_name": ["first", "second"]}, {"served_model": "first"}, id="the first of several"),
    ],
)
def test_what_follows_from_the_arguments(args: dict[str, Any], expected: dict[str, Any]) -> None:
    built = spec(args=args)
    assert {key: built[key] for key in expected} == expected


def test_what_follows_from_the_profile() -> None:
    built = spec(omit={"args.x": "no such thing here"})
    assert built["profile"] == "mine"
    assert built["container"] == "box"
    assert built["env"] == {"HF_HOME": "/shm/hf", "CACHE": "/shm/cache", "GAP": "512"}
    assert (built["hf_home"], built["compile_cache"]) == ("/shm/hf", "/shm/cache")
    assert (built["shm_size"], built["startup_timeout"]) == ("100g", 60)
    assert built["omitted"] == {"args.x": "no such thing here"}


def test_docker_command_in_full() -> None:
    args = {"max_num_seqs": 256, "speculative_config": {"method": "ngram"}, "shutdown_timeout": 60}
    command = spec(args=args)["docker_command"]
    assert command == (
        "docker run --name box --detach --init --restart unless-stopped \\\n"
        "  --stop-timeout 90 \\\n"
        "  --privileged \\\n"
        "  --net=host \\\n"
        "  -v /dev/shm:/dev/shm \\\n"
        "  --shm-size 10gb \\\n"
        "  -e HF_HOME=/shm/hf \\\n"
        "  -e CACHE=/shm/cache \\\n"
        "  -e GAP=512 \\\n"
        "  --entrypoint vllm \\\n"
        "  example/vllm@sha256:0 \\\n"
        "  serve a/model \\\n"
        "  --max-num-seqs=256 \\\n"
        """  '--speculative-config={"method":"ngram"}' \\\n"""
        "  --shutdown-timeout=60"
    )


def test_docker_options_that_the_profile_lacks_are_left_out() -> None:
    words = shlex.split(spec(docker={})["docker_command"].replace("\\\n", ""))
    assert not {"--privileged", "-v", "--shm-size"} & set(words)
    assert not [word for word in words if word.startswith("--net")]


def test_docker_command_survives_a_shell() -> None:
    env = {**PROFILE["env"], "ODD": "a b'c\"d$e"}
    words = shlex.split(spec(env=env)["docker_command"].replace("\\\n", ""))
    assert "ODD=a b'c\"d$e" in words


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("4k", 4000),
        ("4K", 4096),
        ("1.5k", 1500),
        ("2M", 2097152),
        ("auto", 7),
        (None, 7),
        (-1, 7),
    ],
)
def test_whole(value: object, number: int) -> None:
    assert _command.whole(value, 7) == number


def test_shapes_follow_the_profile() -> None:
    profile = {**PROFILE, "args": {"max_num_seqs": 64}, "env": {**PROFILE["env"], "VLLM_TPU_BUCKET_PADDING_GAP": "512"}}
    shapes = _command.build_spec(profile, KNOWN, "x", "box")["shapes"]
    assert (shapes["max_num_seqs"], shapes["padding_gap"], shapes["max_model_len"]) == (64, 512, 4096)
