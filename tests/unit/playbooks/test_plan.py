# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plan.yml from end to end, on this machine as its host, with a docker command that only answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _profile

ROOT = Path(__file__).parents[3]
CANARY = "hf_CanaryCanaryCanary"
# Answers `docker container inspect`, `docker image inspect` and, as the image's parser, `docker run` out of files.
DOCKER = f"""#!{sys.executable}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
kind, name = sys.argv[1], sys.argv[-1]
with (here / "calls").open("a") as calls:
    print(" ".join(sys.argv[1:4]), file=calls)
if kind == "run":
    print("a warning of some import")
    print("turbostable" + (here / "parser.json").read_text())
elif (here / f"{{kind}}.json").exists():
    print((here / f"{{kind}}.json").read_text())
else:
    sys.exit("Error response from daemon: No such " + kind + ": " + name)
"""


def spec(**args: Any) -> dict[str, Any]:
    known = _profile.load_known()
    profile = _profile.merge(_profile.load_profile("turbo_stable"), {"args": args})
    return _command.build_spec(profile, known, "turbo_stable", "vllm-gemma4")


class Machine:
    """This machine as a TPU VM."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "docker").write_text(DOCKER)
        (directory / "docker").chmod(0o755)
        host = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
        host |= {"tpu_accelerator_type": "v6e-4", "tpu_chips": 4}
        (directory / "hosts.json").write_text(json.dumps({"tpu": {"hosts": {"tpu-x": host}}}))

    def serves(self, served: dict[str, Any], env: dict[str, str] | None = None) -> None:
        """Docker has a container and an image as a deploy of *served* leaves them."""
        docker = served["docker"]
        container = {
            "Id": "c1",
            "Image": "sha256:1",
            "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z"},
            "Config": {
                "Image": served["image"],
                "Entrypoint": ["vllm"],
                "Cmd": served["argv"],
                "Env": ["PATH=/bin", *(f"{key}={value}" for key, value in {**served["env"], **(env or {})}.items())],
                "StopTimeout": served["stop_timeout"],
                "Labels": {"turbostable.profile": served["profile"]},
            },
            "HostConfig": {
                "Binds": [f"{volume}:rw" for volume in docker["volumes"]],
                "Privileged": docker["privileged"],
                "NetworkMode": docker["network"],
                "ShmSize": 10 << 30,
            },
        }
        (self.directory / "container.json").write_text(json.dumps([container]))
        (self.directory / "image.json").write_text(json.dumps([{"Id": "sha256:1", "Config": {"Env": ["PATH=/bin"]}}]))
        self.parser_says(None)

    def parser_says(self, error: str | None, near: dict[str, str] | None = None) -> None:
        said = {"version": "0.32.0", "error": error, "near": near or {}}
        (self.directory / "parser.json").write_text(json.dumps(said))

    def plan(self, *options: str, **variables: Any) -> tuple[int, str]:
        command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", str(self.directory / "hosts.json"), *options]
        here = {"plan_records": str(self.directory / "starts.jsonl"), **variables}
        done = subprocess.run(
            [*command, f"{ROOT}/playbooks/plan.yml", "-e", json.dumps(here)],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": f"{self.directory}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg",
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def json(self, **variables: Any) -> dict[str, Any]:
        code, output = self.plan(output="json", **variables)
        assert code == 0, output
        plan: dict[str, Any] = json.loads(next(line for line in output.splitlines() if line.startswith('{"hosts"')))
        return plan


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def changes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All but the size of /dev/shm, which on this machine is what it is."""
    found: list[dict[str, Any]] = [change for row in plan["hosts"] for change in row["changes"]]
    return [change for change in found if change["kind"] != "shm"]


def test_a_bare_host_starts_first_and_the_parser_is_not_asked(machine: Machine) -> None:
    plan = machine.json()
    assert plan["first_starts"] == 1
    assert [(change["kind"], change["after"]) for change in changes(plan)] == [
        ("container", "started"),
        ("pull", spec()["image"]),
    ]
    calls = (machine.directory / "calls").read_text()
    assert "run" not in calls
    assert "pull" not in calls


def test_right_after_a_deploy_nothing_changes(machine: Machine) -> None:
    machine.serves(spec())
    plan = machine.json()
    assert changes(plan) == []
    assert plan["restarts"] == 0
    assert "run --rm --network" in (machine.directory / "calls").read_text()


def test_one_changed_flag_is_that_one_flag(machine: Machine) -> None:
    machine.serves(spec())
    code, output = machine.plan(vllm_args={"max_num_seqs": 128})
    assert code == 0, output
    assert "~ flag max_num_seqs: 256 -> 128" in output
    assert output.count("    ~ flag") == 1
    assert "1 restart" in output


def test_a_pending_change_can_fail_the_run(machine: Machine) -> None:
    machine.serves(spec())
    code, output = machine.plan(vllm_args={"max_num_seqs": 128}, fail_on_change=True)
    assert code != 0
    assert "1 of 1 hosts would change" in output


def test_what_the_parser_refuses_is_refused_with_its_words_and_the_nearest_flag(machine: Machine) -> None:
    machine.serves(spec())
    message = "vllm serve: error: unrecognized arguments: --max-num-seqs=256"
    machine.parser_says(message, {"--max-num-seqs": "--max-seqs"})
    code, output = machine.plan()
    assert code != 0
    assert f"vLLM 0.32.0: {message} (did you mean --max-seqs?)" in " ".join(output.split())


def test_a_trap_is_refused_by_its_reason(machine: Machine) -> None:
    code, output = machine.plan(vllm_args={"block_size": 16})
    assert code != 0
    assert "The plan is refused before anything is touched: block_size 16 is too small" in " ".join(output.split())


def test_a_token_of_a_container_made_by_hand_does_not_show(machine: Machine) -> None:
    machine.serves(spec(), env={"HF_TOKEN": CANARY, "NOTE": f"my {CANARY}"})
    code, output = machine.plan("-vvv")
    assert code == 0, output
    assert "- env HF_TOKEN: (hidden)" in output
    assert "- env NOTE: my (hidden)" in output
    assert CANARY not in output


def test_past_starts_say_how_long_it_takes(machine: Machine) -> None:
    machine.serves(spec())
    alike = {"model": spec()["model"], "type": "v6e-4", "start": "cold"}
    records = [{**alike, "seconds": seconds} for seconds in (1300, 1500, 1400)]
    (machine.directory / "starts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    plan = machine.json(vllm_args={"max_num_seqs": 128})
    assert [(row["start"], row["seconds"]) for row in plan["hosts"]] == [("cold", 1400)]
