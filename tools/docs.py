"""Write docs/reference from the code: a page for every plugin, role, playbook, and one for the profiles.

``--check`` writes nothing: it fails where a page is missing, stale or left over, and where a link in README.md or docs
leads nowhere.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from antsibull_docs_parser import dom, md, parser

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / ".collections")]

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _profile  # noqa: E402 - needs the path above

COLLECTION = "turbostable.tpu"
REFERENCE = ROOT / "docs" / "reference"
HEALTH = ROOT / "tests" / "integration" / "health_truth.yml"
KINDS = {"modules": "module", "inventory": "inventory", "lookup": "lookup", "filter": "filter"}
NOTE = "<!-- Made by `make docs` from the code. Do not edit. -->\n"

Pages = dict[Path, str]


class Formatter(md.MDFormatter):
    """Markdown that reads well as plain text too: backticks, and only what Markdown would take for its own escaped."""

    def format_error(self, part: dom.ErrorPart) -> str:
        raise SystemExit(f"docs: bad markup: {part.message}")

    def format_text(self, part: dom.TextPart) -> str:
        return re.sub(r"([\\`*<\[])", r"\\\1", part.text)

    def format_code(self, part: dom.CodePart) -> str:
        return f"`{part.text}`"

    def format_env_variable(self, part: dom.EnvVariablePart) -> str:
        return f"`{part.name}`"

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return f"`{part.value}`"

    def format_option_name(self, part: dom.OptionNamePart, _url: str | None) -> str:
        return f"`{part.name}`" if part.value is None else f"`{part.name}={part.value}`"

    def format_return_value(self, part: dom.ReturnValuePart, _url: str | None) -> str:
        return f"`{part.name}`"


def prose(text: str | Iterable[str] | None, separator: str = "\n\n") -> str:
    """Ansible's markup (``C(...)``, ``O(...)``) as Markdown."""
    paragraphs = [text] if isinstance(text, str) else list(text or [])
    return separator.join(
        md.to_md(parser.parse(item, parser.Context()), formatter=Formatter(), par_sep=separator) for item in paragraphs
    )


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def literal(value: Any) -> str:
    """A value as it stands in YAML, in code."""
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{text}`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell(item) for item in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def options(spec: Mapping[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """A row for each option, sub-options after theirs."""
    for name, option in spec.items():
        kind = option.get("type", "str")
        if "elements" in option:
            kind += f" of {option['elements']}"
        facts = [f"**{prefix}{name}**", kind]
        if option.get("required"):
            facts.append("required")
        about = prose(option.get("description"), "<br>")
        if option.get("choices"):
            about += f"<br>One of {', '.join(literal(choice) for choice in option['choices'])}."
        if option.get("env"):
            about += f"<br>Environment: {', '.join(literal(item['name']) for item in option['env'])}."
        default = option.get("default")
        yield ["<br>".join(facts), "" if default is None else literal(default), about]
        yield from options(option.get("options") or option.get("suboptions") or {}, f"{prefix}{name}.")


def returns(spec: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, value in spec.items():
        kind = value.get("type", "str") + (f" of {value['elements']}" if "elements" in value else "")
        yield [f"**{name}**<br>{kind}", prose(value.get("returned")), prose(value.get("description"), "<br>")]


def plugin_page(name: str, kind: str, found: Mapping[str, Any]) -> str:
    doc = found["doc"]
    parts = [f"# {COLLECTION}.{name} ({kind})\n", NOTE, prose(doc["short_description"]), prose(doc["description"])]
    if doc.get("requirements"):
        parts += ["## Requirements", "\n".join(f"- {prose(item)}" for item in doc["requirements"])]
    if doc.get("options"):
        parts += ["## Options", table(("Option", "Default", "Meaning"), options(dict(sorted(doc["options"].items()))))]
    if doc.get("attributes"):
        rows = [[key, value["support"], prose(value["description"])] for key, value in doc["attributes"].items()]
        parts += ["## Attributes", table(("Attribute", "Support", "Meaning"), rows)]
    if doc.get("notes"):
        parts += ["## Notes", "\n".join(f"- {prose(item)}" for item in doc["notes"])]
    if not found.get("examples"):
        raise SystemExit(f"docs: {kind} {name} has no EXAMPLES")
    parts += ["## Examples", f"```yaml\n{found['examples'].strip()}\n```"]
    if found.get("return"):
        parts += ["## Return values", table(("Key", "Returned", "Meaning"), returns(found["return"]))]
    return join(parts)


def role_page(name: str, spec: Mapping[str, Any]) -> str:
    parts = [f"# {COLLECTION}.{name} (role)\n", NOTE]
    for entry, about in spec["argument_specs"].items():
        task = "" if entry == "main" else f" (`tasks_from: {entry}`)"
        parts += [f"## {prose(about['short_description'])}{task}", prose(about.get("description"))]
        if about.get("options"):
            parts.append(table(("Variable", "Default", "Meaning"), options(about["options"])))
    return join(parts)


def playbook_page(name: str, text: str) -> str:
    """The comment at the top, and what the plays are called."""
    comment = re.match(r"---\n((?:#.*\n)+)", text)
    if not comment:
        raise SystemExit(f"docs: playbooks/{name}.yml has no comment at its top that says what it is for")
    lines = [line[1:].removeprefix(" ") for line in comment.group(1).splitlines()]
    body = re.sub(
        r"(?m)(?:^  .*\n?)+", lambda code: f"```console\n{undent(code.group())}```\n", "\n".join(lines) + "\n"
    )
    plays = [[play["name"], literal(play["hosts"])] for play in yaml.safe_load(text) if "hosts" in play]
    title = f"# {COLLECTION}.{name} (playbook)\n"
    return join([title, NOTE, body.strip(), "## Plays", table(("Play", "Hosts"), plays)])


def undent(code: str) -> str:
    return re.sub(r"(?m)^  ", "", code.rstrip("\n") + "\n")


def profiles_page(directory: Path) -> str:
    # Those that extend no other first: their order of keys is the document's.
    files = sorted(directory.glob("*.yml"), key=lambda path: ("extends" in yaml.safe_load(path.read_text()), path.stem))
    names = [path.stem for path in files]
    found = {name: _profile.load_profile(name, directory) for name in names}
    parts = ["# Profiles\n", NOTE, "The flags, variables and images of each profile, with all that it extends."]
    about = [[f"**{name}**", str(found[name]["description"]), str(found[name]["source"])] for name in names]
    parts.append(table(("Profile", "What for", "Source"), about))
    plain = ("model", "shm_size", "startup_timeout", "compile_cache_env")
    rows = [[key, *(literal(found[name][key]) for name in names)] for key in plain]
    parts += ["## Server", table(("", *names), rows)]
    for title, section in (("Image", "image"), ("Arguments of `vllm serve`", "args"), ("Environment", "env")):
        parts += [f"## {title}", section_table(found, section)]
    parts += ["## Docker", section_table(found, "docker")]
    return join(parts)


def section_table(found: Mapping[str, Mapping[str, Any]], section: str) -> str:
    keys = list(dict.fromkeys(key for profile in found.values() for key in profile[section]))
    rows = [
        [key, *(literal(profile[section][key]) if key in profile[section] else "-" for profile in found.values())]
        for key in keys
    ]
    return table(("", *found), rows)


def health_page(rows: Iterable[Mapping[str, Any]]) -> str:
    """What the integration tests have measured, state by state."""
    about = (
        "What `vllm_health` says in each state of a server, and plain `/health` at the same moment. The integration "
        "tests produce each state on a real server and hold it against this table."
    )
    head = ("State", "Produced by", "`/health`", "`status`", "`layer`")
    cells = [
        [row["state"], row["made_by"], str(row["health"] or "no answer"), literal(row["status"]), literal(row["layer"])]
        for row in rows
    ]
    return join(["# What health says\n", NOTE, about, table(head, cells)])


def join(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def ansible_doc(kind: str, names: list[str]) -> dict[str, Any]:
    """What ansible-doc reads from the plugins; a name that it does not know is an error."""
    command = ["ansible-doc", "--type", kind, "--json", *(f"{COLLECTION}.{name}" for name in names)]
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, text=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    for name in names:
        if "doc" not in (found.get(f"{COLLECTION}.{name}") or {}):
            raise SystemExit(f"docs: ansible-doc finds no documentation of the {kind} {name}: {done.stderr.strip()}")
    return found


def pages() -> Pages:
    """Every page of the reference, by its path under docs/reference."""
    made: Pages = {}
    for folder, kind in KINDS.items():
        names = sorted(path.stem for path in (ROOT / "plugins" / folder).glob("[!_]*.py"))
        found = ansible_doc(kind, names) if names else {}
        for name in names:
            made[Path("plugins", f"{name}_{kind}.md")] = plugin_page(name, kind, found[f"{COLLECTION}.{name}"])
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
        made[Path("roles", f"{role.name}.md")] = role_page(role.name, spec)
    for playbook in sorted((ROOT / "playbooks").glob("*.yml")):
        made[Path("playbooks", f"{playbook.stem}.md")] = playbook_page(playbook.stem, playbook.read_text())
    made[Path("profiles.md")] = profiles_page(_profile.PROFILES)
    made[Path("health.md")] = health_page(yaml.safe_load(HEALTH.read_text()))
    made[Path("README.md")] = index(made)
    return made


def index(made: Pages) -> str:
    parts = ["# Reference\n", NOTE]
    for title, folder in (("Playbooks", "playbooks"), ("Roles", "roles"), ("Plugins", "plugins"), ("Tables", ".")):
        entries = [f"- [{first_line(text)}]({path})" for path, text in made.items() if str(path.parent) == folder]
        parts += [f"## {title}", "\n".join(entries)]
    return join(parts)


def first_line(text: str) -> str:
    return text.splitlines()[0].removeprefix("# ")


def stale(made: Pages) -> list[str]:
    there = {path.relative_to(REFERENCE) for path in REFERENCE.rglob("*.md")} if REFERENCE.is_dir() else set()
    problems = [f"{path} has no source any more" for path in sorted(there - made.keys())]
    for path, text in made.items():
        if path not in there:
            problems.append(f"{path} is missing")
        elif (REFERENCE / path).read_text() != text:
            problems.append(f"{path} is stale")
    return problems


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(files: Iterable[Path]) -> tuple[int, list[str]]:
    """How many relative links there are in *files*, and which lead nowhere."""
    count, dead = 0, []
    for file in files:
        text = re.sub(r"(?s)```.*?```", "", file.read_text())
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            path, _hash, anchor = target.partition("#")
            page = (file.parent / path) if path else file
            if not page.exists() or (anchor and page.is_file() and anchor not in anchors(page.read_text())):
                dead.append(f"{file.relative_to(ROOT)}: {target} leads nowhere")
    return count, dead


def write(made: Pages) -> None:
    for path in REFERENCE.rglob("*.md") if REFERENCE.is_dir() else ():
        path.unlink()
    for path, text in made.items():
        target = REFERENCE / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def main() -> int:
    made = pages()
    if "--check" not in sys.argv[1:]:
        write(made)
        print(f"{len(made)} pages in {REFERENCE.relative_to(ROOT)}")
        return 0
    problems = stale(made)
    count, dead = dead_links([ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])
    for name, found, number in (("pages", problems, len(made)), ("links", dead, count)):
        print(*found, f"not ok docs {name}; `make docs`" if found else f"ok docs {name} ({number})", sep="\n")
    return 1 if problems or dead else 0


if __name__ == "__main__":
    sys.exit(main())
