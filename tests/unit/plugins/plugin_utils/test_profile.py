# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _profile

DIGEST = "sha256:" + "0123456789abcdef" * 4
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


def write(directory: Path, name: str, **content: Any) -> Path:
    path = directory / f"{name}.yml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        pytest.param({"args": {"a": 1}}, {}, {"args": {"a": 1}}, id="nothing over it"),
        pytest.param({"args": {"a": 1, "b": 2}}, {"args": {"b": 3}}, {"args": {"a": 1, "b": 3}}, id="key by key"),
        pytest.param({"args": {"a": 1, "b": 2}}, {"args": {"b": None}}, {"args": {"a": 1}}, id="null removes"),
        pytest.param({"args": {"a": 1}}, {"args": {"z": None}}, {"args": {"a": 1}}, id="null of what is not there"),
        pytest.param({}, {"env": {"A": 1}}, {"env": {"A": 1}}, id="a new section"),
        pytest.param({"shm_size": "1g"}, {"shm_size": "2g"}, {"shm_size": "2g"}, id="a plain key"),
        pytest.param(
            {"args": {"spec": {"method": "ngram", "n": 3}}},
            {"args": {"spec": {"method": "eagle"}}},
            {"args": {"spec": {"method": "eagle"}}},
            id="a structure is one value, not merged",
        ),
        pytest.param({"args": {"a": 1}}, {"args": {"a": 0}}, {"args": {"a": 0}}, id="zero is a value"),
        pytest.param({"args": {"a": True}}, {"args": {"a": False}}, {"args": {"a": False}}, id="false is a value"),
    ],
)
def test_merge(base: dict[str, Any], over: dict[str, Any], merged: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    assert _profile.merge(base, over) == merged
    assert (base, over) == before, "merge must not change what it was given"


def test_override_lays_args_and_env_over_the_profile() -> None:
    profile = _profile.merge(GOOD, {"args": {"max_num_seqs": 1, "block_size": 16}, "env": {"HF_HOME": None}})
    assert profile["args"] == {"max_num_seqs": 1, "block_size": 16}
    assert profile["env"] == {"VLLM_XLA_CACHE_PATH": "/dev/shm/cache"}


def test_extends_is_followed_over_several_profiles(tmp_path: Path) -> None:
    write(tmp_path, "one", model="m", args={"a": 1, "b": 2, "c": 3}, shm_size="1g")
    write(tmp_path, "two", extends="one", args={"b": None})
    write(tmp_path, "three", extends="two", args={"c": 4}, env={"E": 1}, shm_size="2g")
    profile = _profile.load_profile("three", directory=tmp_path)
    assert profile["model"] == "m"
    assert profile["args"] == {"a": 1, "c": 4}
    assert profile["env"] == {"E": 1}
    assert profile["shm_size"] == "2g"
    assert profile["docker"] == {}
    assert "extends" not in profile


def test_a_users_file_extends_a_profile_of_the_collection_and_a_file_beside_itself(tmp_path: Path) -> None:
    shipped, mine = tmp_path / "shipped", tmp_path / "mine"
    shipped.mkdir()
    mine.mkdir()
    write(shipped, "base", model="m", args={"a": 1})
    write(mine, "team", extends="base", args={"b": 2})
    path = write(mine, "host", extends="./team.yml", args={"c": 3})
    for name, basedir in ((str(path), None), ("mine/host.yml", tmp_path), ("./host.yml", mine)):
        assert _profile.load_profile(name, shipped, basedir)["args"] == {"a": 1, "b": 2, "c": 3}


def test_unknown_profile_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "peak")
    write(tmp_path, "baseline")
    with pytest.raises(_profile.ProfileError, match=r"^unknown profile 'pek'; known: baseline, peak; or give the path"):
        _profile.load_profile("pek", directory=tmp_path)


def test_missing_file_is_refused_with_its_whole_path(tmp_path: Path) -> None:
    with pytest.raises(_profile.ProfileError, match=re.escape(f"no profile file {tmp_path}/mine.yml; give a path")):
        _profile.load_profile("./mine.yml", directory=tmp_path, basedir=tmp_path)


def test_a_profile_that_extends_itself_is_refused_with_the_way_round(tmp_path: Path) -> None:
    one = write(tmp_path, "one", extends="two")
    two = write(tmp_path, "two", extends="one")
    with pytest.raises(_profile.ProfileError, match=re.escape(f"extends itself: {one} -> {two} -> {one}")):
        _profile.load_profile("one", directory=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("- a\n- b\n", "must be a mapping; got: list", id="a list"),
        pytest.param("", "must be a mapping; got: NoneType", id="empty"),
        pytest.param("args: [a]\n", "args must be a mapping; got: ['a']", id="a section that is a list"),
        pytest.param("a: b: c\n", "cannot be read:", id="no YAML"),
        pytest.param("arg: {}\n", "unknown key in profile", id="an unknown key"),
        pytest.param("arg: {}\n", "arg (did you mean args?)", id="an unknown key, with a hint"),
    ],
)
def test_a_bad_file_is_refused_by_its_path(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(text)
    with pytest.raises(_profile.ProfileError, match=re.escape(message)) as error:
        _profile.load_profile("bad", directory=tmp_path)
    assert str(path) in str(error.value)
