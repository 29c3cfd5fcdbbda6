"""The listening side: gRPC and HTTP in front of the pure parts, and the faults that a test asks for."""

from __future__ import annotations

import logging
import socketserver
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import grpc

from lab.emulator import compute, metadata, secret, storage, tpu
from lab.emulator.errors import ApiError, Reply, error_reply, json_reply
from lab.emulator.fleet import Fleet, FleetFile

# How long a slow service holds a request, in seconds: longer than clients wait.
SLOW = 30
_LOG = logging.getLogger("lab.emulator")


class Backend:
    """What all servers share."""

    def __init__(self, path: Path) -> None:
        self.file = FleetFile(path)
        self.storage = storage.Storage(path.with_suffix(".storage"))
        self.stopping = threading.Event()
        # Bounded, because the lab's emulator runs for days.
        self.requests: deque[str] = deque(maxlen=1000)

    def meet(self, service: str, what: str, gone: threading.Event) -> tuple[Fleet, str | None]:
        """The fleet for one request, after the fault that waits for it; *gone* ends a slow one early."""
        self.requests.append(f"{service} {what}")
        _LOG.info("%s %s", service, what)
        fleet = self.file.read()
        fault = fleet.fault(service)
        if fault == "slow":
            gone.wait(SLOW)
        elif fault not in (None, "wrong_crc", "no_account"):
            raise ApiError(fault.upper(), f"The fleet file's faults say {service}: {fault}.")
        return fleet, fault


def grpc_server(backend: Backend, address: str) -> tuple[Any, str]:
    """A server bound to *address*, and its real address; OSError where that is taken."""
    # Without so_reuseport, two emulators on one port would share its requests unnoticed.
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            partial(_grpc_call, backend, name, call),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for name, (call, request, response) in tpu.METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.cloud.tpu.v2.Tpu", handlers),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from error
    return server, f"{address.rpartition(':')[0]}:{port}"


def _grpc_call(backend: Backend, name: str, call: Callable[[Fleet, Any], Any], request: Any, context: Any) -> Any:
    gone = threading.Event()
    context.add_callback(gone.set)
    try:
        fleet, _ = backend.meet("tpu", f"{name} {request.name if name == 'GetNode' else request.parent}", gone)
        return call(fleet, request)
    except ApiError as error:
        return context.abort(getattr(grpc.StatusCode, error.status), error.message)


class HttpServer(ThreadingHTTPServer):
    """An HTTP server whose requests *answer* answers."""

    # A whole fleet may ask at once.
    request_queue_size = 128

    def __init__(self, backend: Backend, address: str, answer: Callable[[Backend, Handler], Reply]) -> None:
        self.backend = backend
        self.answer = answer
        host, _, port = address.rpartition(":")
        try:
            super().__init__((host, int(port)), Handler)
        except OSError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        self.address = f"{host}:{self.server_port}"

    def server_bind(self) -> None:
        # Not HTTPServer's own: that asks the DNS for the address's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that has hung up, as all do on a slow service, is no error of the emulator's.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave together.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = cast("HttpServer", self.server)
        reply = server.answer(server.backend, self)
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


def rest_answer(backend: Backend, handler: Handler) -> Reply:
    """The answer of all APIs that are served over REST; the path tells which one is meant."""
    url = urlsplit(handler.path)
    query = dict(parse_qsl(url.query))
    service = next((name for start, name in _SERVICES.items() if url.path.startswith(start)), None)
    if not service or (handler.command != "GET" and service != "storage"):
        return error_reply(ApiError("NOT_FOUND", f"The requested URL {url.path} was not found on this server."))
    # Read in any case, or the rest of it would be taken for the next request.
    body = handler.body()
    try:
        fleet, fault = backend.meet(service, f"{handler.command} {handler.path}", backend.stopping)
        if service == "storage":
            return backend.storage.answer(handler.command, url.path, query, handler.headers, body)
        if service == "tpu":
            return json_reply(tpu.rest(fleet, url.path, query))
        if service == "compute":
            return json_reply(compute.rest(fleet, url.path, query))
        bearer = handler.headers.get("Authorization", "")
        return json_reply(secret.rest(fleet, url.path, bearer, wrong_crc=fault == "wrong_crc"))
    except ApiError as error:
        return error_reply(error, compute=service == "compute")


_SERVICES = {"/v2/": "tpu", "/compute/v1/": "compute", "/v1/": "secret", **dict.fromkeys(storage.STARTS, "storage")}


def metadata_answer(backend: Backend, handler: Handler) -> Reply:
    """The metadata server's answer."""
    path, address = urlsplit(handler.path).path, handler.client_address[0]
    try:
        fleet, fault = backend.meet("metadata", f"GET {path} from {address}", backend.stopping)
    except ApiError as error:
        return error_reply(error)
    flavor = handler.headers.get("Metadata-Flavor")
    return metadata.answer(fleet, path, flavor, address, no_account=fault == "no_account")
