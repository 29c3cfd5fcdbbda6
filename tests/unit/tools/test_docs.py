"""The reference: what the code says comes out as Markdown, and its check finds what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import docs


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Use C(vllm serve) with O(args), e.g. V(1).", "Use `vllm serve` with `args`, e.g. `1`."),
        ("Set O(docker_source=docker).", "Set `docker_source=docker`."),
        ("groups C(tpu_zone_*), 2 * 3 [x] <y>", r"groups `tpu_zone_*`, 2 \* 3 \[x] \<y>"),
        (["One.", "Two."], "One.\n\nTwo."),
        (None, ""),
    ],
)
def test_prose(text: str | list[str] | None, markdown: str) -> None:
    assert docs.prose(text) == markdown


def test_bad_markup_is_an_error() -> None:
    with pytest.raises(SystemExit, match="bad markup"):
        docs.prose("U(no end")


def test_table_keeps_pipes_in_their_cells() -> None:
    assert docs.table(("a", "b"), [("x | y", "z")]) == "| a | b |\n| --- | --- |\n| x \\| y | z |\n"


def test_options_with_their_own_options() -> None:
    spec = {
        "out": {
            "description": "All.",
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {"inner": {"description": "One.", "choices": ["a", "b"], "default": "a"}},
        }
    }
    assert list(docs.options(spec)) == [
        ["**out**<br>list of dict<br>required", "", "All."],
        ["**out.inner**<br>str", "`a`", "One.<br>One of `a`, `b`."],
    ]


def test_playbook_page_comes_from_its_comment() -> None:
    text = "---\n# What it does.\n#\n#   run it\n#   run it again\n#\n# More.\n- name: First\n  hosts: tpu\n"
    page = docs.playbook_page("x", text)
    assert "What it does.\n\n```console\nrun it\nrun it again\n```\n\nMore." in page
    assert "| First | `tpu` |" in page


def test_playbook_without_a_comment_is_an_error() -> None:
    with pytest.raises(SystemExit, match=r"playbooks/x\.yml has no comment"):
        docs.playbook_page("x", "---\n- name: First\n  hosts: tpu\n")


def test_stale_missing_and_left_over_pages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "REFERENCE", tmp_path)
    made = {Path("a.md"): "a\n", Path("roles", "b.md"): "b\n"}
    docs.write(made)
    assert docs.stale(made) == []
    (tmp_path / "a.md").write_text("changed\n")
    (tmp_path / "roles" / "b.md").rename(tmp_path / "roles" / "c.md")
    assert docs.stale(made) == ["roles/c.md has no source any more", "a.md is stale", "roles/b.md is missing"]


def test_dead_links_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n[a](page.md) [b](#one-heading) [c](https://example.com/x) [d](gone.md) [e](page.md#gone)\n"
        "```\n[f](in-code.md)\n```\n"
    )
    assert docs.dead_links([page]) == (4, ["page.md: gone.md leads nowhere", "page.md: page.md#gone leads nowhere"])
