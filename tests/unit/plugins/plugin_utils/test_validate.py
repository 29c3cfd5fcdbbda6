# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _profile, _validate

DIGEST = "sha256:" + "0123456789abcdef" * 4
KNOWN = {
    "version": "9.9.9",
    "args": {
        "max_num_seqs": "value",
        "block_size": "value",
        "enable_prefix_caching": "switch",
        "trust_remote_code": "flag",
        "served_model_name": "list",
        "api_key": "list",
        "hf_token": "value",
    },
    "env": ["VLLM_XLA_CACHE_PATH", "VLLM_CACHE_ROOT", "SKIP_JAX_PRECOMPILE", "TPU_BACKEND_TYPE"],
}
GOOD: dict[str, Any] = {
    "description": "for tests",
    "model": "a/model",
    "image": {"base": f"example/vllm:tag@{DIGEST}", "packages": ["transformers==1.0"]},
    "args": {"max_num_seqs": 256},
    "env": {"HF_HOME": "/dev/shm/huggingface", "VLLM_XLA_CACHE_PATH": "/dev/shm/cache"},
    "docker": {"privileged": True, "network": "host", "volumes": [], "shm_size": "10gb"},
    "omit": {},
    "compile_cache_env": "VLLM_XLA_CACHE_PATH",
    "shm_size": "1g",
    "startup_timeout": 60,
}


def test_a_good_profile_is_accepted() -> None:
    _validate.validate(GOOD, KNOWN)


@pytest.mark.parametrize("key", ["model", "image", "args", "compile_cache_env", "shm_size", "startup_timeout"])
def test_a_missing_key_is_named(key: str) -> None:
    profile = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(_profile.ProfileError, match=f"^the profile lacks {key}; extend turbo_stable or set them$"):
        _validate.validate(profile, KNOWN)


@pytest.mark.parametrize(
    ("over", "message"),
    [
        pytest.param(
            {"image": {"packges": []}}, "unknown key in image: packges (did you mean packages?)", id="image key"
        ),
        pytest.param(
            {"docker": {"net": "host"}}, "unknown key in docker: net (did you mean network?)", id="docker key"
        ),
        pytest.param({"image": {"base": "example/vllm:tag"}}, "image 'example/vllm:tag' is not pinned", id="tag alone"),
        pytest.param({"image": {"base": f"example/vllm@{DIGEST[:-1]}"}}, "is not pinned", id="short digest"),
        pytest.param({"image": {"base": None}}, "image '' is not pinned", id="no image"),
        pytest.param({"env": {"HF_HOME": None}}, "env.HF_HOME must be an absolute path; got: None", id="no HF_HOME"),
        pytest.param({"env": {"HF_HOME": "hf"}}, "env.HF_HOME must be an absolute path; got: 'hf'", id="relative"),
        pytest.param(
            {"compile_cache_env": "VLLM_CACHE_ROOT"},
            "env.VLLM_CACHE_ROOT must be an absolute path; got: None",
            id="the cache variable is not set",
        ),
        pytest.param(
            {"args": {"max_num_seq": 1}},
            "unknown key in vllm_args (vLLM 9.9.9): max_num_seq (did you mean max_num_seqs?)",
            id="unknown argument",
        ),
        pytest.param({"args": {"max-num-seqs": 1}}, "max-num-seqs (did you mean max_num_seqs?)", id="with dashes"),
        pytest.param({"args": {"zzz": 1}}, "unknown key in vllm_args (vLLM 9.9.9): zzz", id="nothing near"),
        pytest.param({"args": {"qqq": 1, "zzz": 1}}, "qqq, zzz", id="all unknown ones at once"),
        pytest.param(
            {"args": {"enable_prefix_caching": "yes"}},
            "vllm_args.enable_prefix_caching is a switch: expected true, false or null; got: 'yes'",
            id="switch with a text",
        ),
        pytest.param({"args": {"trust_remote_code": 1}}, "vllm_args.trust_remote_code is a switch", id="flag with 1"),
        pytest.param(
            {"args": {"max_num_seqs": True}},
            "vllm_args.max_num_seqs takes a value; got: True; use null to remove it",
            id="value with true",
        ),
        pytest.param({"args": {"served_model_name": False}}, "served_model_name takes a value", id="list with false"),
        pytest.param({"args": {"api_key": "x"}}, "vllm_args.api_key would show in the process list", id="API key"),
        pytest.param({"args": {"hf_token": "x"}}, "vllm_args.hf_token would show in the process list", id="token arg"),
        pytest.param(
            {"env": {"HF_TOKEN": "x"}},
            "vllm_env.HF_TOKEN would show in docker inspect; set hf_secret_source instead",
            id="token variable",
        ),
        pytest.param({"env": {"VLLM_API_KEY": "x"}}, "vllm_env.VLLM_API_KEY would show", id="key variable"),
        pytest.param(
            {"env": {"HUGGING_FACE_HUB_TOKEN": "x"}}, "HUGGING_FACE_HUB_TOKEN would show", id="old token name"
        ),
        pytest.param(
            {"env": {"VLLM_XLA_CACHE_PATHS": "/x"}},
            "unknown variable in vllm_env: VLLM_XLA_CACHE_PATHS (did you mean VLLM_XLA_CACHE_PATH?)",
            id="near miss of a variable",
        ),
        pytest.param({"env": {"VLLM_NOVEL": 1}}, "unknown variable in vllm_env: VLLM_NOVEL", id="unknown VLLM_*"),
        pytest.param(
            {"env": {"SKIP_JAX_PRECOMPIL": 1}},
            "unknown variable in vllm_env: SKIP_JAX_PRECOMPIL (did you mean SKIP_JAX_PRECOMPILE?)",
            id="near miss without the prefix",
        ),
        pytest.param({"env": {"X": {"a": 1}}}, "vllm_env.X must be a text or a number; got: {'a': 1}", id="structure"),
        pytest.param({"env": {"X": [1]}}, "vllm_env.X must be a text or a number; got: [1]", id="list"),
    ],
)
def test_what_cannot_work_is_refused_by_name(over: dict[str, Any], message: str) -> None:
    with pytest.raises(_profile.ProfileError, match=re.escape(message)):
        _validate.validate(_profile.merge(GOOD, over), KNOWN)


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"env": {"OMP_NUM_THREADS": 1}}, id="a variable that is none of vLLM's"),
        pytest.param({"env": {"VLLM_CACHE_ROOT": "/x", "SKIP_JAX_PRECOMPILE": ""}}, id="known variables"),
        pytest.param({"args": {"enable_prefix_caching": False, "trust_remote_code": True}}, id="switches"),
        pytest.param({"args": {"served_model_name": ["a", "b"]}}, id="a list"),
        pytest.param({"args": {"max_num_seqs": None, "block_size": 32}}, id="removed"),
        pytest.param({"image": {"base": f"host:5000/a/b@{DIGEST}"}}, id="a digest without a tag"),
    ],
)
def test_what_can_work_is_accepted(over: dict[str, Any]) -> None:
    _validate.validate(_profile.merge(GOOD, over), KNOWN)


