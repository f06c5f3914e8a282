"""Objects in an S3 bucket, below a prefix of it. AWS, or a server that enforces If-Match and If-None-Match.

Conditions are S3's own. A write carries a random word in the object's metadata: when the answer to it was lost and the
SDK sent it again, the word tells this write's own object from somebody else's.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from platform_assets.core.errors import PlatformError
from platform_assets.core.object_keys import is_valid_key, validate_key, validate_prefix
from platform_assets.core.objects import (
    Expected,
    ObjectChangedError,
    ObjectInfo,
    ObjectMissingError,
)
from resources.objects import failures
from resources.objects.range_reader import open_ranges
from resources.objects.s3_client import Answer, S3Client
from resources.objects.s3_errors import MISSING, PAST_END, read_code, translate_s3_error
from resources.objects.s3_multipart import PART_BYTES, S3Write, send_parts

WRITE_WORD = "sluice-write"
"""Name of the metadata entry that holds the random word of the write."""


class S3ObjectStore:
    """`ObjectStore` over a bucket.

    Args:
        client: A thread-safe S3 client.
        bucket: Name of the bucket; it must exist.
        prefix: Where the store's keys begin inside the bucket; empty for its top.
        part_bytes: Files above this size are uploaded in parts of it; at least 5 MiB, S3's smallest part.
    """

    def __init__(
        self, client: S3Client, bucket: str, prefix: str = "", *, part_bytes: int = PART_BYTES
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._part_bytes = part_bytes
        self._bucket_seen = False

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put`."""
        return self._put_body(key, data, len(data), ...)

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put_new`."""
        try:
            return self.put_if(key, data, None)
        except ObjectChangedError as error:
            raise failures.exists(self.url(key)) from error

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        """See `ObjectStore.put_if`."""
        return self._put_body(key, data, len(data), etag)

    def put_file(self, key: str, path: Path, *, etag: Expected = ...) -> ObjectInfo:
        """See `ObjectStore.put_file`."""
        with failures.open_source(path) as source:
            size_bytes = os.fstat(source.fileno()).st_size
            if size_bytes <= self._part_bytes:
                return self._put_body(key, source, size_bytes, etag)

            def send(write: S3Write) -> Answer:
                return send_parts(self._client, write, source, size_bytes, self._part_bytes)

            return self._write(key, size_bytes, etag, send)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._read(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        failures.check_range(start, length)
        return self._read_range(key, start, length)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        answer = self._head(key)
        return None if answer is None else _describe_head(key, answer)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        request = {"Bucket": self._bucket, "Prefix": self._prefix + validate_prefix(prefix)}
        while True:
            with self._translating("list", prefix):
                page = self._client.list_objects_v2(**request)
            for entry in page.get("Contents", ()):
                key = entry["Key"][len(self._prefix) :]
                if is_valid_key(key):  # other tools leave "folder/" markers
                    yield ObjectInfo(
                        key,
                        entry["Size"],
                        _bare(entry["ETag"]),
                        entry["LastModified"].astimezone(UTC),
                    )
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._translating("delete", key):
            self._client.delete_object(**self._target(key))

    def open_read(self, key: str) -> BinaryIO:
        """See `ObjectStore.open_read`."""
        info = self.head(key)
        if info is None:
            raise failures.missing(self.url(key))

        def fetch(start: int, length: int) -> bytes:
            return self._read_range(key, start, length, IfMatch=_quoted(info.etag))

        return open_ranges(fetch, info.size_bytes)

    def url(self, key: str) -> str:
        """See `ObjectStore.url`."""
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def _target(self, key: str) -> dict[str, Any]:
        validate_key(key)
        return {"Bucket": self._bucket, "Key": validate_key(self._prefix + key)}

    def _put_body(
        self, key: str, body: bytes | BinaryIO, size_bytes: int, expected: Expected
    ) -> ObjectInfo:
        def send(write: S3Write) -> Answer:
            return self._client.put_object(
                **write.target, **write.condition, Metadata=write.metadata, Body=body
            )

        return self._write(key, size_bytes, expected, send)

    def _write(
        self, key: str, size_bytes: int, expected: Expected, send: Callable[[S3Write], Answer]
    ) -> ObjectInfo:
        word = uuid4().hex
        write = S3Write(self._target(key), {WRITE_WORD: word}, _state_condition(expected))
        try:
            with self._translating("put", key):
                return _describe_put(key, size_bytes, send(write))
        except (ObjectChangedError, ObjectMissingError) as error:
            return self._recognize(key, word, error)

    def _recognize(self, key: str, word: str, error: PlatformError) -> ObjectInfo:
        """The object, if it is the one that the write with this word stored; else the write was refused."""
        found = self._head(key)
        if found is None or found.get("Metadata", {}).get(WRITE_WORD) != word:
            raise failures.changed(self.url(key)) from error
        return _describe_head(key, found)

    def _head(self, key: str) -> Answer | None:
        with self._translating("head", key):
            try:
                return self._client.head_object(**self._target(key))
            except ClientError as error:
                if read_code(error) not in MISSING:
                    raise
            self._require_bucket()
        return None

    def _require_bucket(self) -> None:
        """Fails if there is no bucket: the answer to HEAD has no body to say so, and "no object" would be wrong."""
        if not self._bucket_seen:
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
            self._bucket_seen = True

    def _read(self, key: str, **extra: str) -> bytes:
        with self._translating("get", key):
            return self._client.get_object(**self._target(key), **extra)["Body"].read()

    def _read_range(self, key: str, start: int, length: int, **extra: str) -> bytes:
        with self._translating("get", key):
            # HTTP cannot ask for nothing: one byte is asked and dropped.
            asked = f"bytes={start}-{start + max(length, 1) - 1}"
            try:
                answer = self._client.get_object(**self._target(key), Range=asked, **extra)
            except ClientError as error:
                if read_code(error) not in PAST_END:
                    raise
                return b""
            return answer["Body"].read()[:length]

    @contextmanager
    def _translating(self, action: str, key: str) -> Generator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise translate_s3_error(error, action, self.url(key), self._bucket) from error


def _state_condition(expected: Expected) -> dict[str, str]:
    if expected is ...:
        return {}
    return {"IfNoneMatch": "*"} if expected is None else {"IfMatch": _quoted(expected)}


def _describe_put(key: str, size_bytes: int, answer: Answer) -> ObjectInfo:
    """The answer to a write has no time of the object: the server's date is within a second of it."""
    sent_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return ObjectInfo(key, size_bytes, _bare(answer["ETag"]), sent_at.astimezone(UTC))


def _describe_head(key: str, answer: Answer) -> ObjectInfo:
    modified_at = answer["LastModified"].astimezone(UTC)
    return ObjectInfo(key, answer["ContentLength"], _bare(answer["ETag"]), modified_at)


def _bare(etag: str) -> str:
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'
