"""An emulator of the Google Cloud APIs that a fleet of TPU VMs needs, over their real protocols.

For other tests::

    from lab.emulator import Emulator

    fleet = tmp_path / "fleet.json"  # or .yml
    fleet.write_text(json.dumps({"project": "p", "nodes": [{"name": "a", "zone": "us-east5-b", "state": "READY"}]}))
    with Emulator(fleet) as emulator:
        emulator.grpc      # "127.0.0.1:PORT", Cloud TPU v2 over gRPC (ListNodes, GetNode, ListQueuedResources)
        emulator.rest      # "127.0.0.1:PORT", Cloud TPU v2, Compute Engine, Secret Manager and Cloud Storage v1, REST
        emulator.metadata  # "127.0.0.1:PORT", the metadata server
        emulator.requests  # what was asked so far: ["tpu ListNodes projects/p/locations/-", ...]

The fleet file is read anew for each request, so a test may rewrite it meanwhile. Its keys (only `project` is needed;
an unknown one is refused):

- `project`
- `nodes`, `queuedResources`: as in Cloud TPU v2's REST, but with a plain `name` and `zone`. `state` and `health` may be
  numbers that the client's library does not know: a number over gRPC, `STATE_42` over REST (or the number, for who
  asks with `$alt=json;enum-encoding=int`, as the official client does).
- `instances`: as in Compute Engine's REST, but with a plain `name`, `zone` and `machineType`.
- `unreachable`: zones; their nodes and instances are not listed. Compute Engine needs `returnPartialSuccess=true` then.
- `secrets`: name -> text. Any bearer token that begins with `lab-` may read them.
- `metadata`: name of a VM -> path -> text, e.g. `{tpu-a: {instance/preempted: "TRUE"}}`, over what the server knows.
  The VM is the one of the fleet with the client's address.
- `pageSize`: the most that a page holds (1000; Compute Engine 500), whatever the client asks for.
- `faults`: service (`tpu`, `compute`, `secret`, `storage`, `metadata`) -> `unavailable`, `permission_denied` or another
  canonical status in lower case, `slow` (30 s); for `secret` also `wrong_crc`, for `metadata` also `no_account`.
  With `times: N`, only each service's first N requests since the file changed meet it.

Cloud Storage takes any bucket, and keeps its objects in a directory beside the file.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from lab.emulator.servers import Backend, HttpServer, grpc_server, metadata_answer, rest_answer

__all__ = ["Emulator"]

_ANY = "127.0.0.1:0"


class Emulator:
    """Serves while its context is open; see this package's description."""

    def __init__(self, fleet: Path, *, grpc: str = _ANY, rest: str = _ANY, metadata: str = _ANY) -> None:
        self._backend = Backend(fleet)
        self._grpc, self.grpc = grpc_server(self._backend, grpc)
        self._http = [
            HttpServer(self._backend, metadata, metadata_answer),
            HttpServer(self._backend, rest, rest_answer),
        ]
        self.metadata, self.rest = (server.address for server in self._http)

    @property
    def requests(self) -> list[str]:
        """The requests so far, each as its service and what it asked for."""
        return list(self._backend.requests)

    def __enter__(self) -> Self:
        self._grpc.start()
        for server in self._http:
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._backend.stopping.set()
        ended = self._grpc.stop(None)
        for server in self._http:
            server.shutdown()
            server.server_close()
        ended.wait()
