"""Bodies of replies unpacked as they arrive, never beyond a bound. Pure: bytes in, bytes out.

httpx's own decoders unpack whatever one read brings at once, and a read of 64 KiB may hold 64 MB (gzip) or more.
"""

import zlib
from collections.abc import Callable

import httpx

from resources.http.messages import BodyTooLargeError

ACCEPTED_CODINGS = "gzip, deflate"
"""What requests ask for, and what can be unpacked with a bound."""

_GZIP_START = b"\x1f\x8b"
_GZIP_BITS = zlib.MAX_WBITS | 16
_UNREADABLE = frozenset({"br", "zstd", "compress", "x-compress"})


class BodyReader:
    """Takes the pieces of one body and keeps what they unpack to.

    Args:
        coding: The Content-Encoding header. Words that name no coding, such as `utf-8`, are taken as none.
        limit_bytes: How much the body may unpack to.

    Raises:
        httpx.DecodingError: Packed in a way that nobody asked for.
    """

    def __init__(self, coding: str, limit_bytes: int) -> None:
        self.size = 0
        self._limit_bytes = limit_bytes
        self._unpack = _choose(coding)

    def take(self, piece: bytes) -> bytes:
        """What the next piece unpacks to.

        Raises:
            BodyTooLargeError: More than the limit came together.
            httpx.DecodingError: The piece cannot be unpacked.
        """
        room = self._limit_bytes - self.size + 1
        if self._unpack is None:
            unpacked = piece
        else:
            try:
                unpacked = self._unpack.take(piece, room)
            except zlib.error as error:
                raise httpx.DecodingError(f"the body cannot be unpacked: {error}") from error
        self.size += len(unpacked)
        if self.size > self._limit_bytes:
            raise BodyTooLargeError(self._limit_bytes)
        return unpacked

    def finish(self) -> None:
        """Says that the body has ended.

        Raises:
            httpx.DecodingError: In the middle of what was packed.
        """
        if self._unpack is not None and self._unpack.is_cut_off:
            raise httpx.DecodingError("the packed body is cut off")


class _Gzip:
    """Gzip, of several members, too; what follows them and is none is ignored, as browsers do."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_BITS)
        self._begun = False

    @property
    def is_cut_off(self) -> bool:
        return self._begun and not self._member.eof

    def take(self, piece: bytes, room: int) -> bytes:
        self._begun = self._begun or bool(piece)
        unpacked = self._member.decompress(piece, room)
        while self._member.eof and self._member.unused_data.startswith(_GZIP_START):
            rest = self._member.unused_data
            self._member = zlib.decompressobj(_GZIP_BITS)
            if len(unpacked) < room:
                unpacked += self._member.decompress(rest, room - len(unpacked))
        return unpacked


class _Deflate:
    """Deflate with zlib's envelope, or without it: servers send either."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()
        self._begun = False

    @property
    def is_cut_off(self) -> bool:
        return self._begun and not self._stream.eof

    def take(self, piece: bytes, room: int) -> bytes:
        first, self._begun = not self._begun, self._begun or bool(piece)
        try:
            return self._stream.decompress(piece, room)
        except zlib.error:
            if not first:
                raise
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._stream.decompress(piece, room)


_UNPACKERS: dict[str, Callable[[], _Gzip | _Deflate]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
}


def _choose(coding: str) -> _Gzip | _Deflate | None:
    codings = [word for word in (part.strip().lower() for part in coding.split(",")) if word]
    packed = [word for word in codings if word in _UNPACKERS or word in _UNREADABLE]
    if len(packed) > 1 or not _UNREADABLE.isdisjoint(packed):
        raise httpx.DecodingError(
            f"the body is packed as {', '.join(packed)}; asked for was {ACCEPTED_CODINGS}"
        )
    return _UNPACKERS[packed[0]]() if packed else None
