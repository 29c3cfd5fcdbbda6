"""The emulator, through Google's own clients where there are any, else over plain HTTP."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google.auth.compute_engine
import google.auth.transport.requests
import grpc
import pytest
import yaml
from google.api_core import exceptions
from google.auth.compute_engine import _metadata
from google.auth.credentials import AnonymousCredentials
from google.cloud import tpu_v2
from google.cloud.tpu_v2.services.tpu.transports import TpuGrpcTransport

from lab.emulator import Emulator
from lab.emulator.compute import matches, parse_filter
from lab.emulator.errors import ApiError
from lab.emulator.fleet import parse
from lab.emulator.secret import crc32c

ROOT = Path(__file__).resolve().parents[3]
ALL = "projects/lab-project/locations/-"
NODES = "projects/lab-project/locations/us-east5-b/nodes"
INSTANCES = "/compute/v1/projects/lab-project/aggregated/instances"
SECRET = "/v1/projects/lab-project/secrets/hf-token/versions/latest:access"
TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"
BEARER = {"Authorization": "Bearer lab-x"}
FLAVOR = {"Metadata-Flavor": "Google"}

FLEET: dict[str, Any] = {
    "project": "lab-project",
    "nodes": [
        {
            "name": "tpu-a",
            "zone": "us-east5-b",
            "state": "READY",
            "health": "HEALTHY",
            "networkEndpoints": [{"ipAddress": "127.0.0.1", "port": 8470}],
            "labels": {"env": "prod"},
        },
        {"name": "tpu-b", "zone": "us-east5-b", "state": 42, "health": 77},
        {"name": "tpu-c", "zone": "europe-west4-a", "state": "PREEMPTED", "schedulingConfig": {"spot": True}},
    ],
    "queuedResources": [{"name": "queued-a", "zone": "us-east5-b", "state": {"state": "WAITING_FOR_RESOURCES"}}],
    "instances": [
        {"name": "vm-a", "zone": "us-east5-b", "machineType": "ct6e-standard-4t", "status": "RUNNING"},
        {"name": "vm-b", "zone": "europe-west4-a", "machineType": "ct6e-standard-1t", "status": "RUNNING"},
        {"name": "web", "zone": "europe-west4-a", "machineType": "e2-small", "status": "TERMINATED"},
    ],
    "secrets": {"hf-token": "hf_x\n"},
}


class Served:
    """An emulator and its fleet file, for a test that changes the fleet."""

    def __init__(self, emulator: Emulator, path: Path) -> None:
        self.emulator = emulator
        self._path = path

    def change(self, **keys: Any) -> None:
        self._path.write_text(json.dumps({**FLEET, **keys}))

    def write(self, text: str) -> None:
        self._path.write_text(text)

    def client(self, transport: str) -> tpu_v2.TpuClient:
        if transport == "grpc":
            return tpu_v2.TpuClient(transport=TpuGrpcTransport(channel=grpc.insecure_channel(self.emulator.grpc)))
        options = {"api_endpoint": f"http://{self.emulator.rest}"}
        return tpu_v2.TpuClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)

    def rest(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        status, body, _ = get(f"http://{self.emulator.rest}{path}", headers or {})
        return status, json.loads(body)

    def metadata(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str, Any]:
        return get(f"http://{self.emulator.metadata}{path}", FLAVOR if headers is None else headers)


def get(url: str, headers: dict[str, str]) -> tuple[int, str, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as reply:
            return reply.status, reply.read().decode(), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("fleet") / "fleet.json"
    with Emulator(path) as emulator:
        yield Served(emulator, path)


@pytest.fixture
def served(running: Served) -> Served:
    running.change()
    return running


both = pytest.mark.parametrize("transport", ["grpc", "rest"])


@pytest.mark.filterwarnings("ignore:Unrecognized")
@both
def test_nodes_of_all_zones(served: Served, transport: str) -> None:
    first, second, third = served.client(transport).list_nodes(parent=ALL)
    assert first.name == f"{NODES}/tpu-a"
    assert (first.state, first.health) == (tpu_v2.Node.State.READY, tpu_v2.Node.Health.HEALTHY)
    assert first.network_endpoints[0].ip_address == "127.0.0.1"
    assert dict(first.labels) == {"env": "prod"}
    assert third.scheduling_config.spot
    assert third.name == "projects/lab-project/locations/europe-west4-a/nodes/tpu-c"
    # The client's library does not know these two, and says so with a plain number.
    assert (int(second.state), int(second.health)) == (42, 77)


@both
def test_nodes_of_one_zone(served: Served, transport: str) -> None:
    found = served.client(transport).list_nodes(parent="projects/lab-project/locations/europe-west4-a")
    assert [node.name.rsplit("/", 1)[1] for node in found] == ["tpu-c"]


@both
@pytest.mark.parametrize(
    ("asked", "served_at_most", "sizes"), [(0, 1000, [3]), (2, 1000, [2, 1]), (3, 1000, [3]), (500, 1, [1, 1, 1])]
)
def test_pages_of_nodes(served: Served, transport: str, asked: int, served_at_most: int, sizes: list[int]) -> None:
    served.change(pageSize=served_at_most)
    request = tpu_v2.ListNodesRequest(parent=ALL, page_size=asked)
    assert [len(page.nodes) for page in served.client(transport).list_nodes(request).pages] == sizes


@both
def test_unreachable_zones_are_named_and_hide_their_nodes(served: Served, transport: str) -> None:
    served.change(unreachable=["us-east5-b"])
    (page,) = served.client(transport).list_nodes(parent=ALL).pages
    assert list(page.unreachable) == ["projects/lab-project/locations/us-east5-b"]
    assert [node.name.rsplit("/", 1)[1] for node in page.nodes] == ["tpu-c"]


@both
def test_one_node(served: Served, transport: str) -> None:
    assert served.client(transport).get_node(name=f"{NODES}/tpu-a").state == tpu_v2.Node.State.READY


@both
def test_queued_resources(served: Served, transport: str) -> None:
    (queued,) = served.client(transport).list_queued_resources(parent=ALL)
    assert queued.name == "projects/lab-project/locations/us-east5-b/queuedResources/queued-a"
    assert queued.state.state == tpu_v2.QueuedResourceState.State.WAITING_FOR_RESOURCES


Call = Callable[[tpu_v2.TpuClient], object]
ERRORS: dict[str, tuple[Call, type[Exception], str]] = {
    "project": (
        lambda client: client.list_nodes(parent="projects/other/locations/-"),
        exceptions.PermissionDenied,
        "project other",
    ),
    "zone": (
        lambda client: client.list_nodes(parent="projects/lab-project/locations/mars"),
        exceptions.PermissionDenied,
        "Location mars",
    ),
    "node": (lambda client: client.get_node(name=f"{NODES}/none"), exceptions.NotFound, f"{NODES}/none"),
    "token": (
        lambda client: client.list_nodes(tpu_v2.ListNodesRequest(parent=ALL, page_token="made-up")),
        exceptions.InvalidArgument,
        "page token",
    ),
    "size": (
        lambda client: client.list_nodes(tpu_v2.ListNodesRequest(parent=ALL, page_size=-1)),
        exceptions.InvalidArgument,
        "-1",
    ),
}


@both
@pytest.mark.parametrize(("call", "kind", "told"), ERRORS.values(), ids=ERRORS)
def test_tpu_errors(served: Served, transport: str, call: Call, kind: type[Exception], told: str) -> None:
    # The REST transport knows a 403 and a 400 only as their parents.
    parents = {exceptions.PermissionDenied: exceptions.Forbidden, exceptions.InvalidArgument: exceptions.BadRequest}
    with pytest.raises(kind if transport == "grpc" else parents.get(kind, kind), match=told):
        call(served.client(transport))


def test_rest_names_the_states_that_the_library_does_not_know(served: Served) -> None:
    status, body = served.rest(f"/v2/{ALL}/nodes")
    assert status == 200
    assert [(node["state"], node.get("health")) for node in body["nodes"]] == [
        ("READY", "HEALTHY"),
        ("STATE_42", "HEALTH_77"),
        ("PREEMPTED", None),
    ]


def test_rest_errors_have_googles_shape(served: Served) -> None:
    status, body = served.rest("/v2/projects/other/locations/-/nodes")
    message = "Permission denied on resource project other."
    assert (status, body) == (403, {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}})
    status, body = served.rest("/compute/v1/projects/other/aggregated/instances")
    assert (status, body["error"]["errors"][0]["reason"]) == (404, "notFound")
    assert "status" not in body["error"]
    assert served.rest("/nonsense")[0] == served.rest("/v2/nonsense")[0] == served.rest("/compute/v1/x")[0] == 404


def names(body: dict[str, Any]) -> list[str]:
    return [instance["name"] for scope in body["items"].values() for instance in scope.get("instances", ())]


def test_instances(served: Served) -> None:
    status, body = served.rest(INSTANCES)
    assert status == 200
    api = "https://www.googleapis.com/compute/v1/projects/lab-project/zones/us-east5-b"
    (instance,) = body["items"]["zones/us-east5-b"]["instances"]
    assert instance["zone"] == api
    assert instance["machineType"] == f"{api}/machineTypes/ct6e-standard-4t"
    assert names(body) == ["vm-b", "web", "vm-a"]
    assert body["items"]["zones/us-central1-a"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
    assert "nextPageToken" not in body
    assert "unreachables" not in body


def test_pages_of_instances(served: Served) -> None:
    found: list[str] = []
    sizes: list[int] = []
    token = ""
    while not sizes or token:
        _, body = served.rest(f"{INSTANCES}?maxResults=2&pageToken={token}")
        found += names(body)
        sizes.append(len(names(body)))
        token = body.get("nextPageToken", "")
    assert (found, sizes) == (["vm-b", "web", "vm-a"], [2, 1])
    # The last page has nothing of the first one's zone, and says so.
    assert body["items"]["zones/europe-west4-a"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"


@pytest.mark.parametrize("query", ["maxResults=501", "maxResults=two", "pageToken=made-up", "filter=name"])
def test_bad_queries_of_instances(served: Served, query: str) -> None:
    assert served.rest(f"{INSTANCES}?{query}")[0] == 400


def test_unreachable_zones_of_instances(served: Served) -> None:
    served.change(unreachable=["europe-west4-a"])
    status, body = served.rest(INSTANCES)
    assert status == 503
    assert "returnPartialSuccess" in body["error"]["message"]
    _, body = served.rest(f"{INSTANCES}?returnPartialSuccess=true")
    assert names(body) == ["vm-a"]
    assert body["unreachables"] == ["projects/lab-project/zones/europe-west4-a"]
    assert body["items"]["zones/europe-west4-a"]["warning"]["code"] == "UNREACHABLE"


def test_filtered_instances(served: Served) -> None:
    assert names(served.rest(f"{INSTANCES}?filter=machineType+eq+.%2A%2Fct6e-.%2A")[1]) == ["vm-b", "vm-a"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("name=vm-a", True),
        ("name=vm", False),
        ("name=vm-*", True),
        ("name!=vm-*", False),
        ("name:m-", True),
        ("name eq vm-.", True),
        ("name ne 'vm-.'", False),
        ('machineType eq ".*/ct6e-.*"', True),
        ("machineType:ct6e AND status=RUNNING", True),
        ("(machineType:ct6e) (status=STOPPED)", False),
        ("labels.env=prod", True),
        ("labels.team=x", False),
    ],
)
def test_filter(text: str, holds: bool) -> None:  # noqa: FBT001
    record = {
        "name": "vm-a",
        "machineType": "https://x/ct6e-standard-4t",
        "status": "RUNNING",
        "labels": {"env": "prod"},
    }
    assert matches(record, parse_filter(text)) is holds


def test_secret(served: Served) -> None:
    status, body = served.rest(SECRET, BEARER)
    assert status == 200
    assert body["name"] == "projects/lab-project/secrets/hf-token/versions/1"
    payload = base64.b64decode(body["payload"]["data"])
    assert payload == b"hf_x\n"
    assert body["payload"]["dataCrc32c"] == str(crc32c(payload))
    # The check value that CRC catalogues give.
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    ("path", "headers", "code", "status"),
    [
        (SECRET, {}, 401, "UNAUTHENTICATED"),
        (SECRET, {"Authorization": "Bearer other"}, 403, "PERMISSION_DENIED"),
        (SECRET.replace("lab-project", "other"), BEARER, 403, "PERMISSION_DENIED"),
        (SECRET.replace("hf-token", "none"), BEARER, 404, "NOT_FOUND"),
        (SECRET.replace("latest", "7"), BEARER, 404, "NOT_FOUND"),
        (SECRET.replace(":access", ""), BEARER, 404, "NOT_FOUND"),
    ],
)
def test_secret_errors(served: Served, path: str, headers: dict[str, str], code: int, status: str) -> None:
    got, body = served.rest(path, headers)
    assert (got, body["error"]["code"], body["error"]["status"]) == (code, code, status)


def test_secret_with_a_wrong_checksum(served: Served) -> None:
    served.change(faults={"secret": "wrong_crc"})
    _, body = served.rest(SECRET, BEARER)
    assert body["payload"]["dataCrc32c"] != str(crc32c(b"hf_x\n"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("project/project-id", "lab-project"),
        ("instance/name", "tpu-a"),
        ("instance/zone", "projects/100000000001/zones/us-east5-b"),
        ("instance/preempted", "FALSE"),
        ("instance/maintenance-event", "NONE"),
        ("instance/service-accounts/default/email", "tpu@lab-project.iam.gserviceaccount.com"),
    ],
)
def test_metadata(served: Served, path: str, expected: str) -> None:
    status, text, headers = served.metadata(f"/computeMetadata/v1/{path}")
    assert (status, text, headers["Metadata-Flavor"]) == (200, expected, "Google")


def test_metadata_of_a_preempted_vm_and_of_none(served: Served) -> None:
    address = [{"ipAddress": "127.0.0.1"}]
    served.change(nodes=[{"name": "a", "zone": "us-east5-b", "state": "PREEMPTED", "networkEndpoints": address}])
    assert served.metadata("/computeMetadata/v1/instance/preempted")[1] == "TRUE"
    served.change(nodes=[])
    assert served.metadata("/computeMetadata/v1/instance/name")[0] == 404
    served.change(metadata={"tpu-a": {"instance/maintenance-event": "TERMINATE_ON_HOST_MAINTENANCE"}})
    assert served.metadata("/computeMetadata/v1/instance/maintenance-event")[1] == "TERMINATE_ON_HOST_MAINTENANCE"


def test_metadata_refuses_who_does_not_ask_for_it(served: Served) -> None:
    assert served.metadata(TOKEN, {})[0] == 403
    assert served.metadata("/computeMetadata/v1/instance/none")[0] == 404
    assert served.metadata("/elsewhere")[0] == 404


def test_google_auth_gets_a_token_that_opens_the_secret(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # GCE_METADATA_HOST is read once, when google-auth is imported.
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", served.emulator.metadata)
    monkeypatch.setenv("GCE_METADATA_IP", served.emulator.metadata)
    request = google.auth.transport.requests.Request()
    assert _metadata.ping(request)
    credentials = google.auth.compute_engine.Credentials()
    credentials.refresh(request)
    assert credentials.service_account_email == "tpu@lab-project.iam.gserviceaccount.com"
    assert served.rest(SECRET, {"Authorization": f"Bearer {credentials.token}"})[0] == 200


def test_metadata_without_an_account(served: Served) -> None:
    served.change(faults={"metadata": "no_account"})
    assert served.metadata(TOKEN)[0] == 404
    assert served.metadata("/computeMetadata/v1/instance/name")[0] == 200


def test_only_the_first_requests_of_each_service_meet_the_fault(served: Served) -> None:
    served.change(faults={"tpu": "unavailable", "compute": "resource_exhausted", "times": 2})
    client = served.client("grpc")
    for _ in range(2):
        with pytest.raises(exceptions.ServiceUnavailable):
            client.list_nodes(parent=ALL)
    assert len(list(client.list_nodes(parent=ALL))) == 3
    assert [served.rest(INSTANCES)[0] for _ in range(3)] == [429, 429, 200]
    assert served.rest(SECRET, BEARER)[0] == 200


def test_faults_without_times_last_until_the_file_changes(served: Served) -> None:
    served.change(faults={"tpu": "permission_denied"})
    assert [served.rest(f"/v2/{ALL}/nodes")[0] for _ in range(3)] == [403, 403, 403]
    served.change()
    assert served.rest(f"/v2/{ALL}/nodes")[0] == 200


def test_a_slow_service_outlasts_the_client_and_not_the_emulator(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text(yaml.safe_dump({**FLEET, "faults": {"tpu": "slow"}}))
    with Emulator(path) as emulator:
        with pytest.raises(exceptions.DeadlineExceeded):
            Served(emulator, path).client("grpc").list_nodes(parent=ALL, timeout=0.2)
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"http://{emulator.rest}/v2/{ALL}/nodes", timeout=0.2)
        begin = time.monotonic()
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "project"),
        ("project: [", "while parsing"),
        ("{project: p, fault: {}}", "unknown key 'fault'; there are: project, nodes"),
        ("{project: p, nodes: [{name: a}]}", r"nodes\[0\] must be a mapping with name and zone"),
        ("{project: p, pageSize: many}", "pageSize must be a int"),
        ("{project: p, secrets: {a: 1}}", "secrets: a must be a str"),
        ("{project: p, faults: {tpu: wrong_crc}}", "tpu has no 'wrong_crc'; there are: slow"),
        ("{project: p, faults: {dns: slow}}", "unknown key dns"),
    ],
)
def test_a_fleet_that_is_not_understood(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(text)


def test_a_node_that_is_not_understood() -> None:
    fleet = parse("{project: p, nodes: [{name: a, zone: us-east5-b, colour: red}]}")
    with pytest.raises(ApiError, match=r"nodes a of the fleet file: .*colour"):
        _ = fleet.node_messages


def test_a_broken_file_is_told_and_mended_without_a_restart(served: Served) -> None:
    served.write("{")
    status, body = served.rest(f"/v2/{ALL}/nodes")
    assert status == 500
    assert "fleet.json" in body["error"]["message"]
    with pytest.raises(exceptions.InternalServerError, match=r"fleet\.json"):
        served.client("grpc").list_nodes(parent=ALL)
    assert served.metadata(TOKEN)[0] == 500
    served.change()
    assert served.rest(f"/v2/{ALL}/nodes")[0] == 200


def test_requests_are_recorded(served: Served) -> None:
    before = len(served.emulator.requests)
    served.client("grpc").list_nodes(parent=ALL)
    served.rest(SECRET, BEARER)
    assert served.emulator.requests[before:] == [f"tpu ListNodes {ALL}", f"secret GET {SECRET}"]


def test_command_line_serves_until_sigterm(tmp_path: Path) -> None:
    path, log = tmp_path / "fleet.yml", tmp_path / "log"
    path.write_text(yaml.safe_dump({**FLEET, "faults": {"tpu": "slow"}}))
    command = [sys.executable, "-m", "lab.emulator", "--fleet", str(path)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT) as process,
    ):
        assert process.stdout
        words = process.stdout.readline().split()
        addresses = dict(word.split("=") for word in words[1:])
        assert (words[0], list(addresses)) == ("serving", ["grpc", "rest", "metadata"])
        with grpc.insecure_channel(addresses["grpc"]) as channel:
            # One that the emulator still holds must not hold its end.
            held = channel.unary_unary("/google.cloud.tpu.v2.Tpu/ListNodes").future(b"")
            assert get(f"http://{addresses['rest']}{SECRET}", BEARER)[0] == 200
            assert get(f"http://{addresses['metadata']}{TOKEN}", FLAVOR)[0] == 200
            deadline = time.monotonic() + 5
            while "ListNodes" not in log.read_text() and time.monotonic() < deadline:
                os.sched_yield()
            process.terminate()
            assert process.wait(timeout=5) == 0
            assert held.code() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
    told = log.read_text()
    assert f"secret GET {SECRET}" in told
    assert not [line for line in told.splitlines() if "hf_x" in line or "lab-" in line.replace("lab-project", "")]


@pytest.mark.parametrize("name", ["grpc", "rest", "metadata"])
def test_command_line_with_an_address_that_is_taken(served: Served, name: str) -> None:
    taken = getattr(served.emulator, name)
    command = [sys.executable, "-m", "lab.emulator", "--fleet", "fleet.yml", f"--{name}", taken]
    done = subprocess.run(command, check=False, timeout=10, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"lab.emulator: cannot listen on {taken}" in done.stderr
    assert "Traceback" not in done.stderr
