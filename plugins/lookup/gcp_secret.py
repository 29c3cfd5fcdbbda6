# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: gcp_secret
short_description: A secret from Google's Secret Manager
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Reads one version of a secret with the controller's application default credentials, verifies its CRC32C, and
    strips trailing newlines.
  - Needs nothing but the role C(roles/secretmanager.secretAccessor); versions are not listed.
  - Hand the result to an argument that is never logged, such as O(turbostable.tpu.secret_file#module:content).
options:
  _terms:
    description: Names of secrets.
    type: list
    elements: str
    required: true
  project:
    description: Project of the secrets; by default the one of the credentials.
    type: str
  version:
    description: Version of the secrets, a number, an alias or V(latest).
    type: str
    default: latest
  endpoint:
    description: Where Secret Manager is. An C(http://) address sends the access token in the clear, for emulators only.
    type: str
    default: https://secretmanager.googleapis.com
requirements:
  - google-auth
  - requests
notes:
  - Google's own environment variables choose the credentials, E(GOOGLE_APPLICATION_CREDENTIALS) among them;
    with E(GCE_METADATA_HOST) and E(GCE_METADATA_IP) an emulator's metadata server gives them.
seealso:
  - module: turbostable.tpu.secret_file
"""

EXAMPLES = r"""
- name: Hand over a token that the controller may read and the host may not
  turbostable.tpu.secret_file:
    path: /dev/shm/huggingface/token
    content: "{{ lookup('turbostable.tpu.gcp_secret', 'hf-token', project='my-project') }}"
  become: true
"""

RETURN = r"""
_raw:
  description: The secrets, one for each term.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.turbostable.tpu.plugins.module_utils import _secret_manager

try:
    import google.auth
    import requests
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.auth.transport.requests import Request
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_LOGIN = "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        if MISSING:
            raise AnsibleError(f"gcp_secret: {MISSING}; install google-auth and requests on the controller")
        self.set_options(var_options=variables, direct=kwargs)
        endpoint, version = str(self.get_option("endpoint")), str(self.get_option("version"))
        try:
            _secret_manager.check_names(endpoint=endpoint)
            credentials, project = _credentials(self.get_option("project"))
            names = [_secret_manager.resource(project, str(term), version) for term in terms]
            return [_read(credentials, endpoint, name) for name in names]
        except _secret_manager.SecretError as error:
            # The cause would only repeat the message.
            raise AnsibleError(f"gcp_secret: {error}") from None


def _credentials(project: str | None) -> tuple[Any, str]:
    """The default credentials with a fresh access token, and the project."""
    try:
        credentials, own = google.auth.default(scopes=_SCOPES)
        credentials.refresh(Request())
    except DefaultCredentialsError:
        raise _secret_manager.DeniedError(
            f"the controller has no credentials for Google Cloud; expected application default credentials; {_LOGIN}"
        ) from None
    except GoogleAuthError as error:
        raise _secret_manager.DeniedError(
            f"the controller's credentials give no access token: {_told(error)}; expected working ones; {_LOGIN}"
        ) from None
    if not (project or own):
        raise _secret_manager.SecretError("the credentials belong to no project; expected one; set the option project")
    return credentials, str(project or own)


def _read(credentials: Any, endpoint: str, name: str) -> str:
    def send() -> tuple[int, bytes]:
        # Not google-auth's own session: it asks a further API of Google in the background. By `auth` and not as
        # headers, which a .netrc would overwrite. No redirects: the access token goes to the endpoint alone.
        answer = requests.get(
            f"{endpoint.rstrip('/')}/v1/{name}:access",
            auth=_sign(credentials),
            timeout=_secret_manager.TIMEOUT,
            allow_redirects=False,
        )
        status, body = _secret_manager.hide((answer.status_code, answer.content), credentials.token)
        return int(status), bytes(body)

    status, body = _secret_manager.retry(f"{endpoint} for {name}", send)
    account = str(getattr(credentials, "service_account_email", ""))
    data = _secret_manager.payload(name, endpoint, status, body, account if "@" in account else "")
    return str(_secret_manager.clean(data, name))


def _sign(credentials: Any) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        credentials.apply(request.headers)
        return request

    return sign


def _told(error: Exception) -> str:
    """Google-auth's message on one line: it wraps errors in errors, with objects of its own beside the message."""
    told: object = error
    while isinstance(told, Exception) and told.args:
        told = told.args[0]
    return " ".join(str(told).split())[:300]
