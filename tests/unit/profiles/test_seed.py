"""The turbo_stable profile is the seed's finalized Docker command, but for the differences that are named here."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _profile, _validate

# Copied from the document, line by line, without its line numbers.
SEED = (Path(__file__).parent / "seed_command.txt").read_text()

# Every difference between the seed's command and ours, with its reason. Left: what it is about. The test fails on a
# difference that is not named here, and on a name here that is no difference.
DELIBERATE = {
    "docker --detach": "the same option by its long name (-d)",
    "docker -d": "the same option by its long name (--detach)",
    "docker --init": "an init as PID 1 hands SIGTERM on to vLLM; the seed's bash does not",
    "docker --restart": "comes back by itself after a reboot or a crash",
    "docker --stop-timeout": "docker's 10 s would cut the streams that --shutdown-timeout lets finish",
    "docker --entrypoint": "vllm itself, where the seed has /bin/bash -c",
    "env HF_HOME": "a directory that only root can enter; /dev/shm itself must stay world-writable",
    "env HF_TOKEN": "the token is a 0600 file in HF_HOME, for docker inspect shows variables to everybody",
    "image": "by digest, with transformers baked in once; a moving tag would differ between hosts and restarts",
    "shell": "no shell: pip install at each start is baked into the image",
    "vllm --shutdown-timeout": "0, the default, cuts running streams at SIGTERM",
}


def parse(command: str) -> dict[str, Any]:
    """A docker run command as a flat dictionary: docker options, variables, image, vllm flags."""
    # $(gcloud ...) is one word to a shell.
    command = re.sub(r"\$\([^)]*\)", "SUBSTITUTED", command.replace("\\\n", " "))
    words = shlex.split(command)
    words = words[words.index("run") + 1 :]
    parsed: dict[str, Any] = {}
    flags_without_value = {"--privileged", "-d", "--detach", "--init"}
    while words[0].startswith("-"):
        name, equals, value = words.pop(0).partition("=")
        if not equals and name not in flags_without_value:
            value = words.pop(0)
        if name == "-e":
            variable, _, value = value.partition("=")
            name = f"env {variable}"
        else:
            name = f"docker {name}"
        parsed[name] = value
    parsed["image"] = words.pop(0)
    if words[0] == "/bin/bash":
        install, _, serve = words[2].partition(" && ")
        parsed["shell"] = install
        words = shlex.split(serve)[1:]
    assert words.pop(0) == "serve"
    parsed["model"] = words.pop(0)
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not equals and words and not words[0].startswith("--"):
            value = words.pop(0)
        # vLLM's parser takes underscores for dashes.
        parsed["vllm " + name.replace("_", "-")] = same(value)
    return parsed


def same(value: str) -> Any:
    """Numbers and JSON by their value, not by their spelling."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def render(name: str) -> dict[str, Any]:
    known = _profile.load_known()
    profile = _profile.load_profile(name)
    _validate.validate(profile, known)
    return _command.build_spec(profile, known, name, "vllm-gemma4")


def test_turbo_stable_is_the_seeds_command() -> None:
    seed, ours = parse(SEED), parse(render("turbo_stable")["docker_command"])
    absent = object()
    different = {key for key in {*seed, *ours} if seed.get(key, absent) != ours.get(key, absent)}
    assert different == set(DELIBERATE)


def test_the_seed_was_read_in_full() -> None:
    seed = parse(SEED)
    assert sum(key.startswith("vllm ") for key in seed) == 17
    assert sum(key.startswith("env ") for key in seed) == 4
    assert seed["vllm --speculative-config"] == {"method": "ngram", "num_speculative_tokens": 3}


def test_image_is_the_seeds_by_digest() -> None:
    spec = render("turbo_stable")
    base = _profile.load_profile("turbo_stable")["image"]["base"]
    assert base.startswith(parse(SEED)["image"] + "@sha256:")
    assert spec["image_base"] == base.replace(":nightly@", "@")
    assert spec["image_packages"] == ["transformers==5.19.0"]


def test_stop_timeout_fits_shutdown_timeout() -> None:
    spec = render("turbo_stable")
    assert "--shutdown-timeout=60" in spec["argv"]
    assert spec["stop_timeout"] == 60 + 30


@pytest.mark.parametrize(
    ("name", "differences"),
    [
        # Run 2 of the document.
        ("peak", {"vllm --gpu-memory-utilization": 0.95, "env VLLM_TPU_BUCKET_PADDING_GAP": "0"}),
        (
            "baseline",
            {
                "model": "google/gemma-4-E4B-it",
                "vllm --kv-cache-dtype": None,
                "vllm --block-size": None,
                "vllm --speculative-config": None,
                "vllm --safetensors-load-strategy": None,
                "env VLLM_TPU_BUCKET_PADDING_GAP": None,
            },
        ),
    ],
)
def test_other_profiles_differ_only_in_what_their_run_differed(name: str, differences: dict[str, Any]) -> None:
    turbo, other = parse(render("turbo_stable")["docker_command"]), parse(render(name)["docker_command"])
    different = {key: other.get(key) for key in {*turbo, *other} if turbo.get(key) != other.get(key)}
    assert different == differences
