"""The real catalogue of games as a source: 276,711 games of 2026-02, kept compressed, records of IGDB's own on top.

A catalogue row is served as it is, but for `igdb_id` (becomes `id`), `genres` and `platforms` (names there, ids in
IGDB's own records: served as `genre_names` and `platform_names`), the fields that are null (left out, as IGDB does) and
`updated_at` (added, drawn from the id). Where a raw v4 record of 2026 or 2023 is known for an id it is served in
place of the catalogue's row, so that the schema drifts from row to row as it did over the years.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
import zstandard

from sandbox.igdb.dates import draw_updated_at
from sandbox.igdb.hashing import mix, salt_of
from sandbox.igdb.sorted_keys import contains
from sandbox.igdb.table import Revision

_BLOCK_ROWS = 512
_KEPT_BLOCKS = 16
_CATALOGUE_FIELDS = (
    *("id", "name", "genre_names", "developers", "publishers", "aggregated_rating", "release_date"),
    *("platform_names", "external_ids", "updated_at"),
)
_CHANGES = (
    (b'"aggregated_rating":null,', b""),
    (b'"release_date":null,', b""),
    (b'"genres":[', b'"genre_names":['),
    (b'"platforms":[', b'"platform_names":['),
)
"""Top-level keys as bytes: inside a string the quotes would be escaped."""


class RealGames:
    """Source of the games table.

    Args:
        lines: The catalogue, one compact JSON object per line, sorted by `igdb_id`, which comes first.
        raw: IGDB's own records; of two with the same id the later one counts, ids that the catalogue lacks do not.
        seed: For the drawn dates.

    Attributes:
        fields: Every field that a game may have.
    """

    def __init__(self, lines: Iterable[bytes], raw: Iterable[dict[str, Any]], seed: int) -> None:
        self._salt = salt_of(seed, "dates")
        self._ids = array("q")
        self._blocks: list[bytes] = []
        self._raw: dict[int, bytes] = {}
        self._raw_updated_at: dict[int, int] = {}
        self._pack(lines)
        self.fields = frozenset(_CATALOGUE_FIELDS) | self._take_raw(raw)
        self._read_block = lru_cache(maxsize=_KEPT_BLOCKS)(self._unpack)

    def list_ids(self) -> "array[int]":
        """The catalogue's ids, ascending."""
        return self._ids

    def read_updated_at(self, row_id: int) -> int:
        """The record's own `updated_at` where it has one, else drawn from the id: before 2026-02."""
        known = self._raw_updated_at.get(row_id)
        return draw_updated_at(mix(row_id, self._salt)) if known is None else known

    def encode(self, row_id: int, revision: Revision | None) -> bytes:
        """The game as compact JSON; one that was added looks like another one of the catalogue."""
        raw = self._raw.get(row_id)
        if raw is None:
            updated_at = revision.updated_at if revision else self.read_updated_at(row_id)
            rest = self._read_row(row_id).partition(b",")[2]
            return b'{"id":%d,%b,"updated_at":%d}' % (row_id, rest[:-1], updated_at)
        if revision is None:
            return raw
        record = msgspec.json.decode(raw, type=dict[str, Any])
        return msgspec.json.encode(record | {"updated_at": revision.updated_at})

    def _pack(self, lines: Iterable[bytes]) -> None:
        compressor = zstandard.ZstdCompressor(level=1)
        rows = iter(lines)
        while block := list(islice(rows, _BLOCK_ROWS)):
            self._ids.extend(int(row[row.index(b":") + 1 : row.index(b",")]) for row in block)
            text = b"".join(block)
            for old, new in _CHANGES:
                text = text.replace(old, new)
            self._blocks.append(compressor.compress(text))

    def _take_raw(self, records: Iterable[dict[str, Any]]) -> set[str]:
        names: set[str] = set()
        for record in records:
            row_id = int(record["id"])
            if contains(self._ids, row_id):
                self._raw[row_id] = msgspec.json.encode(record)
                self._raw_updated_at[row_id] = int(record["updated_at"])
                names |= record.keys()
        return names

    def _unpack(self, number: int) -> list[bytes]:
        return zstandard.ZstdDecompressor().decompress(self._blocks[number]).split(b"\n")

    def _read_row(self, row_id: int) -> bytes:
        at = bisect_left(self._ids, row_id)
        if at == len(self._ids) or self._ids[at] != row_id:
            at = mix(row_id, self._salt) % len(self._ids)
        block, row = divmod(at, _BLOCK_ROWS)
        return self._read_block(block)[row]
