"""A seekable file over range reads, for stores without files (S3, GCS).

Which object and which version of it is the `fetch` function's business.
"""

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 1024 * 1024
"""One request fetches at least this much: a Parquet footer and its small column chunks come with few requests."""


def open_ranges(fetch: Callable[[int, int], bytes], size_bytes: int) -> BinaryIO:
    """A buffered reader of `size_bytes` bytes; `fetch(start, length)` is only asked for ranges inside."""
    return cast("BinaryIO", io.BufferedReader(_RangeFile(fetch, size_bytes), BUFFER_BYTES))


class _RangeFile(io.RawIOBase):
    """The unbuffered file: one `fetch` per read."""

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}, before the start of the object")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        return self._take(self._size_bytes)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._take(len(view))
        view[: len(data)] = data
        return len(data)

    def _take(self, length: int) -> bytes:
        length = min(length, self._size_bytes - self._position)
        if length <= 0:
            return b""
        data = self._fetch(self._position, length)
        self._position += len(data)
        return data
