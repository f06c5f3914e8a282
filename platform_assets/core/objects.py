"""What code that lands or reads whole objects takes as an argument: the store, an object's description, its errors.

Implementations: `resources/objects` (local files, S3, GCS), and a fake in memory. How keys are built and checked is
`object_keys.py`. Nothing here touches a store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import EllipsisType
from typing import BinaryIO, Protocol

from platform_assets.core.errors import PermanentError, TransientError

Expected = str | EllipsisType | None
"""What a write expects to replace: an etag, None for "no object yet", `...` for "whatever is there"."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object.

    Attributes:
        key: Its key inside the store.
        size_bytes: Length of its content.
        etag: Opaque word for its present content, good for `put_if`. Local and GCS give a new one with every write;
            S3 gives the same one for the same bytes.
        modified_at: When it was written, aware UTC, by the store's clock.
    """

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


class ObjectMissingError(PermanentError):
    """There is no object at the key."""

    default_kind = "object_missing"


class ObjectExistsError(PermanentError):
    """`put_new` found an object at the key; it was left as it is."""

    default_kind = "object_exists"


class ObjectChangedError(TransientError):
    """Somebody else wrote the object meanwhile. Transient: reading it again and deciding anew can succeed."""

    default_kind = "object_changed"


class ObjectStore(Protocol):
    """Whole objects under keys. Thread-safe; every method blocks, so call it in a worker thread.

    A reader sees the whole old or the whole new object, never a part. All methods may raise `TransientError` (the store
    is slow or away), `RefusedError` (access denied, missing bucket, full or read-only disk: it names the store, the key
    and what to do) and `object_keys.ObjectKeyError` (no valid key).
    """

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """Writes the object whole or not at all; replaces what was there."""
        ...

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        """Writes the object only if there is none: of many writers at once exactly one succeeds.

        Raises:
            ObjectExistsError: There is one already.
        """
        ...

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        """Replaces the object only if its etag is still `etag` (None: only if there is no object).

        Raises:
            ObjectChangedError: It has another etag, it is gone, or (with None) there is one.
        """
        ...

    def put_file(self, key: str, path: Path, *, etag: Expected = ...) -> ObjectInfo:
        """Writes a file's content in bounded memory, with the guarantees of `put`; with `etag`, those of `put_if`.

        The file must not change meanwhile.

        Raises:
            ObjectChangedError: See `put_if`.
            PermanentError: The file is not there or not readable.
        """
        ...

    def get(self, key: str) -> bytes:
        """The whole content.

        Raises:
            ObjectMissingError: There is no object.
        """
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """At most `length` bytes from offset `start`; fewer where the object ends before, none past its end.

        Raises:
            ObjectMissingError: There is no object.
            ValueError: `start` or `length` is negative.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's description; None when there is no object."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix` (any text, empty for all), by key in code point order.

        Read page by page while iterating: writes made meanwhile may or may not show. Never shows unfinished writes.
        """
        ...

    def delete(self, key: str) -> None:
        """Removes the object; nothing happens when there is none."""
        ...

    def open_read(self, key: str) -> BinaryIO:
        """A seekable reader over the content as it is now, for formats that jump (Parquet).

        On S3 and GCS a read fails with `ObjectChangedError` when the object was replaced since.

        Raises:
            ObjectMissingError: There is no object.
        """
        ...

    def url(self, key: str) -> str:
        """Where the object is, for people and metadata; holds no credentials."""
        ...
