"""Google's canonical errors, as each API spells them."""

from __future__ import annotations

import json
from dataclasses import dataclass

# Canonical status: HTTP status, and the reason that Compute Engine, older than the canonical ones, gives for it.
STATUSES = {
    "INVALID_ARGUMENT": (400, "invalid"),
    "UNAUTHENTICATED": (401, "authError"),
    "PERMISSION_DENIED": (403, "forbidden"),
    "NOT_FOUND": (404, "notFound"),
    "RESOURCE_EXHAUSTED": (429, "rateLimitExceeded"),
    "INTERNAL": (500, "backendError"),
    "UNAVAILABLE": (503, "backendError"),
}


class ApiError(Exception):
    """What an API answers instead of a result; *status* is a key of STATUSES."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    body: bytes
    kind: str = "application/json; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


def error_reply(error: ApiError, *, compute: bool = False) -> Reply:
    """The error's JSON; Compute Engine's has a list of reasons where the others have a status."""
    code, reason = STATUSES[error.status]
    detail: dict[str, object] = {"code": code, "message": error.message}
    if compute:
        detail["errors"] = [{"message": error.message, "domain": "global", "reason": reason}]
    else:
        detail["status"] = error.status
    return json_reply({"error": detail}, code)
