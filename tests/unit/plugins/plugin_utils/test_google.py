"""When to try again, and what is left of a library's error."""

from __future__ import annotations

from typing import Any

import google.auth.credentials
import google.auth.exceptions
import pytest
import requests
from google.api_core import exceptions

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _google


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (exceptions.ServiceUnavailable("overloaded"), True),
        (exceptions.TooManyRequests("quota"), True),
        (exceptions.InternalServerError("oops"), True),
        (exceptions.DeadlineExceeded("slow"), True),
        (requests.exceptions.ConnectionError("reset by peer"), True),
        (requests.exceptions.ReadTimeout("slow"), True),
        (exceptions.ServiceUnavailable("failed to connect; Connection refused"), False),
        (exceptions.ServiceUnavailable("lookup failed for e: Domain name not found"), False),
        (requests.exceptions.ConnectionError("[Errno 111] Connection refused"), False),
        (exceptions.ServiceUnavailable("Getting metadata from plugin failed with error"), False),
        (exceptions.Forbidden("no"), False),
        (exceptions.NotFound("no"), False),
        (google.auth.exceptions.RefreshError("no"), False),
    ],
)
def test_only_what_a_second_try_may_mend_is_tried_again(error: Exception, *, again: bool) -> None:
    tries = []

    def call() -> None:
        tries.append(1)
        raise error

    with pytest.raises(Exception):  # noqa: B017, PT011 - which one is not what is tested
        _google.retries(_google.Patience(page=0.05, pause=0.001))(call)()
    assert (len(tries) > 1) is again


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.Forbidden("denied"), _google.AccessError, "project 'p' refused: denied; check `project`"),
        (exceptions.NotFound("GET http://e/x?y=1: gone"), _google.AccessError, "project 'p' refused: gone; check"),
        (exceptions.InvalidArgument("bad\nzone."), _google.AccessError, "refused: bad zone; check"),
        (exceptions.Unauthorized("who"), _google.CredentialsError, "A: http://e wants other credentials: who"),
        (google.auth.exceptions.RefreshError("expired"), _google.CredentialsError, "were refused: expired"),
        (google.auth.exceptions.TransportError("no way"), _google.EndpointError, "from http://e: no way; check"),
        (exceptions.ServiceUnavailable("down"), _google.EndpointError, "A: no answer from http://e: down; check the"),
        (
            exceptions.ServiceUnavailable("failed to connect to all addresses; last error: UNKNOWN: ipv4:1: refused"),
            _google.EndpointError,
            "from http://e: ipv4:1: refused; check",
        ),
        (
            exceptions.RetryError("Timeout of 60s exceeded", exceptions.ServiceUnavailable("down")),
            _google.EndpointError,
            "from http://e: down; check",
        ),
        (exceptions.RetryError("Timeout", None), _google.EndpointError, "from http://e: no answer; check"),
        (requests.exceptions.ReadTimeout(), _google.EndpointError, "from http://e: ReadTimeout; check"),
        (exceptions.ServiceUnavailable("x" * 5000), _google.EndpointError, "xxx...; check"),
    ],
)
def test_errors_are_one_line_with_the_next_step(error: Exception, kind: type[Exception], words: str) -> None:
    translated = _google.translate(error, "A", "http://e", "p")
    assert type(translated) is kind
    assert words in str(translated)
    assert "\n" not in str(translated)
    assert len(str(translated)) < 600


def test_a_plaintext_endpoint_gets_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: pytest.fail("looked for credentials"))
    found = _google.credentials("http://127.0.0.1:1")
    assert isinstance(found, google.auth.credentials.AnonymousCredentials)


def test_missing_credentials_are_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**_: Any) -> Any:
        raise google.auth.exceptions.DefaultCredentialsError("none\nfound")

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(_google.CredentialsError, match=r"credentials: none found; .*application-default login"):
        _google.credentials("tpu.googleapis.com")


def test_credentials_are_proven_with_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stale:
        def refresh(self, _request: Any) -> None:
            raise google.auth.exceptions.RefreshError("Reauthentication is needed.")

    asked = []

    def default(scopes: list[str]) -> Any:
        asked.append(scopes)
        return Stale(), "p"

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(_google.CredentialsError, match="Reauthentication is needed; expected"):
        _google.credentials("tpu.googleapis.com")
    assert asked == [["https://www.googleapis.com/auth/cloud-platform"]]
