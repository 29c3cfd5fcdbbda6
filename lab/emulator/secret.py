"""Secret Manager v1: access to a secret's payload."""

from __future__ import annotations

import base64
import re
from typing import Any

from lab.emulator.errors import ApiError
from lab.emulator.fleet import Fleet

# What every access token of the metadata server begins with.
TOKEN_MARK = "lab-"  # noqa: S105 - the emulator's own, no secret
_PATH = re.compile(r"/v1/projects/([^/]+)/secrets/([^/]+)/versions/([^/:]+):access")


def rest(fleet: Fleet, path: str, authorization: str, *, wrong_crc: bool = False) -> dict[str, Any]:
    """The JSON that GET *path* gives to who bears *authorization*. Every secret has one version, 1."""
    match = _PATH.fullmatch(path)
    if not match:
        raise ApiError("NOT_FOUND", f"Method not found: {path}")
    if not authorization.startswith("Bearer "):
        raise ApiError("UNAUTHENTICATED", "Request is missing required authentication credential.")
    project, name, version = match.groups()
    secret = f"projects/{project}/secrets/{name}"
    if not authorization.startswith(f"Bearer {TOKEN_MARK}") or project != fleet.project:
        permission = "Permission 'secretmanager.versions.access' denied"
        raise ApiError("PERMISSION_DENIED", f"{permission} for resource '{secret}' (or it may not exist).")
    if name not in fleet.secrets:
        raise ApiError("NOT_FOUND", f"Secret [{secret}] not found or has no versions.")
    if version not in ("latest", "1"):
        raise ApiError("NOT_FOUND", f"Secret Version [{secret}/versions/{version}] not found.")
    payload = fleet.secrets[name].encode()
    checksum = crc32c(payload) ^ wrong_crc
    return {
        "name": f"{secret}/versions/1",
        "payload": {"data": base64.b64encode(payload).decode(), "dataCrc32c": str(checksum)},
    }


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli); bit by bit, since secrets are short."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