@pytest.mark.parametrize("path", sorted(_profile.PROFILES.glob("*.yml")), ids=lambda path: path.stem)
def test_every_profile_of_the_collection_is_valid(path: Path) -> None:
    _validate.validate(_profile.load_profile(path.stem), _profile.load_known())


@pytest.mark.parametrize(
    ("args", "env", "message"),
    [
        ({"max_num_seqs": "many"}, {}, "vllm_args.max_num_seqs takes a whole number; got: 'many'"),
        ({"gpu_memory_utilization": "high"}, {}, "vllm_args.gpu_memory_utilization takes a number; got: 'high'"),
        ({"max_model_len": "long"}, {}, "vllm_args.max_model_len takes a number, e.g. 4096 or 4k; got: 'long'"),
        ({"speculative_confg": None}, {}, "speculative_confg (did you mean speculative_config?)"),
        ({"model": "a/b"}, {}, "vllm_args.model is not for here"),
        ({"hf_overrides": {"token": "hf_" + "a1B2" * 8}}, {}, "vllm_args.hf_overrides holds a Hugging Face token"),
        ({}, {"VLLM_TPU_BUCKET_PADDING_GAP": ""}, "takes a whole number, 0 for none; got: ''"),
        ({}, {"VLLM_TPU_BUCKET_PADING_GAP": None}, "did you mean VLLM_TPU_BUCKET_PADDING_GAP?"),
        ({}, {"MY_API_TOKEN": "x"}, "vllm_env.MY_API_TOKEN would show in docker inspect"),
        ({}, {"FOO BAR": 1}, "'FOO BAR' is no name of a variable"),
    ],
)
def test_what_a_user_mistypes_is_refused_by_name(args: dict[str, Any], env: dict[str, Any], message: str) -> None:
    check = _validate.validate_args if args else _validate.validate_env
    with pytest.raises(_profile.ProfileError, match=re.escape(message)):
        check(args or env, _profile.load_known())


@pytest.mark.parametrize("value", [4096, "4k", "auto", "1.5k"])
def test_a_size_may_be_written_as_vllm_reads_it(value: object) -> None:
    _validate.validate_args({"max_model_len": value}, _profile.load_known())


def test_a_variable_of_another_family_is_the_users_own() -> None:
    _validate.validate_env({"AWS_REGION": "x", "S4_ENDPOINT_URL": "y"}, _profile.load_known())


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"shm_size": "lots"}, "shm_size must be a size, e.g. 100g; got: 'lots'"),
        ({"startup_timeout": "soon"}, "startup_timeout must be seconds, e.g. 3600; got: 'soon'"),
        ({"model": ["a"]}, "model must be a name or a path; got: ['a']"),
        ({"image": {"packages": "torch"}}, "image.packages must be a list of NAME==VERSION; got: 'torch'"),
        ({"image": {"packages": ["torch"]}}, "image.packages must be a list of NAME==VERSION; got: ['torch']"),
        ({"docker": {"volumes": "/a:/b"}}, "docker.volumes must be a list of SOURCE:TARGET; got: '/a:/b'"),
        ({"docker": {"privileged": "false"}}, "docker.privileged must be true or false; got: 'false'"),
        ({"args": {"served_model_name": []}}, "served_model_name must be a name or a list of names"),
    ],
)
def test_a_value_that_would_fail_on_the_host_is_refused(over: dict[str, Any], message: str) -> None:
    profile = _profile.merge(_profile.load_profile("turbo_stable"), over)
    with pytest.raises(_profile.ProfileError, match=re.escape(message)):
        _validate.validate(profile, _profile.load_known())
