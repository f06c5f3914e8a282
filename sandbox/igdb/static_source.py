"""A source of rows that are kept in memory as JSON: for the small entities."""

from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox.igdb.hashing import salt_of
from sandbox.igdb.table import Revision


class StaticSource:
    """Rows of one entity.

    Args:
        rows: Records with a whole number `id` each; of two with the same id the later one counts.
        seed: For the checksums of changed rows.

    Attributes:
        fields: Every field of any row.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], seed: int) -> None:
        ordered = sorted(rows, key=lambda row: int(row["id"]))
        self.fields = frozenset(name for row in ordered for name in row)
        self._rows = {int(row["id"]): msgspec.json.encode(row) for row in ordered}
        self._updated_at: dict[int, int | None] = {
            int(row["id"]): row.get("updated_at") for row in ordered
        }
        self._ids = array("q", self._rows)
        self._seed = seed

    def list_ids(self) -> "array[int]":
        """The ids, ascending."""
        return self._ids

    def read_updated_at(self, row_id: int) -> int | None:
        """`updated_at` of the row; of one that was added, as the row that it looks like."""
        return self._updated_at[self._find_model(row_id)]

    def encode(self, row_id: int, revision: Revision | None) -> bytes:
        """The row as compact JSON; a row that was added looks like one of the others."""
        encoded = self._rows[self._find_model(row_id)]
        if revision is None:
            return encoded
        row = msgspec.json.decode(encoded, type=dict[str, Any]) | {"id": row_id}
        checksum = f"{salt_of(self._seed, row_id, revision.number):016x}"
        news = {"updated_at": revision.updated_at, "checksum": checksum}
        return msgspec.json.encode(row | {name: news[name] for name in news if name in row})

    def _find_model(self, row_id: int) -> int:
        return row_id if row_id in self._rows else self._ids[row_id % len(self._ids)]
