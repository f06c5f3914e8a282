# pyright: standard, reportAttributeAccessIssue=false
"""Snapshots and changes as Parquet. Same rows, same bytes: rows come in by product id, and no clock is asked."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.errors import PermanentError
from platform_assets.products.changes import Change
from platform_assets.products.product import ProductSnapshot

T = TypeVar("T")

_TIME = pa.timestamp("us", tz="UTC")

_DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError)
"""What comes of a file with wrong bytes in it: seen with 7,000 such files. A row that is no value is a ValueError."""


def _schema(columns: Mapping[str, pa.DataType], *, optional: Sequence[str]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=name in optional) for name, kind in columns.items()]
    )


SNAPSHOTS = _schema(
    {
        "platform": pa.string(),
        "product_id": pa.string(),
        "name": pa.string(),
        "brand": pa.string(),
        "original_price": pa.int64(),
        "discounted_price": pa.int64(),
        "currency": pa.string(),
        "sale_status": pa.string(),
        "rating": pa.float64(),
        "review_count": pa.int64(),
        "url": pa.string(),
        "scanned_at": _TIME,
        "notes": pa.list_(pa.string()),
    },
    optional=(
        "name",
        "brand",
        "original_price",
        "discounted_price",
        "rating",
        "review_count",
        "notes",
    ),
)
"""One row per product, by id; what the columns mean is `ProductSnapshot`. Older files have no notes."""

CHANGES = _schema(
    {
        "platform": pa.string(),
        "product_id": pa.string(),
        "kind": pa.string(),
        "field": pa.string(),
        "before": pa.string(),
        "after": pa.string(),
        "scanned_at": _TIME,
        "previous_at": _TIME,
    },
    optional=("before", "after", "previous_at"),
)
"""One row per change, by product id and time; what the columns mean is `Change`."""


def write_snapshots(snapshots: Iterable[ProductSnapshot]) -> bytes:
    """A file of `SNAPSHOTS`."""
    ordered = sorted(snapshots, key=lambda each: each.product_id)
    return _write([_to_row(each) for each in ordered], SNAPSHOTS)


def read_snapshots(data: bytes, url: str) -> list[ProductSnapshot]:
    """The snapshots of a file.

    Args:
        data: Its content.
        url: Names it in an error.

    Raises:
        PermanentError: kind `bad_table`: the file is damaged.
    """
    return _read(data, SNAPSHOTS, list[ProductSnapshot], url)


def write_changes(changes: Iterable[Change]) -> bytes:
    """A file of `CHANGES`."""
    ordered = sorted(
        changes, key=lambda each: (each.product_id, each.scanned_at, each.kind, each.field)
    )
    return _write([asdict(each) for each in ordered], CHANGES)


def read_changes(data: bytes, url: str) -> list[Change]:
    """The changes of a file. Raises as `read_snapshots` does."""
    return _read(data, CHANGES, list[Change], url)


def _to_row(snapshot: ProductSnapshot) -> dict[str, Any]:
    row = msgspec.structs.asdict(snapshot)
    return {**row, "notes": list(snapshot.notes) or None}


def _write(rows: list[dict[str, Any]], schema: pa.Schema) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), file, compression="zstd")
    return file.getvalue()


def _without_null_notes(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "notes" or value is not None}


def _read(data: bytes, schema: pa.Schema, rows: type[T], url: str) -> T:
    try:
        table = pq.read_table(io.BytesIO(data), schema=schema)
        found = [_without_null_notes(row) for row in table.to_pylist()]
        return msgspec.convert(found, rows)
    except _DAMAGE as error:
        raise PermanentError(
            f"{url} cannot be read as a table of products ({error}): move it away and run its batch again",
            kind="bad_table",
        ) from error
