"""The wait: restarts count from its own first look on, and a failure says what, where and why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.action import vllm_health

DOWN = {"status": "down", "layer": "container", "can_heal": True, "evidence": "restarting", "next_step": "wait"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The action's result and the module's arguments at each probe, with the module's results given."""
    seen: list[dict[str, Any]] = []

    def call(args: dict[str, Any], *results: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        left = list(results)

        def execute(_self: Any, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
            seen.append(dict(module_args))
            return dict(left.pop(0) if len(left) > 1 else left[0])

        monkeypatch.setattr(vllm_health.ActionModule, "_execute_module", execute)
        monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: {})
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        monkeypatch.setattr(vllm_health.display, "display", lambda _line: None)
        action = vllm_health.ActionModule.__new__(vllm_health.ActionModule)
        action._task = SimpleNamespace(args={"model": "gemma", **args})
        return action.run(task_vars={"inventory_hostname": "tpu-a"}), seen

    return call


def test_without_wait_it_is_one_snapshot_as_it_is(run: Any) -> None:
    result, seen = run({}, {**DOWN, "can_heal": False})
    assert result == {**DOWN, "can_heal": False}
    assert seen == [{"model": "gemma"}]


def test_restarts_before_the_wait_do_not_count(run: Any) -> None:
    loop = {**DOWN, "container": {"restarts": 7}}
    result, seen = run({"wait": True}, {**DOWN, "status": "loading"}, loop, loop, {"status": "ready"})
    assert result["status"] == "ready"
    # Not known until the first look at a container.
    assert [args["restarts_before"] for args in seen] == [1 << 30, 1 << 30, 7, 7]


def test_a_failure_says_where_and_why(run: Any) -> None:
    result, _seen = run({"wait": True, "container": "box"}, {**DOWN, "can_heal": False, "log": ["last words"]})
    assert result["failed"]
    assert result["msg"].startswith("vLLM on tpu-a is not ready after 0 s (1 attempts): down; restarting; wait; see")
    assert result["msg"].endswith("`docker logs box` on the host. Its last lines:\nlast words")
