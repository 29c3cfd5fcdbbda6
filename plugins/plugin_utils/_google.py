# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clients of Google's APIs share: credentials, when to try again, and errors in one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import google.auth
import google.auth.credentials
import google.auth.exceptions
import requests
from google.api_core import exceptions, retry
from google.auth.transport.requests import Request

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
PLAINTEXT = "http://"

_TRANSIENT = (
    exceptions.TooManyRequests,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
# Google's authentication did not answer, which tells nothing of the credentials.
_TRANSPORT = google.auth.exceptions.TransportError
# What a library reports as unavailable and what no second try mends.
_FINAL = (
    "Connection refused",
    "Getting metadata from plugin failed",
    "Name or service not known",
    "Domain name not found",
)
# What stands before the reason: the URL of a REST call, gRPC's list of what it tried.
_NOISE = re.compile(r"^[A-Z]+ https?://\S+: |^.*last error: (UNKNOWN: )?", re.DOTALL)


class ApiError(Exception):
    """A call to Google's APIs failed for good; the message is one line with the next step."""


class CredentialsError(ApiError):
    """No credentials, or such that are of no use."""


class AccessError(ApiError):
    """The API refused: the project is wrong, the API off, or a permission missing."""


class EndpointError(ApiError):
    """Nothing useful answers at the endpoint."""


@dataclass(frozen=True)
class Patience:
    """Seconds: for one request, for one page with all its tries, and between the first two tries."""

    request: float = 20.0
    page: float = 60.0
    pause: float = 0.5


def credentials(endpoint: str) -> google.auth.credentials.Credentials:
    """Application default credentials, proven by a first token; none for a plaintext endpoint."""
    if endpoint.startswith(PLAINTEXT):
        return google.auth.credentials.AnonymousCredentials()
    try:
        found, _project = google.auth.default(scopes=SCOPES)
        # Here and not within a call: gRPC would report it as an endpoint that is unavailable.
        found.refresh(Request())
    except google.auth.exceptions.GoogleAuthError as error:
        raise CredentialsError(
            f"no usable Google credentials: {one_line(error)}; expected application default credentials: run "
            "`gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error
    return found


def retries(patience: Patience) -> retry.Retry:
    """Try again with growing pauses while the failure looks transient."""
    return retry.Retry(
        predicate=_is_transient,
        initial=patience.pause,
        maximum=max(patience.pause, 8.0),
        multiplier=2.0,
        timeout=patience.page,
    )


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, _TRANSIENT) and not any(text in str(error) for text in _FINAL)


def translate(error: Exception, api: str, endpoint: str, project: str) -> ApiError:
    """The error of a Google library as one of ours."""
    if isinstance(error, exceptions.RetryError):
        cause = error.cause
        return translate(cause if isinstance(cause, Exception) else TimeoutError("no answer"), api, endpoint, project)
    said = one_line(error)
    if isinstance(error, google.auth.exceptions.GoogleAuthError) and not isinstance(error, _TRANSPORT):
        return CredentialsError(f"{api}: the credentials were refused: {said}; log in again.")
    if isinstance(error, exceptions.Unauthorized):
        return CredentialsError(f"{api}: {endpoint} wants other credentials: {said}")
    if isinstance(error, (exceptions.Forbidden, exceptions.NotFound, exceptions.BadRequest)):
        return AccessError(
            f"{api}: project {project!r} refused: {said}; check `project` and `zones`, that the API is enabled there, "
            "and that the account may list (roles/tpu.viewer, roles/compute.viewer)."
        )
    return EndpointError(f"{api}: no answer from {endpoint}: {said}; check the endpoint and the network.")


def one_line(error: object) -> str:
    """The message of *error* without line breaks, HTML or a page of nested causes."""
    # requests wraps urllib3's error in its own.
    cause = getattr(next(iter(getattr(error, "args", ())), None), "reason", None) or error
    message: Any = getattr(cause, "message", None) or str(cause) or type(cause).__name__
    text = " ".join(_NOISE.sub("", str(message)).split()).rstrip(".;")
    return text if len(text) <= 300 else text[:297] + "..."
