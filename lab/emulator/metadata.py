"""The metadata server of a VM: who asks is known by the address it asks from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lab.emulator.errors import Reply
from lab.emulator.fleet import Fleet, Record
from lab.emulator.secret import TOKEN_MARK

_FLAVOR = ("Metadata-Flavor", "Google")
_ROOT = "/computeMetadata/v1/"
_PROJECT_NUMBER = "100000000001"
_ACCOUNT = "instance/service-accounts/default"


def answer(fleet: Fleet, path: str, flavor: str | None, address: str, *, no_account: bool = False) -> Reply:
    """The response to GET *path* from the VM at *address*; *flavor* is its header Metadata-Flavor."""
    if path == "/":
        # What google-auth asks to find out whether it runs on Google Cloud.
        return _text("computeMetadata/\n")
    if flavor != "Google":
        return _text("Missing Metadata-Flavor:Google header.\n", 403)
    values = _values(fleet, _vm(fleet, address))
    if no_account:
        values = {key: value for key, value in values.items() if not key.startswith(_ACCOUNT)}
    value = values.get(path.removeprefix(_ROOT).rstrip("/"))
    if value is None:
        return _text(f"The requested URL {path} was not found on this server.\n", 404)
    return _text(value, kind="application/json" if value.startswith("{") else "application/text")


def _text(text: str, status: int = 200, kind: str = "text/plain") -> Reply:
    return Reply(status, text.encode(), kind, (_FLAVOR, ("Server", "Metadata Server for VM")))


def _vm(fleet: Fleet, address: str) -> Record | None:
    for record in (*fleet.nodes, *fleet.instances):
        interfaces = (*record.get("networkEndpoints", ()), *record.get("networkInterfaces", ()))
        if any(address in (one.get("ipAddress"), one.get("networkIP")) for one in interfaces):
            return record
    return None


def _values(fleet: Fleet, vm: Record | None) -> Mapping[str, str]:
    """All values of the VM by path. One that the fleet does not know has its project and its account only."""
    who = vm["name"] if vm else "unknown"
    email = f"tpu@{fleet.project}.iam.gserviceaccount.com"
    scopes = "https://www.googleapis.com/auth/cloud-platform"
    token = {"access_token": f"{TOKEN_MARK}{who}-access-token", "expires_in": 3599, "token_type": "Bearer"}
    values = {
        "project/project-id": fleet.project,
        "project/numeric-project-id": _PROJECT_NUMBER,
        "universe/universe-domain": "googleapis.com",
        _ACCOUNT: json.dumps({"aliases": ["default"], "email": email, "scopes": [scopes]}),
        f"{_ACCOUNT}/email": email,
        f"{_ACCOUNT}/scopes": scopes,
        f"{_ACCOUNT}/token": json.dumps(token),
    }
    if vm:
        values["instance/name"] = vm["name"]
        values["instance/zone"] = f"projects/{_PROJECT_NUMBER}/zones/{vm['zone']}"
        values["instance/preempted"] = "TRUE" if vm.get("state") == "PREEMPTED" else "FALSE"
        values["instance/maintenance-event"] = "NONE"
    return {**values, **fleet.metadata.get(who, {})}
