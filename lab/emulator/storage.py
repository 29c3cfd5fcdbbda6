"""Cloud Storage's JSON API, as far as its official client needs it for whole objects."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import google_crc32c

from lab.emulator.errors import ApiError, Reply, json_reply

_OBJECTS = "/storage/v1/b/"
_UPLOAD = "/upload/storage/v1/b/"
_DOWNLOAD = "/download/storage/v1/b/"
STARTS = (_OBJECTS, _UPLOAD, _DOWNLOAD)


class PreconditionError(Exception):
    """The object is of another generation than the caller expects."""


class Storage:
    """All buckets, in a directory: every name is a bucket, and what is written stays over a restart."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._uploads: dict[str, tuple[str, str, dict[str, Any], dict[str, str], bytearray]] = {}

    def answer(self, method: str, path: str, query: dict[str, str], headers: Message, body: bytes) -> Reply:
        """The reply to one request of an object or of a bucket's list."""
        try:
            with self._lock:
                if path.startswith(_UPLOAD):
                    return self._upload(method, path.removeprefix(_UPLOAD).partition("/")[0], query, headers, body)
                bucket, _o, name = path.removeprefix(_DOWNLOAD).removeprefix(_OBJECTS).partition("/o")
                if not name:
                    return self._list(bucket, query)
                return self._object(method, bucket, unquote(name[1:]), query, headers)
        except PreconditionError:
            error = {"code": 412, "message": "At least one of the pre-conditions you specified did not hold."}
            return json_reply({"error": error}, 412)

    def _paths(self, bucket: str, name: str) -> tuple[Path, Path]:
        data = self._directory / quote(bucket, safe="") / quote(name, safe="")
        return data, data.with_name(data.name + ".json")

    def _metadata(self, bucket: str, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._paths(bucket, name)[1].read_text())
        except FileNotFoundError:
            raise ApiError("NOT_FOUND", f"No such object: {bucket}/{name}") from None
        return found

    def _object(self, method: str, bucket: str, name: str, query: dict[str, str], headers: Message) -> Reply:
        metadata, paths = self._metadata(bucket, name), self._paths(bucket, name)
        if method == "DELETE":
            for path in paths:
                path.unlink()
            return Reply(204, b"")
        if query.get("alt") != "media":
            return json_reply(metadata)
        data = paths[0].read_bytes()
        hashes = f"crc32c={metadata['crc32c']},md5={metadata['md5Hash']}"
        told: list[tuple[str, str]] = [("x-goog-hash", hashes), ("x-goog-generation", metadata["generation"])]
        wanted = headers.get("Range", "").removeprefix("bytes=")
        if wanted:
            first, _dash, last = wanted.partition("-")
            begin, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
            told.append(("Content-Range", f"bytes {begin}-{end}/{len(data)}"))
            return Reply(206, data[begin : end + 1], "application/octet-stream", tuple(told))
        return Reply(200, data, "application/octet-stream", tuple(told))

    def _list(self, bucket: str, query: dict[str, str]) -> Reply:
        folder = self._directory / quote(bucket, safe="")
        names = sorted(unquote(path.name.removesuffix(".json")) for path in folder.glob("*.json"))
        names = [name for name in names if name.startswith(query.get("prefix", ""))]
        begin, size = int(query.get("pageToken", 0)), int(query.get("maxResults", 1000))
        page = {"kind": "storage#objects", "items": [self._metadata(bucket, name) for name in names[begin:][:size]]}
        return json_reply({**page, "nextPageToken": str(begin + size)} if len(names) > begin + size else page)

    def _upload(self, method: str, bucket: str, query: dict[str, str], headers: Message, body: bytes) -> Reply:
        if method == "PUT":
            return self._resume(query["upload_id"], headers.get("Content-Range", ""), body)
        if query.get("uploadType") == "resumable":
            told = json.loads(body or b"{}")
            name = query.get("name") or told["name"]
            self._check(bucket, name, query)
            identifier = uuid.uuid4().hex
            self._uploads[identifier] = (bucket, name, told, query, bytearray())
            location = f"http://{headers['Host']}{_UPLOAD}{bucket}/o?uploadType=resumable&upload_id={identifier}"
            return Reply(200, b"", headers=(("Location", location),))
        message = BytesParser().parsebytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
        parts: Any = message.get_payload()
        told, data = json.loads(parts[0].get_payload(decode=True)), _content(body, message.get_boundary())
        return json_reply(self._write(bucket, told["name"], told, data, query))

    def _resume(self, identifier: str, content_range: str, body: bytes) -> Reply:
        bucket, name, told, query, data = self._uploads[identifier]
        data += body
        total = content_range.rpartition("/")[2]
        if total == "*" or len(data) < int(total):
            return Reply(308, b"", headers=(("Range", f"bytes=0-{len(data) - 1}"),) if data else ())
        del self._uploads[identifier]
        return json_reply(self._write(bucket, name, told, bytes(data), query))

    def _check(self, bucket: str, name: str, query: dict[str, str]) -> None:
        if "ifGenerationMatch" in query:
            path = self._paths(bucket, name)[1]
            generation = json.loads(path.read_text())["generation"] if path.exists() else "0"
            if query["ifGenerationMatch"] != generation:
                raise PreconditionError

    def _write(
        self, bucket: str, name: str, told: dict[str, Any], data: bytes, query: dict[str, str]
    ) -> dict[str, Any]:
        self._check(bucket, name, query)
        content, described = self._paths(bucket, name)
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_bytes(data)
        number = self._next()
        # In the order of the writes, whatever the clock's resolution.
        now = f"2026-01-01T00:00:00.{number:06}Z"
        crc = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
        metadata = {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "size": str(len(data)),
            "generation": str(number),
            "metageneration": "1",
            "crc32c": crc,
            "md5Hash": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            "timeCreated": now,
            "updated": now,
            "metadata": told.get("metadata", {}),
        }
        described.write_text(json.dumps(metadata))
        return metadata

    def _next(self) -> int:
        """A number that grows with each write, over restarts too: as many as there were writes."""
        counter = self._directory / "writes"
        number = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.parent.mkdir(parents=True, exist_ok=True)
        counter.write_text(str(number))
        return number


def _content(body: bytes, boundary: Any) -> bytes:
    """The second part of a multipart body, byte by byte as it came: an e-mail parser would mend its line ends."""
    mark = b"--" + str(boundary).encode()
    part = body.split(mark)[2]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
