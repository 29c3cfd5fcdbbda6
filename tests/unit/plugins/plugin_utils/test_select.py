"""The choice among records."""

from __future__ import annotations

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _nodes, _select

RECORDS = [
    {"name": "a", "labels": {"env": "prod"}, "chips": 4, "workers": []},
    {"name": "b", "labels": {}, "chips": 16, "workers": []},
]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("@", "ab"),
        ("[?labels.env=='prod']", "a"),
        ("[?labels.env!='prod']", "b"),
        ("[?chips > `4`]", "b"),
        ("[?starts_with(name, 'a')]", "a"),
        ("reverse(sort_by(@, &chips))", "ba"),
        ("[:1]", "a"),
        ("[?name=='c']", ""),
    ],
)
def test_select(expression: str, names: str) -> None:
    chosen = _select.select(RECORDS, _select.compile_select(expression))
    assert "".join(record["name"] for record in chosen) == names


@pytest.mark.parametrize("expression", ["[?labels.env=", "[?labels.env=='prod'", "a b", "[?labels.env == prod-1]"])
def test_a_bad_select_is_refused_before_anything_is_listed(expression: str) -> None:
    with pytest.raises(
        _nodes.NodesError, match=r"^select: .* is no JMESPath expression: .*; expected one over"
    ) as info:
        _select.compile_select(expression)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ("[0]", "gives an object"),
        ("[].name", "gives a list of 2 in which not every item is a node"),
        ("length(@)", "gives a number"),
        ("[0].name", "gives a string"),
        ("nothing", "gives null"),
        ("contains(@, 'a')", "gives a boolean"),
        ("avg([].chips)", "gives a number"),
        ("starts_with(@, 'a')", "fails on the list of nodes: "),
        ("no_such(@)", r"fails on the list of nodes: Unknown function: no_such\(\)"),
    ],
)
def test_a_select_that_gives_no_list_of_nodes(expression: str, gives: str) -> None:
    with pytest.raises(_nodes.NodesError, match=gives) as info:
        _select.select(RECORDS, _select.compile_select(expression))
    assert "\n" not in str(info.value)
