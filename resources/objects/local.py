"""Objects as files below a folder on this machine (or on a disk that several machines mount with locks).

An object is written to a temporary file, flushed to the disk and renamed, so a kill or a full disk at any point leaves
the old or the new one whole. Every commit holds the key's lock, so conditions hold over threads and processes.
"""

import io
import os
import shutil
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import quote

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.object_keys import validate_key, validate_prefix
from platform_assets.core.objects import Expected, ObjectChangedError, ObjectInfo
from resources.objects import failures
from resources.objects.local_area import StagingArea
from resources.objects.local_errors import translate_os_error
from resources.objects.local_paths import open_folder, walk_files

_COPY_BYTES = 1024 * 1024
_EPOCH = datetime.fromtimestamp(0, UTC)
_Found = TypeVar("_Found")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalObjectStore:
    """`ObjectStore` over a folder. Opening it sweeps what killed processes left more than an hour ago.

    Args:
        root: Absolute folder of the store; made with the first write.
        clock: Source of the objects' times.
    """

    def __init__(self, root: Path, *, clock: Clock | None = None) -> None:
        self._root = root
        self._area = StagingArea(root, clock or SystemClock())
        with self._translating("open", ""):
            self._area.sweep()

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put`."""
        return self._write(key, io.BytesIO(data), ...)

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        """See `ObjectStore.put_new`."""
        try:
            return self.put_if(key, data, None)
        except ObjectChangedError as error:
            raise failures.exists(self.url(key)) from error

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        """See `ObjectStore.put_if`."""
        return self._write(key, io.BytesIO(data), etag)

    def put_file(self, key: str, path: Path, *, etag: Expected = ...) -> ObjectInfo:
        """See `ObjectStore.put_file`."""
        with failures.open_source(path) as source:
            return self._write(key, source, etag)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        with self._translating("get", key), self.open_read(key) as file:
            return file.read()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `ObjectStore.get_range`."""
        failures.check_range(start, length)
        with self._translating("get", key), self.open_read(key) as file:
            file.seek(start)
            return file.read(length)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        with self._translating("head", key):
            found = self._look(key, _find)
            return None if found is None else _describe(key, found)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        validate_prefix(prefix)
        with self._translating("list", prefix):
            for key, found in walk_files(self._root, prefix):
                if stat.S_ISREG(found.st_mode):
                    yield _describe(key, found)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._translating("delete", key):
            self._look(key, partial(self._remove, key))

    def open_read(self, key: str) -> BinaryIO:
        """See `ObjectStore.open_read`."""
        with self._translating("get", key):
            file = self._look(key, _open)
        if file is None:
            raise failures.missing(self.url(key))
        return file

    def url(self, key: str) -> str:
        """See `ObjectStore.url`."""
        return f"file://{quote(str(self._root / key))}"

    def _write(self, key: str, source: BinaryIO, expected: Expected) -> ObjectInfo:
        *segments, name = validate_key(key).split("/")
        with self._translating("put", key), self._area.stage() as (staged, file):
            shutil.copyfileobj(source, file, _COPY_BYTES)
            info = _describe(key, self._area.finish(file))
            with open_folder(self._root, segments, create=True) as folder:
                with self._area.lock(key):
                    self._commit(staged, folder, name, key, expected)
                os.fsync(folder)  # the folder's new entry survives a power cut
        return info

    def _commit(self, staged: Path, folder: int, name: str, key: str, expected: Expected) -> None:
        if expected is ...:
            os.rename(staged, name, dst_dir_fd=folder)
            return
        found = _find(folder, name)
        if (None if found is None else _name_version(found)) != expected:
            raise failures.changed(self.url(key))
        if found is not None:
            os.rename(staged, name, dst_dir_fd=folder)
            return
        try:
            # A link never replaces: create-only holds even on a mount that ignores locks.
            os.link(staged, name, dst_dir_fd=folder)
        except FileExistsError as error:
            if _find(folder, name) is None:
                raise  # a folder or a link is in the way
            raise failures.changed(self.url(key)) from error

    def _look(self, key: str, act: Callable[[int, str], _Found]) -> _Found | None:
        """What `act` returns for the key's open folder and file name; None when the folder or the file is missing."""
        *segments, name = validate_key(key).split("/")
        try:
            with open_folder(self._root, segments, create=False) as folder:
                return act(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _remove(self, key: str, folder: int, name: str) -> None:
        with self._area.lock(key):
            if _find(folder, name) is None:
                return
            os.unlink(name, dir_fd=folder)
        os.fsync(folder)

    @contextmanager
    def _translating(self, action: str, key: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise translate_os_error(error, action, self.url(key), self._root) from error


def _find(folder: int, name: str) -> os.stat_result | None:
    """The stat of the file; None when there is none. A folder or a link is no object."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _open(folder: int, name: str) -> BinaryIO | None:
    if _find(folder, name) is None:
        return None
    return cast("BinaryIO", os.fdopen(os.open(name, _READ, dir_fd=folder), "rb"))


def _describe(key: str, found: os.stat_result) -> ObjectInfo:
    modified_at = _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
    return ObjectInfo(key, found.st_size, _name_version(found), modified_at)


def _name_version(found: os.stat_result) -> str:
    """The etag: differs between any two writes, see `StagingArea.finish`."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
