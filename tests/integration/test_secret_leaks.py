"""The Hugging Face token is found in its own file on the host and nowhere else, whoever fetches it."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.config import DIR, GATEWAY, HOSTS, METADATA
from lab.emulator import Emulator
from lab.hosts import ssh_command
from tests.integration.conftest import ROOT, on_host

HOST = next(host for host in HOSTS if host.name == "tpu-b")
PATH = "/dev/shm/leak-test/token"
UNIT = "turbostable-hf-secret.service"
ROLE = "[{include_role: {name: turbostable.tpu.hf_secret}}]"
# Watches until its input ends: processes' arguments (and environments), and files as they come and go. The token comes
# by standard input, or the watch would find itself.
WATCH = """
import glob, os, select, sys, time
token, found, rounds = sys.stdin.buffer.readline().strip(), set(), 0
print("watching", flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    names = glob.glob("/proc/[0-9]*/cmdline")
    for top in sys.argv[1:]:
        names += glob.glob("/proc/[0-9]*/environ")
        names += [os.path.join(folder, name) for folder, _folders, files in os.walk(top) for name in files]
    for name in names:
        try:
            with open(name, "rb") as handle:
                if token in handle.read():
                    found.add(name)
        except OSError:
            pass
    rounds += 1
print(rounds, *sorted(found))
"""
TRANSIENT = ("/tmp", "/var/tmp", "/root", "/home")
PATTERN = "/dev/shm/leak-test-pattern"
# All that was written since then, on every file system that a program writes to; the journal; the containers. The
# pattern comes by standard input into a file, which the search finds too and so proves that it searches.
SEARCH = f"""
umask 077
cat > {PATTERN}
find / /run /tmp /dev/shm /var/lib/docker -xdev -type f -newermt "@$0" ! -path "/proc/*" ! -path "/sys/*" -print0 \\
    2>/dev/null | xargs -0 --no-run-if-empty grep -lF -f {PATTERN}
journalctl --no-pager --output=export --since="@$0" | grep -qaF -f {PATTERN} && echo journal
docker ps -aq 2>/dev/null | xargs --no-run-if-empty docker inspect | grep -qF -f {PATTERN} && echo docker
rm {PATTERN}
"""


class Watch:
    """Watches on the machine itself (no directories) or on the host, while a playbook runs."""

    def __init__(self, command: list[str], token: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "watching\n"

    def found(self) -> list[str]:
        rounds, *found = self.process.communicate()[0].split()
        assert int(rounds) > 3, "the watch has seen next to nothing"
        return found


@contextmanager
def watched(token: str) -> Iterator[tuple[Watch, Watch]]:
    remote = [*ssh_command(HOST), "sudo", "python3", "-c", shlex.quote(WATCH), *TRANSIENT]
    here, there = Watch(["python3", "-c", WATCH], token), Watch(remote, token)
    try:
        yield here, there
    finally:
        for watch in (here, there):
            if watch.process.poll() is None:
                watch.process.kill()
            watch.process.wait()


def play(tmp_path: Path, variables: dict[str, Any], **env: str) -> subprocess.CompletedProcess[str]:
    """Run the role alone, as talkative as Ansible gets."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(f"[{{hosts: '{HOST.inventory_name}', become: true, gather_facts: false, tasks: {ROLE}}}]")
    command = [f"{ROOT}/.venv/bin/ansible-playbook", "-i", "inventory/lab", "-vvvv", "--diff", str(playbook)]
    local = tmp_path / "local"
    more = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_LOCAL_TEMP": str(local), "ANSIBLE_NOCOLOR": "1", **env}
    return subprocess.run(
        [*command, "-e", json.dumps(variables)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"), **more},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def places_on_host(token: str, since: float) -> list[str]:
    """Files written since then with the token in them, and where else it would show."""
    done = subprocess.run(
        [*ssh_command(HOST), "sudo", "bash", "-c", shlex.quote(SEARCH), str(int(since) - 1)],
        input=token + "\n",
        text=True,
        capture_output=True,
        check=True,
    )
    found = set(done.stdout.split())
    assert PATTERN in found, f"the search does not search: {done}"
    return sorted(found - {PATTERN})


def unit_is_enabled() -> bool:
    return on_host("tpu-b", "find", "/etc/systemd/system/multi-user.target.wants", "-name", UNIT) != ""


@pytest.fixture
def token() -> str:
    return f"hf_Canary{secrets.token_hex(12)}"


@pytest.fixture
def emulator(tmp_path: Path, token: str) -> Iterator[Emulator]:
    """An emulator of our own that knows the token; the lab's metadata server gives the access token for it."""
    fleet = tmp_path / "fleet.json"
    values = {"canary": f"{token}\n", "broken": f"{token} {token}"}
    fleet.write_text(json.dumps({"project": "lab-project", "secrets": values}))
    with Emulator(fleet, rest=f"{GATEWAY}:0") as running:
        yield running


@pytest.fixture
def variables(emulator: Emulator, tmp_path: Path, token: str) -> dict[str, Any]:
    (tmp_path / "token").write_text(token + "\n")
    return {
        "hf_secret_endpoint": f"http://{emulator.rest}",
        "hf_secret_name": "canary",
        "hf_secret_path": PATH,
        "hf_secret_file": str(tmp_path / "token"),
        "hf_secret_env": "CANARY",
    }


@pytest.fixture(scope="module", autouse=True)
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The host as it was before."""
    served = unit_is_enabled()
    yield
    tmp_path = tmp_path_factory.mktemp("after")
    assert play(tmp_path, {"hf_secret_source": "none", "hf_secret_path": PATH}).returncode == 0
    on_host("tpu-b", "rm", "-rf", str(Path(PATH).parent), "/home/ubuntu/.ansible/tmp")
    if served:
        assert play(tmp_path, {}).returncode == 0


@pytest.mark.parametrize(
    ("source", "env"),
    [
        ("host", {}),
        # Even where Ansible leaves its module behind in a file.
        ("host", {"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1"}),
        ("controller", {}),
        ("file", {}),
        ("env", {}),
    ],
    ids=["host", "host-keeping-files", "controller", "file", "env"],
)
def test_found_in_its_file_alone(
    tmp_path: Path, token: str, variables: dict[str, Any], source: str, env: dict[str, str]
) -> None:
    environment = {"CANARY": token, "GCE_METADATA_HOST": METADATA, "GCE_METADATA_IP": METADATA}
    since = time.time()
    with watched(token) as (here, there):
        done = play(tmp_path, {**variables, "hf_secret_source": source}, **environment, **env)
        assert done.returncode == 0, done.stdout
        assert here.found() == []
        assert there.found() == []
    assert "secret_file" in done.stdout
    assert token not in done.stdout
    assert token not in (tmp_path / "ansible.log").read_text()
    local = tmp_path / "local"
    assert not [file for file in local.rglob("*") if file.is_file() and token.encode() in file.read_bytes()]
    assert places_on_host(token, since) == [PATH]
    assert on_host("tpu-b", "cat", PATH) == token
    assert on_host("tpu-b", "stat", "-c", "%a:%U:%G", PATH, str(Path(PATH).parent)).split() == [
        "600:root:root",
        "700:root:root",
    ]
    # Only who fetched it on the host can fetch it there again.
    assert unit_is_enabled() == (source == "host")


@pytest.mark.parametrize(
    ("source", "env", "told"),
    [
        ("host", {}, "white space"),
        ("controller", {}, "white space"),
        ("env", {}, "white space"),
        ("file", {"ANSIBLE_PIPELINING": "0"}, "pipelining = True"),
        ("controller", {"ANSIBLE_KEEP_REMOTE_FILES": "1"}, "pipelining = True"),
        ("env", {"ANSIBLE_DEBUG": "1"}, "ANSIBLE_DEBUG is set"),
    ],
    ids=["host", "controller", "env", "no-pipelining", "keeping-files", "debug"],
)
def test_an_error_shows_its_reason_and_not_the_token(
    tmp_path: Path, token: str, variables: dict[str, Any], source: str, env: dict[str, str], told: str
) -> None:
    # What the role would refuse anyway must not be what this is about.
    value = f"{token} {token}" if told == "white space" else token
    environment = {"CANARY": value, "GCE_METADATA_HOST": METADATA, "GCE_METADATA_IP": METADATA}
    name = "broken" if told == "white space" else "canary"
    since = time.time()
    done = play(tmp_path, {**variables, "hf_secret_source": source, "hf_secret_name": name}, **environment, **env)
    assert done.returncode == 2, done.stdout
    assert told in " ".join(done.stdout.split())
    assert token not in done.stdout
    assert token not in (tmp_path / "ansible.log").read_text()
    assert places_on_host(token, since) == []


@pytest.mark.usefixtures("fleet")
def test_a_deployed_host_shows_it_nowhere() -> None:
    token = yaml.safe_load((DIR / "fleet.yml").read_text())["secrets"]["hf-token"].strip()
    assert on_host("tpu-b", "cat", "/dev/shm/huggingface/token") == token
    places = places_on_host(token, time.time() - 3600)
    # Written longer ago than that, the token's own file is not among them.
    assert set(places) <= {"/dev/shm/huggingface/token"}
