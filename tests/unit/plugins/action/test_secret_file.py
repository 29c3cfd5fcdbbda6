"""A secret in the arguments is refused where they would pass a file on the host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants

from ansible_collections.turbostable.tpu.plugins.action.secret_file import ActionModule


def run(
    monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], *, pipelining: bool, run_async: int = 0
) -> dict[str, Any]:
    """The action's result, with the module itself replaced."""

    def enabled(_self: ActionModule, module_style: str, wrap_async: int = 0) -> bool:
        assert module_style == "new"
        return pipelining and not wrap_async

    monkeypatch.setattr(ActionModule, "_is_pipelining_enabled", enabled)
    monkeypatch.setattr(ActionModule, "_execute_module", lambda _self, **_more: {"changed": True})
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: {})
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(args=args, async_val=run_async)
    return action.run(task_vars={})


@pytest.mark.parametrize(
    ("args", "pipelining", "run_async"),
    [({"content": "hf_Canary"}, True, 0), ({"secret": "hf-token"}, False, 0), ({"state": "absent"}, False, 60)],
)
def test_runs(monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], pipelining: bool, run_async: int) -> None:  # noqa: FBT001
    assert run(monkeypatch, args, pipelining=pipelining, run_async=run_async) == {"changed": True}


@pytest.mark.parametrize(
    ("content", "pipelining", "run_async"), [("hf_Canary", False, 0), ("", False, 0), ("hf_Canary", True, 60)]
)
def test_refuses(monkeypatch: pytest.MonkeyPatch, content: str, pipelining: bool, run_async: int) -> None:  # noqa: FBT001
    result = run(monkeypatch, {"content": content}, pipelining=pipelining, run_async=run_async)
    assert result["failed"]
    assert "pipelining = True in [connection] of ansible.cfg" in result["msg"]
    assert "hf_Canary" not in result["msg"]


def test_refuses_to_have_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_DEBUG", True)
    result = run(monkeypatch, {"content": "hf_Canary"}, pipelining=True)
    assert result["failed"]
    assert "ANSIBLE_DEBUG" in result["msg"]
    assert run(monkeypatch, {"secret": "hf-token"}, pipelining=True) == {"changed": True}
