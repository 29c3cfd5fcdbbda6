# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _cache_plan

WARM: Any = {"warm": True, "local_bundle": True}


def host(
    name: str, fingerprint: str = "f", *, failed: bool = False, canary: bool = False, **cache: bool
) -> dict[str, Any]:
    return {"name": name, "fingerprint": fingerprint, "failed": failed, "canary": canary, "cache": cache}


def plan(*hosts: dict[str, Any], store: str = "peer") -> dict[str, str]:
    """Each host's step in a few letters."""
    return {
        name: " ".join(filter(None, (step["action"], step["source"], step["peer"])))
        for name, step in _cache_plan.cache_plan(hosts, store).items()
    }


def test_one_compiles_and_the_others_wait() -> None:
    assert plan(host("a"), host("b"), host("c")) == {"a": "compile", "b": "wait a", "c": "wait a"}


def test_the_others_restore_what_the_canary_has_published() -> None:
    done = host("a", canary=True, **WARM)
    assert plan(done, host("b"), host("c")) == {"a": "serve", "b": "restore peer a", "c": "restore peer a"}
    assert plan(done, host("b"), store="gs://bucket") == {"a": "serve", "b": "restore store"}


def test_a_host_that_came_later_restores_and_nobody_compiles() -> None:
    assert plan(host("new"), host("old", **WARM)) == {"new": "restore peer old", "old": "serve"}


@pytest.mark.parametrize("store", ["peer", "local", "gs://bucket"])
def test_ones_own_bundle_comes_first(store: str) -> None:
    assert plan(host("a", local_bundle=True), host("b", **WARM), store=store)["a"] == "restore local"


def test_a_bundle_in_the_store() -> None:
    assert plan(host("a", store_bundle=True), host("b", store_bundle=True), store="gs://b") == {
        "a": "restore store",
        "b": "restore store",
    }


def test_each_alone_where_nothing_is_shared() -> None:
    assert plan(host("a"), host("b"), store="local") == {"a": "serve", "b": "serve"}


def test_each_configuration_has_its_own_canary() -> None:
    assert plan(host("a", "f"), host("b", "g"), host("c", "g")) == {"a": "compile", "b": "compile", "c": "wait b"}


def test_nothing_to_wait_for_where_nothing_was_compiled() -> None:
    # Eager mode: warm, and no bundle.
    assert plan(host("a", canary=True, warm=True), host("b")) == {"a": "serve", "b": "serve"}


def test_another_canary_where_the_first_failed() -> None:
    failed = host("a", failed=True, canary=True)
    assert plan(failed, host("b"), host("c")) == {"b": "compile", "c": "wait b"}


def test_two_failed_canaries_hold_the_others_back() -> None:
    failed = [host(name, failed=True, canary=True) for name in ("a", "b")]
    assert plan(*failed, host("c")) == {"c": "hold a and b"}
    # Somebody's bundle proves that the configuration works.
    assert plan(*failed, host("c"), host("d", local_bundle=True)) == {"c": "restore peer d", "d": "restore local"}


def test_hosts_that_failed_before_tell_nothing_of_the_configuration() -> None:
    failed = [host(name, failed=True) for name in ("a", "b")]
    assert plan(*failed, host("c")) == {"c": "compile"}


def test_a_fleet_that_is_warm_only_serves() -> None:
    assert plan(host("a", **WARM), host("b", **WARM)) == {"a": "serve", "b": "serve"}
    assert plan() == {}
