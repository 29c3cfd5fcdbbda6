"""The client of Secret Manager that ships to the hosts, against the emulator's wire and against answers of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from ansible_collections.turbostable.tpu.plugins.module_utils import _secret_manager as core
from lab.emulator import Emulator

CANARY = "hf_CanaryCanaryCanary"
NAME = "projects/lab-project/secrets/hf-token/versions/latest"
ENDPOINT = "https://secretmanager.googleapis.com"
Fleet = Callable[..., None]


def answer(data: bytes, crc: object = None) -> bytes:
    payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(core.crc32c(data)) if crc is None else crc}
    return json.dumps({"payload": payload}).encode()


def refusal(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.fixture
def tmpfs() -> Iterator[Path]:
    """A directory of our own on tmpfs."""
    path = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="test-secret-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    def write(**more: Any) -> None:
        secrets = {"hf-token": CANARY + "\n", "empty": "\n"}
        content = {"project": "lab-project", "secrets": secrets, **more}
        (tmp_path / "fleet.json").write_text(json.dumps(content))

    write()
    return write


@pytest.fixture
def emulator(tmp_path: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(tmp_path / "fleet.json") as running:
        monkeypatch.setenv("GCE_METADATA_HOST", running.metadata)
        yield running


def fetch(emulator: Emulator, sleep: Callable[[float], None] = lambda _seconds: None, **more: str) -> str:
    options = {"project": "lab-project", "secret": "hf-token", "version": "latest"} | more
    return str(core.fetch(endpoint=f"http://{emulator.rest}", sleep=sleep, **options))


class Recorder:
    """A server that gives one answer to everything, and remembers what it was sent."""

    def __init__(self, status: int, body: Callable[[str], bytes] = lambda _sent: b"{}", location: str = "") -> None:
        recorder = self
        self.sent: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent = self.headers.get("Authorization", "")
                recorder.sent.append(sent)
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(body(sent))

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720, B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_crc32c(data: bytes, expected: int) -> None:
    assert core.crc32c(data) == expected


@pytest.mark.parametrize("content", [CANARY, CANARY + "\n", CANARY + "\r\n", CANARY + "\n\n", CANARY.encode() + b"\n"])
def test_clean_strips_newlines_at_the_end(content: str | bytes) -> None:
    assert core.clean(content, "it") == CANARY


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (f"{CANARY} x", "white space"),
        (f" {CANARY}", "white space"),
        (f"{CANARY}\nx", "white space"),
        (f"\n{CANARY}", "white space"),
        (f"{CANARY}\tx", "white space"),
        (f"{CANARY}\0", "control"),
        (f"\ufeff{CANARY}", "non-ASCII"),
        (CANARY.encode() + b"\xff", "non-ASCII"),
    ],
)
def test_clean_refuses_what_is_no_token_without_showing_it(content: str | bytes, reason: str) -> None:
    with pytest.raises(core.ContentError, match=reason) as caught:
        core.clean(content, "it")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("project", "a/b"),
        ("project", "-a"),
        ("secret", "a b"),
        ("secret", "a\n"),
        ("version", "1:access"),
        ("endpoint", "ftp://x"),
        ("endpoint", "http://user@x"),
        ("endpoint", "https://x?y"),
        ("path", "relative"),
        ("path", "/dev/shm/a b"),
        ("path", "/dev/shm/%n"),
        ("path", "/dev/shm/$x"),
    ],
)
def test_bad_names_are_refused_by_kind(kind: str, value: str) -> None:
    with pytest.raises(core.SecretError, match=kind):
        core.check_names(**{kind: value})


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (404, refusal("Secret not found"), core.NotFoundError, ["Secret not found", "gcloud secrets versions list"]),
        (403, refusal("denied"), core.DeniedError, ["roles/secretmanager.secretAccessor", "serviceAccount:a@b"]),
        (
            403,
            refusal("insufficient", details=[{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]),
            core.DeniedError,
            ["--scopes=cloud-platform"],
        ),
        (
            403,
            refusal("not used", details=[{"reason": "SERVICE_DISABLED"}]),
            core.DeniedError,
            ["gcloud services enable secretmanager.googleapis.com --project lab-project"],
        ),
        (401, refusal("bad token"), core.DeniedError, ["did not accept the access token", "bad token"]),
        (400, refusal("is in DISABLED state"), core.SecretError, ["is in DISABLED state", "gcloud secrets versions"]),
        (418, b"<html>" + CANARY.encode(), core.SecretError, ["HTTP 418"]),
        (200, answer(CANARY.encode(), crc="1"), core.ChecksumError, ["CRC32C"]),
        (200, json.dumps({"payload": {"data": "aGk="}}).encode(), core.ChecksumError, ["check the endpoint"]),
        (200, b"<html>" + CANARY.encode(), core.ChecksumError, ["check the endpoint"]),
        (200, b"[]", core.ChecksumError, ["check the endpoint"]),
        (200, b"\xff", core.ChecksumError, ["check the endpoint"]),
    ],
)
def test_each_bad_answer_has_its_own_line(status: int, body: bytes, error: type[Exception], told: list[str]) -> None:
    with pytest.raises(core.SecretError) as caught:
        core.payload(NAME, ENDPOINT, status, body, "a@b")
    message = str(caught.value)
    assert type(caught.value) is error
    assert "\n" not in message
    assert CANARY not in message
    assert ("hf-token" in message and "lab-project" in message) or "SERVICE_DISABLED" in body.decode()
    for part in told:
        assert part in message


def test_payload() -> None:
    assert core.payload(NAME, ENDPOINT, 200, answer(b"x\n")) == b"x\n"


def test_fetch(emulator: Emulator) -> None:
    assert fetch(emulator) == CANARY
    assert core.Metadata().project() == "lab-project"


@pytest.mark.parametrize("service", ["metadata", "secret"])
def test_fetch_tries_again_while_a_server_fails(emulator: Emulator, fleet: Fleet, service: str) -> None:
    fleet(faults={service: "unavailable", "times": 2})
    slept: list[float] = []
    assert fetch(emulator, slept.append) == CANARY
    assert slept == [1, 2]


@pytest.mark.parametrize("service", ["metadata", "secret"])
def test_fetch_gives_up_in_the_end(emulator: Emulator, fleet: Fleet, service: str) -> None:
    fleet(faults={service: "unavailable"})
    slept: list[float] = []
    with pytest.raises(core.UnreachableError, match=r"failed 4 times: HTTP 503"):
        fetch(emulator, slept.append)
    assert slept == [1, 2, 4]


@pytest.mark.parametrize(
    ("more", "faults", "error", "told"),
    [
        ({"secret": "nope"}, {}, core.NotFoundError, "secrets/nope"),
        ({"version": "7"}, {}, core.NotFoundError, "versions/7"),
        ({"project": "other"}, {}, core.DeniedError, "--member serviceAccount:tpu@lab-project.iam"),
        ({"secret": "empty"}, {}, core.ContentError, "secrets/empty/versions/latest is empty"),
        ({}, {"secret": "wrong_crc"}, core.ChecksumError, "does not match its CRC32C"),
        ({}, {"metadata": "no_account"}, core.NoServiceAccountError, "no service account"),
    ],
)
def test_fetch_says_what_is_wrong_at_once(
    emulator: Emulator, fleet: Fleet, more: dict[str, str], faults: dict[str, str], error: type[Exception], told: str
) -> None:
    fleet(faults=faults)
    slept: list[float] = []
    with pytest.raises(error, match=told) as caught:
        fetch(emulator, slept.append, **more)
    assert slept == []
    assert CANARY not in str(caught.value)
    assert "access-token" not in str(caught.value)


def test_no_metadata_server(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(200) as closed:
        pass
    monkeypatch.setenv("GCE_METADATA_HOST", closed.address)
    with pytest.raises(core.UnreachableError, match=r"metadata server .* refused.* on a VM of Google Cloud"):
        fetch(emulator)


@pytest.mark.parametrize("token", ["", "a\nb", "a b", None, 7])
def test_an_access_token_that_is_none_is_never_sent_nor_shown(token: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(200, lambda _sent: json.dumps({"access_token": token}).encode()) as server:
        monkeypatch.setenv("GCE_METADATA_HOST", server.address)
        with pytest.raises(core.UnreachableError, match="gave no access token") as caught:
            core.fetch("p", "s", "1", f"http://{server.address}")
    assert "a\nb" not in str(caught.value)
    assert server.sent == [""]


def test_the_access_token_follows_no_redirect(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Recorder(200) as thief,
        Recorder(302, location=f"http://{thief.address}/") as server,
        pytest.raises(core.SecretError, match="HTTP 302"),
    ):
        core.fetch("p", "s", "1", f"http://{server.address}")
    assert len(server.sent) == 1
    assert thief.sent == []


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_server_that_repeats_the_access_token(emulator: Emulator, status: int) -> None:
    with Recorder(status, refusal) as server, pytest.raises(core.SecretError, match=r"\[token\]") as caught:
        core.fetch("p", "s", "1", f"http://{server.address}", sleep=lambda _seconds: None)
    assert server.sent[0].endswith("access-token")
    assert server.sent[0].split()[1] not in str(caught.value)


def test_metadata_is_never_asked_through_a_proxy(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(200) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        assert core.Metadata().project() == "lab-project"
    assert proxy.sent == []


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /dev rw,nosuid - devtmpfs udev rw
24 23 0:22 / /dev/shm rw,nosuid,nodev shared:3 - tmpfs tmpfs rw
25 22 0:30 / /mnt/my\\040disk rw - xfs /dev/sdb rw
26 24 0:31 / /dev/shm/disk rw - tmpfs tmpfs rw
27 26 8:2 / /dev/shm/disk rw - ext4 /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/root/x", ("/", "ext4")),
        ("/dev/shm", ("/dev/shm", "tmpfs")),
        ("/dev/shm/a/b", ("/dev/shm", "tmpfs")),
        ("/dev/shmx", ("/dev", "devtmpfs")),
        ("/mnt/my disk/a", ("/mnt/my disk", "xfs")),
        ("/dev/shm/disk/a", ("/dev/shm/disk", "ext4")),
    ],
)
def test_filesystem(path: str, expected: tuple[str, str]) -> None:
    assert core.filesystem(path, MOUNTS) == expected


def test_paths_that_are_refused(tmpfs: Path, tmp_path: Path) -> None:
    (tmpfs / "link").symlink_to(tmp_path)
    (tmpfs / "inner").symlink_to(tmpfs)
    (tmpfs / "file").touch()
    foreign = tmpfs / "foreign"
    foreign.mkdir()
    os.chown(foreign, 65534, 65534)
    for path, told in (
        ("/dev/shm/token", "/dev/shm, the directory of token, is a mount point"),
        (f"{tmpfs}/link/token", "expected tmpfs"),
        (f"{tmpfs}/inner/token", "is no directory"),
        (f"{tmpfs}/file/token", "is no directory"),
        (f"{foreign}/token", "is owned by uid 65534"),
        (f"{tmpfs}/../x/token", "not a plain path"),
        ("/usr/turbostable/none/token", "expected tmpfs"),
    ):
        with pytest.raises(core.PathError, match=told):
            core.check_path(path)


def test_write_and_state(tmpfs: Path) -> None:
    path = tmpfs / "a" / "token"
    core.check_path(str(path))
    assert core.state(str(path), CANARY) == {"directory": "absent", "file": "absent", "content": "absent"}
    core.write(str(path), CANARY)
    core.check_path(str(path))
    assert path.read_text() == CANARY
    assert core.state(str(path), CANARY) == core.wanted()
    assert core.state(str(path), "other") == core.wanted() | {"content": "different"}
    assert [found.name for found in path.parent.iterdir()] == ["token"]


def test_write_mends_modes_and_replaces_a_link(tmpfs: Path, tmp_path: Path) -> None:
    path = tmpfs / "token"
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path.symlink_to(victim)
    tmpfs.chmod(0o755)
    assert core.state(str(path), "untouched") == {
        "directory": "0755",
        "file": "no regular file",
        "content": "different",
    }
    core.write(str(path), CANARY)
    assert core.state(str(path), CANARY) == core.wanted()
    assert victim.read_text() == "untouched"
    path.chmod(0o644)
    assert core.state(str(path), CANARY)["file"].endswith("0644")
    core.write(str(path), CANARY)
    assert core.state(str(path), CANARY) == core.wanted()


def test_as_a_script(emulator: Emulator, tmpfs: Path, fleet: Fleet) -> None:
    """As the boot unit runs it: a copy of the file alone, the standard library alone."""
    script = tmpfs / "secret_manager.py"
    shutil.copy(str(core.__file__), script)
    path = tmpfs / "hf" / "token"

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        options = {"project": "lab-project", "secret": "hf-token", "version": "latest", "path": str(path)} | more
        arguments = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-I", "-S", str(script), f"--endpoint=http://{emulator.rest}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    for said in ("written", "current"):
        done = run()
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: {said}\n", "")
        assert core.state(str(path), CANARY) == core.wanted()
    done = run(secret="nope")
    assert done.returncode == 1
    assert done.stderr.startswith("secret_manager.py: http://")
    assert done.stderr.count("\n") == 1
    assert path.read_text() == CANARY, "a failed fetch must leave what is there"
