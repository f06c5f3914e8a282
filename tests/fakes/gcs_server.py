"""Google Cloud Storage's JSON API over HTTP on loopback, as far as the object store uses it.

Objects with generations and ifGenerationMatch, multipart and resumable uploads, range reads, paged listing. No access
control, versions, composition or copies.

`answers_to_lose`: so many of the next writes are done and answered with 503.
`answers_to_refuse`: the next requests about objects get these statuses, and nothing is done.
"""

import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import RLock, Thread
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

from resources.objects.gcs_client import GCSAccess

UPLOAD = re.compile(r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o")
LISTING = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)/o")
# The library asks for it in the background, for its own telemetry.
BUCKET = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)")
OBJECT = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
PAGE = 1000


class RefusalError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Stored:
    data: bytes
    generation: int
    metadata: dict[str, str]
    updated: datetime

    def describe(self, bucket: str, name: str) -> dict[str, Any]:
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "size": str(len(self.data)),
            "generation": str(self.generation),
            "metageneration": "1",
            "updated": self.updated.isoformat().replace("+00:00", "Z"),
            "metadata": self.metadata,
            "crc32c": _hash(self.data),
        }


@dataclass(slots=True)
class Upload:
    bucket: str
    name: str
    resource: dict[str, Any]
    expected: int | None
    received: bytearray = field(default_factory=bytearray)


