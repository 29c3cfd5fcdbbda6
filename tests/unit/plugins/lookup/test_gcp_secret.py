"""The look-up plugin with google-auth's own credentials, against the emulator's wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google.auth
import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleError
from google.auth.compute_engine import _metadata
from google.oauth2 import credentials as oauth

from ansible_collections.turbostable.tpu.plugins.lookup import gcp_secret
from ansible_collections.turbostable.tpu.plugins.module_utils import _secret_manager
from lab.emulator import Emulator

CANARY = "hf_CanaryCanaryCanary"
Fleet = Callable[..., None]
Lookup = Callable[..., list[str]]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    def write(**more: Any) -> None:
        secrets = {"hf-token": CANARY + "\n", "other": "second", "two": f"{CANARY} {CANARY}"}
        (tmp_path / "fleet.json").write_text(json.dumps({"project": "lab-project", "secrets": secrets, **more}))

    write()
    return write


@pytest.fixture
def emulator(tmp_path: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(tmp_path / "fleet.json") as running:
        monkeypatch.setenv("GCE_METADATA_IP", running.metadata)
        # Read from the environment when google-auth was imported.
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", running.metadata)
        # Here are no other credentials that would come first.
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setattr(_secret_manager, "DELAYS", (0, 0, 0))
        yield running


@pytest.fixture
def lookup(emulator: Emulator) -> Lookup:
    """The plugin with its options defined by its documentation, as Ansible's loader does it."""
    options = yaml.safe_load(gcp_secret.DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions("lookup", "gcp_secret", options)
    plugin: Any = gcp_secret.LookupModule()
    plugin._load_name = "gcp_secret"

    def run(*terms: str, **options: Any) -> list[str]:
        result: list[str] = plugin.run(list(terms), {}, **{"endpoint": f"http://{emulator.rest}", **options})
        return result

    return run


def secret_requests(emulator: Emulator) -> list[str]:
    return [request for request in emulator.requests if request.startswith("secret")]


def test_lookup(lookup: Lookup, emulator: Emulator) -> None:
    assert lookup("hf-token", "other", project="lab-project") == [CANARY, "second"]
    # Exactly one request each: nothing is listed, which would need a wider role.
    assert [request.rsplit("/", 3)[1:] for request in secret_requests(emulator)] == [
        ["hf-token", "versions", "latest:access"],
        ["other", "versions", "latest:access"],
    ]


@pytest.mark.parametrize("project", [None, ""])
def test_the_project_of_the_credentials(lookup: Lookup, project: str | None) -> None:
    assert lookup("hf-token", project=project, version="1") == [CANARY]


def test_tries_again(lookup: Lookup, emulator: Emulator, fleet: Fleet) -> None:
    fleet(faults={"secret": "unavailable", "times": 2})
    assert lookup("hf-token") == [CANARY]
    assert len(secret_requests(emulator)) == 3


@pytest.mark.parametrize(
    ("term", "options", "faults", "told"),
    [
        ("nope", {}, {}, r"has no projects/lab-project/secrets/nope/versions/latest \(HTTP 404"),
        ("hf-token", {"version": "9"}, {}, "versions/9"),
        ("hf-token", {"project": "other"}, {}, "--member serviceAccount:tpu@lab-project.iam.gserviceaccount.com"),
        ("hf-token", {}, {"secret": "wrong_crc"}, "does not match its CRC32C"),
        ("hf-token", {}, {"secret": "unauthenticated"}, "did not accept the access token"),
        ("hf-token", {}, {"secret": "unavailable"}, "failed 4 times: HTTP 503"),
        ("hf-token", {}, {"metadata": "no_account"}, "give no access token: Failed to retrieve .*Status: 404"),
        ("two", {}, {}, "secrets/two/versions/latest has white space"),
        ("a b", {}, {}, "secret 'a b' is not valid"),
        ("hf-token", {"endpoint": "secretmanager"}, {}, "endpoint 'secretmanager' is not valid"),
    ],
)
def test_each_failure_is_one_clear_line(
    lookup: Lookup, fleet: Fleet, term: str, options: dict[str, str], faults: dict[str, str], told: str
) -> None:
    fleet(faults=faults)
    with pytest.raises(AnsibleError, match=told) as caught:
        lookup(term, **options)
    message = str(caught.value)
    assert message.startswith("gcp_secret: ")
    assert "\n" not in message
    assert CANARY not in message
    assert "access-token" not in message
    assert " object at 0x" not in message


def test_nothing_answers(lookup: Lookup, tmp_path: Path) -> None:
    with Emulator(tmp_path / "fleet.json") as gone:
        pass
    with pytest.raises(AnsibleError, match=rf"http://{gone.rest} for .* failed 4 times: .*refused"):
        lookup("hf-token", endpoint=f"http://{gone.rest}")


def test_no_credentials(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)
    monkeypatch.setenv("NO_GCE_CHECK", "True")
    with pytest.raises(AnsibleError, match=r"the controller has no credentials .* gcloud auth application-default"):
        lookup("hf-token")


def test_no_project(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = oauth.Credentials("lab-token")
    monkeypatch.setattr(credentials, "refresh", lambda _request: None)
    monkeypatch.setattr(google.auth, "default", lambda **_options: (credentials, None))
    with pytest.raises(AnsibleError, match="set the option project"):
        lookup("hf-token")


def test_a_netrc_does_not_replace_the_access_token(
    lookup: Lookup, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert lookup("hf-token") == [CANARY]
