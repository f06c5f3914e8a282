"""Objects in a GCS bucket, below a prefix of it.

The etag is the object's generation, which GCS checks. A write carries a random word in the object's metadata: when the
answer to it was lost and the library sent it again, the word tells this write's own object from somebody else's.
"""

import io
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

from google.api_core.exceptions import GoogleAPIError, NotFound, RequestRangeNotSatisfiable
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from requests.exceptions import RequestException

from platform_assets.core.errors import PlatformError
from platform_assets.core.object_keys import is_valid_key, validate_key, validate_prefix
from platform_assets.core.objects import Expected, ObjectChangedError, ObjectInfo
from resources.objects import failures
from resources.objects.gcs_errors import translate_gcs_error
from resources.objects.range_reader import open_ranges

WRITE_WORD = "sluice-write"
"""Name of the metadata entry that holds the random word of the write."""

CHUNK_BYTES = 8 * 1024 * 1024
"""Files above 8 MiB are sent in chunks of this size: one of them is in memory at a time."""

_FAILURES = (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption, ConnectionError)


class GCSObjectStore:
    """`ObjectStore` over a bucket.

    Args:
        client: A google-cloud-storage client.
        bucket: Name of the bucket; it must exist.
        prefix: Where the store's keys begin inside the bucket; empty for its top.
    """

    def __init__(self, client: Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._name = bucket
        self._bucket = client.bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket_seen = False

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put`."""
        return self._write(key, io.BytesIO(data), len(data), ...)

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put_new`."""
        try:
            return self.put_if(key, data, None)
        except ObjectChangedError as error:
            raise failures.exists(self.url(key)) from error

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        """See `ObjectStore.put_if`."""
        return self._write(key, io.BytesIO(data), len(data), etag)

    def put_file(self, key: str, path: Path, *, etag: Expected = ...) -> ObjectInfo:
        """See `ObjectStore.put_file`."""
        with failures.open_source(path) as source:
            return self._write(key, source, os.fstat(source.fileno()).st_size, etag)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._read(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        failures.check_range(start, length)
        return self._read_range(key, start, length)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        blob = self._find(key)
        return None if blob is None else _describe(key, blob)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        whole = self._prefix + validate_prefix(prefix)
        pages = self._client.list_blobs(self._name, prefix=whole).pages
        while True:
            with self._translating("list", prefix):
                page = next(pages, None)
            if page is None:
                return
            for blob in page:
                key = blob.name[len(self._prefix) :]
                if is_valid_key(key):  # other tools leave "folder/" markers
                    yield _describe(key, blob)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._translating("delete", key):
            try:
                self._open_blob(key).delete()
            except NotFound:
                self._require_bucket()

    def open_read(self, key: str) -> BinaryIO:
        """See `ObjectStore.open_read`."""
        info = self.head(key)
        if info is None:
            raise failures.missing(self.url(key))
        generation = int(info.etag)

        def fetch(start: int, length: int) -> bytes:
            return self._read_range(key, start, length, generation)

        return open_ranges(fetch, info.size_bytes)

    def url(self, key: str) -> str:
        """See `ObjectStore.url`."""
        return f"gs://{self._name}/{self._prefix}{key}"

    def _open_blob(self, key: str, *, chunk_bytes: int | None = None) -> Blob:
        """The library's handle of the object; asks nothing yet."""
        validate_key(key)
        return self._bucket.blob(validate_key(self._prefix + key), chunk_size=chunk_bytes)

    def _write(self, key: str, source: BinaryIO, size_bytes: int, expected: Expected) -> ObjectInfo:
        word = uuid4().hex
        blob = self._open_blob(key, chunk_bytes=CHUNK_BYTES)
        blob.metadata = {WRITE_WORD: word}
        try:
            with self._translating("put", key):
                blob.upload_from_file(
                    source,
                    size=size_bytes,
                    content_type="application/octet-stream",
                    if_generation_match=_name_generation(expected),
                )
        except ObjectChangedError as error:
            return self._recognize(key, word, error)
        return _describe(key, blob)

    def _recognize(self, key: str, word: str, error: PlatformError) -> ObjectInfo:
        """The object, if it is the one that the write with this word stored; else the write was refused."""
        found = self._find(key)
        if found is None or (found.metadata or {}).get(WRITE_WORD) != word:
            raise failures.changed(self.url(key)) from error
        return _describe(key, found)

    def _find(self, key: str) -> Blob | None:
        blob = self._open_blob(key)
        with self._translating("head", key):
            try:
                blob.reload()
            except NotFound:
                self._require_bucket()
                return None
        return blob

    def _read(
        self,
        key: str,
        *,
        first: int | None = None,
        last: int | None = None,
        generation: int | None = None,
    ) -> bytes:
        with self._translating("get", key):
            try:
                return self._open_blob(key).download_as_bytes(
                    start=first, end=last, if_generation_match=generation
                )
            except NotFound as error:
                self._require_bucket()
                raise failures.missing(self.url(key)) from error

    def _read_range(
        self, key: str, start: int, length: int, generation: int | None = None
    ) -> bytes:
        # HTTP cannot ask for nothing: one byte is asked and dropped.
        last = start + max(length, 1) - 1
        try:
            return self._read(key, first=start, last=last, generation=generation)[:length]
        except RequestRangeNotSatisfiable:
            return b""

    def _require_bucket(self) -> None:
        """Raises the library's `NotFound` if there is no bucket: the one of an object does not tell."""
        if not self._bucket_seen:
            next(self._client.list_blobs(self._name, max_results=1).pages, None)
            self._bucket_seen = True

    @contextmanager
    def _translating(self, action: str, key: str) -> Generator[None]:
        try:
            yield
        except RequestRangeNotSatisfiable:
            raise
        except _FAILURES as error:
            raise translate_gcs_error(error, action, self.url(key), self._name) from error


def _name_generation(expected: Expected) -> int | None:
    """What GCS checks before a write: 0 stands for "no object", None for nothing."""
    if expected is None or expected is ...:
        return 0 if expected is None else None
    # An etag of another store matches nothing: no object ever has generation 1 (they are microseconds since 1970).
    return int(expected) if expected.isdecimal() and int(expected) else 1


def _describe(key: str, blob: Blob) -> ObjectInfo:
    """Of a blob whose properties were loaded or came back from a write."""
    modified_at = cast("datetime", blob.updated).astimezone(UTC)
    return ObjectInfo(key, cast("int", blob.size), str(blob.generation), modified_at)