class GCSState:
    """The buckets, and what happens to them; one lock makes each step atomic."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: dict[str, Upload] = {}
        self.answers_to_lose = 0
        self.answers_to_refuse: list[int] = []
        self._generations = count(time.time_ns() // 1000)

    def open_bucket(self, bucket: str) -> dict[str, Stored]:
        if bucket not in self.buckets:
            raise RefusalError(404)
        return self.buckets[bucket]

    def find(self, bucket: str, name: str, expected: int | None) -> Stored:
        stored = self.open_bucket(bucket).get(name)
        if stored is None:
            raise RefusalError(404)
        if expected is not None and expected != stored.generation:
            raise RefusalError(412)
        return stored

    def check(self, bucket: str, name: str, expected: int | None) -> None:
        stored = self.open_bucket(bucket).get(name)
        if expected is not None and expected != (0 if stored is None else stored.generation):
            raise RefusalError(412)

    def store(self, upload: Upload) -> dict[str, Any]:
        data = bytes(upload.received)
        if upload.resource.get("crc32c", _hash(data)) != _hash(data):
            raise RefusalError(400)
        with self.lock:
            self.check(upload.bucket, upload.name, upload.expected)
            metadata = upload.resource.get("metadata", {})
            stored = Stored(data, next(self._generations), metadata, datetime.now(UTC))
            self.buckets[upload.bucket][upload.name] = stored
            if self.answers_to_lose:
                self.answers_to_lose -= 1
                raise RefusalError(503)
        return stored.describe(upload.bucket, upload.name)

    def list_page(self, bucket: str, prefix: str, after: str, most: int) -> dict[str, Any]:
        with self.lock:
            stored = self.open_bucket(bucket)
            names = sorted(n for n in stored if n.startswith(prefix) and n > after)
            items = [stored[name].describe(bucket, name) for name in names[:most]]
        page: dict[str, Any] = {"kind": "storage#objects", "items": items}
        return page | ({"nextPageToken": names[most - 1]} if len(names) > most else {})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: GCSState
    # An answer is two writes; with Nagle's delay each would take 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._begin_upload)

    def do_PUT(self) -> None:
        self._serve(self._continue_upload)

    def do_DELETE(self) -> None:
        self._serve(self._delete)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def _serve(self, act: Callable[[dict[str, str], bytes], None]) -> None:
        parts = urlsplit(self.path)
        self._path = parts.path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            if self.state.answers_to_refuse and BUCKET.fullmatch(self._path) is None:
                raise RefusalError(self.state.answers_to_refuse.pop(0))
            act(query, body)
        except RefusalError as refusal:
            self._send_json({"error": {"code": refusal.status}}, refusal.status)

    def _get(self, query: dict[str, str], body: bytes) -> None:
        if (match := LISTING.fullmatch(self._path)) is not None:
            most = min(int(query.get("maxResults", PAGE)), PAGE)
            after = query.get("pageToken", "")
            prefix = query.get("prefix", "")
            self._send_json(self.state.list_page(match["bucket"], prefix, after, most))
            return
        if (match := BUCKET.fullmatch(self._path)) is not None:
            self.state.open_bucket(match["bucket"])
            self._send_json({"kind": "storage#bucket", "name": match["bucket"]})
            return
        bucket, name = self._read_target()
        stored = self.state.find(bucket, name, _read_expected(query))
        if query.get("alt") == "media":
            self._send_media(stored)
        else:
            self._send_json(stored.describe(bucket, name))

    def _delete(self, query: dict[str, str], body: bytes) -> None:
        bucket, name = self._read_target()
        with self.state.lock:
            self.state.find(bucket, name, _read_expected(query))
            del self.state.buckets[bucket][name]
        self._send(b"", 204)

    def _begin_upload(self, query: dict[str, str], body: bytes) -> None:
        match = UPLOAD.fullmatch(self._path)
        if match is None:
            raise RefusalError(404)
        resource, data = (
            _split_multipart(self.headers["Content-Type"], body)
            if query["uploadType"] == "multipart"
            else (json.loads(body), b"")
        )
        name = query.get("name") or resource["name"]
        upload = Upload(match["bucket"], name, resource, _read_expected(query))
        self.state.check(upload.bucket, upload.name, upload.expected)
        if query["uploadType"] == "multipart":
            upload.received += data
            self._send_json(self.state.store(upload))
            return
        word = f"upload-{id(upload):x}"
        self.state.uploads[word] = upload
        place = f"http://{self.headers['Host']}{self._path}?uploadType=resumable&upload_id={word}"
        self._send(b"", 200, {"Location": place})

    def _continue_upload(self, query: dict[str, str], body: bytes) -> None:
        upload = self.state.uploads[query["upload_id"]]
        first, last, total = _read_content_range(self.headers["Content-Range"])
        if first != len(upload.received):
            raise RefusalError(400)
        upload.received += body
        if total == len(upload.received):
            self._send_json(self.state.store(upload))
            return
        self._send(b"", 308, {"Range": f"bytes=0-{last}"})

    def _read_target(self) -> tuple[str, str]:
        match = OBJECT.fullmatch(self._path)
        if match is None:
            raise RefusalError(404)
        return match["bucket"], unquote(match["name"])

    def _send_media(self, stored: Stored) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "bytes=0-")
        assert asked is not None
        first = int(asked[1])
        last = min(int(asked[2] or len(stored.data)), len(stored.data) - 1)
        headers = {
            "X-Goog-Hash": f"crc32c={_hash(stored.data)}",
            "X-Goog-Generation": str(stored.generation),
        }
        if self.headers.get("Range") is None:
            self._send(stored.data, 200, headers)
            return
        if first >= len(stored.data):
            raise RefusalError(416)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(stored.data)}"
        self._send(stored.data[first : last + 1], 206, headers)

    def _send_json(self, value: dict[str, Any], status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _send(self, body: bytes, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class GCSServer:
    def __init__(self) -> None:
        self.state = GCSState()
        handler = cast("type[Handler]", type("BoundHandler", (Handler,), {"state": self.state}))
        self._server = Server(("127.0.0.1", 0), handler)
        self.access = GCSAccess(endpoint_url=f"http://127.0.0.1:{self._server.server_port}")
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def create_bucket(self, name: str) -> None:
        self.state.buckets[name] = {}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _hash(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def _read_expected(query: dict[str, str]) -> int | None:
    text = query.get("ifGenerationMatch")
    return None if text is None else int(text)


def _split_multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the bytes of a multipart/related body; the bytes may hold anything but the boundary."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    _, head, rest = body.split(b"--" + boundary, 2)
    media = rest.partition(b"\r\n\r\n")[2]
    media = media[: media.rindex(b"\r\n--" + boundary)]
    return json.loads(head.partition(b"\r\n\r\n")[2]), media


def _read_content_range(text: str) -> tuple[int, int, int | None]:
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", text)
    assert match is not None, text
    return int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
