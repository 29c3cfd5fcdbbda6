"""What is printed can be read by people and by programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.turbostable.tpu.plugins.action import report

FOUND = {"text": "a  ready", "data": {"rows": [{"host": "a", "status": "ready"}]}}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What an action with these arguments prints."""
    lines: list[str] = []
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: {})
    monkeypatch.setattr(report.display, "display", lines.append)

    def call(**args: Any) -> str:
        action = report.ActionModule.__new__(report.ActionModule)
        action._task = SimpleNamespace(args=args)
        assert action.run() == {"changed": False}
        return "\n".join(lines)

    return call


def test_text(printed: Any) -> None:
    assert printed(**FOUND) == "\na  ready"


def test_json_is_one_line(printed: Any) -> None:
    line = printed(**FOUND, output="json")
    assert "\n" not in line
    assert json.loads(line) == FOUND["data"]


@pytest.mark.parametrize(
    ("args", "told"),
    [({"text": "x"}, "missing required arguments: data"), ({**FOUND, "output": "xml"}, "must be one of: text, json")],
)
def test_refuses(printed: Any, args: dict[str, Any], told: str) -> None:
    with pytest.raises(AnsibleError, match=told):
        printed(**args)
