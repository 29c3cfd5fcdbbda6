# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TPU instances that the Compute Engine API lists, over REST: importing Google's client would take a second."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _google

API = "Compute Engine API"
DEFAULT_ENDPOINT = "https://compute.googleapis.com"
# A regular expression over the whole field, which is a URL.
_FILTER = "machineType eq .*/ct6e-.*"
_PAGE_SIZE = 500


def list_instances(
    project: str,
    zones: Collection[str] = (),
    *,
    endpoint: str = DEFAULT_ENDPOINT,
    credentials: Any = None,
    patience: _google.Patience | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """All ct6e instances of *project* in *zones*, or everywhere; and the zones that the API couldn't reach."""
    patience = patience or _google.Patience()
    url = f"{endpoint.rstrip('/')}/compute/v1/projects/{project}/aggregated/instances"
    # Partial success: one zone that is down is reported, and does not take the others with it.
    query = {"filter": _FILTER, "maxResults": str(_PAGE_SIZE), "returnPartialSuccess": "true"}
    instances: list[dict[str, Any]] = []
    unreachable: list[str] = []
    try:
        with AuthorizedSession(credentials) as session:
            # An emulator or a private endpoint is never behind the proxy of the environment.
            session.trust_env = not endpoint.startswith(_google.PLAINTEXT)
            get = _google.retries(patience)(_get)
            while True:
                page = get(session, url, query, patience.request)
                for scope, listed in (page.get("items") or {}).items():
                    instances += [item for item in listed.get("instances") or [] if _wanted(item, scope, zones)]
                    if (listed.get("warning") or {}).get("code") == "UNREACHABLE":
                        unreachable.append(scope)
                unreachable += page.get("unreachables") or []
                if not page.get("nextPageToken"):
                    break
                query["pageToken"] = page["nextPageToken"]
    except (
        exceptions.GoogleAPIError,
        google.auth.exceptions.GoogleAuthError,
        requests.exceptions.RequestException,
    ) as error:
        raise _google.translate(error, API, endpoint, project) from error
    lost = {name.rpartition("/")[2] for name in unreachable}
    return instances, sorted(lost.intersection(zones) if zones else lost)


def _get(session: requests.Session, url: str, query: dict[str, str], timeout: float) -> dict[str, Any]:
    response = session.get(url, params=query, timeout=timeout)
    if response.status_code >= 400:
        raise exceptions.from_http_response(response)
    page: dict[str, Any] = response.json()
    return page


def _wanted(instance: dict[str, Any], scope: str, zones: Collection[str]) -> bool:
    # Looked at again: what a server makes of the filter is its own affair.
    is_tpu = str(instance.get("machineType", "")).rpartition("/")[2].startswith("ct6e-")
    return is_tpu and (not zones or scope.rpartition("/")[2] in zones)
