"""The weights by our arithmetic against the sum over the tensors that transformers makes, without their memory."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _weights
from tests.gemma4 import CONFIG_26B, TOTAL_SIZE_26B
from tests.integration.conftest import on_host

TINY = "/models/gemma-4-tiny"
# Runs in the image. PyTorch's meta device has shapes and no data; tied weights are one tensor.
MEASURE = """
import json, pathlib, sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.gemma4 import Gemma4Config, Gemma4ForConditionalGeneration
def count(model):
    tensors = {id(tensor): tensor.numel() for tensor in model.state_dict(keep_vars=True).values()}
    return sum(tensors.values())
with torch.device("meta"):
    big = count(Gemma4ForConditionalGeneration(Gemma4Config(**json.loads(sys.argv[1]))))
    tiny = count(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(sys.argv[2])))
files = 0
for path in pathlib.Path(sys.argv[2]).glob("*.safetensors"):
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    files += sum(tensor["data_offsets"][1] - tensor["data_offsets"][0] for tensor in header.values())
config = json.loads(pathlib.Path(sys.argv[2], "config.json").read_text())
print(json.dumps({"big": big, "tiny": tiny, "tiny_files": files, "tiny_config": config}))
"""


@pytest.fixture(scope="module")
def measured(fleet: None) -> dict[str, Any]:
    image = on_host("tpu-a", "docker", "inspect", "--format", "'{{.Config.Image}}'", "vllm-gemma4").strip()
    run = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c"]
    out = on_host("tpu-a", *run, shlex.quote(MEASURE), shlex.quote(json.dumps(CONFIG_26B)), TINY)
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def test_gemma_4_26b(measured: dict[str, Any]) -> None:
    assert _weights.parameters(CONFIG_26B) == measured["big"]
    assert measured["big"] * _weights.saved_bytes(CONFIG_26B) == TOTAL_SIZE_26B


def test_the_labs_tiny_model(measured: dict[str, Any]) -> None:
    config = measured["tiny_config"]
    assert _weights.parameters(config) == measured["tiny"]
    assert measured["tiny"] * _weights.saved_bytes(config) == measured["tiny_files"]
