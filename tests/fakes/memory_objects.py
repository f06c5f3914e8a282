"""An `ObjectStore` in memory, for tests of what uses one; it passes the contract suite like the real ones."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.object_keys import validate_key, validate_prefix
from platform_assets.core.objects import Expected, ObjectChangedError, ObjectInfo
from resources.objects import failures


@dataclass(frozen=True, slots=True)
class _Stored:
    data: bytes
    version: int
    modified_at: datetime


@dataclass(slots=True)
class MemoryObjectStore:
    clock: Clock = field(default_factory=SystemClock)
    _objects: dict[str, _Stored] = field(default_factory=dict[str, _Stored])
    _writes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def put(self, key: str, data: bytes) -> ObjectInfo:
        return self._write(key, data, ...)

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        try:
            return self._write(key, data, None)
        except ObjectChangedError as error:
            raise failures.exists(self.url(key)) from error

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        return self._write(key, data, etag)

    def put_file(self, key: str, path: Path, *, etag: Expected = ...) -> ObjectInfo:
        with failures.open_source(path) as source:
            return self._write(key, source.read(), etag)

    def get(self, key: str) -> bytes:
        stored = self._objects.get(validate_key(key))
        if stored is None:
            raise failures.missing(self.url(key))
        return stored.data

    def get_range(self, key: str, start: int, length: int) -> bytes:
        failures.check_range(start, length)
        return self.get(key)[start : start + length]

    def head(self, key: str) -> ObjectInfo | None:
        stored = self._objects.get(validate_key(key))
        return None if stored is None else _describe(key, stored)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        validate_prefix(prefix)
        for key, stored in sorted(self._objects.items()):
            if key.startswith(prefix):
                yield _describe(key, stored)

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(validate_key(key), None)

    def open_read(self, key: str) -> BinaryIO:
        return io.BytesIO(self.get(key))

    def url(self, key: str) -> str:
        return f"memory:///{key}"

    def _write(self, key: str, data: bytes, expected: Expected) -> ObjectInfo:
        with self._lock:
            found = self.head(key)
            if expected is not ... and expected != (None if found is None else found.etag):
                raise failures.changed(self.url(key))
            self._writes += 1
            self._objects[key] = _Stored(bytes(data), self._writes, self.clock.now())
            return _describe(key, self._objects[key])


def _describe(key: str, stored: _Stored) -> ObjectInfo:
    etag = f"{stored.version}-{hashlib.sha256(stored.data).hexdigest()[:8]}"
    return ObjectInfo(key, len(stored.data), etag, stored.modified_at)
