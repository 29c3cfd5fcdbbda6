"""What is printed can be read by people and by programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.turbostable.tpu.plugins.action import report

ROWS = [{"host": "a", "status": "ready"}, {"host": "bcd", "status": "down"}]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What an action with these arguments prints."""
    lines: list[str] = []
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: {})
    monkeypatch.setattr(report.display, "display", lines.append)

    def call(**args: Any) -> str:
        action = report.ActionModule.__new__(report.ActionModule)
        action._task = SimpleNamespace(args=args)
        assert action.run() == {"changed": False, "rows": args["rows"]}
        return "\n".join(lines)

    return call


def test_table(printed: Any) -> None:
    assert printed(rows=ROWS, note="all of it").splitlines() == [
        "",
        "host  status",
        "----  ------",
        "a     ready",
        "bcd   down",
        "",
        "all of it",
    ]


def test_json_is_one_line(printed: Any) -> None:
    line = printed(rows=ROWS, output="json")
    assert "\n" not in line
    assert json.loads(line) == {"rows": ROWS}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"rows": []}, r"rows is \[\]"),
        ({"rows": "x"}, "rows is 'x'"),
        ({"rows": ROWS, "output": "xml"}, "output is 'xml'; expected table or json"),
    ],
)
def test_refuses(printed: Any, args: dict[str, Any], told: str) -> None:
    with pytest.raises(AnsibleActionFail, match=told):
        printed(**args)
