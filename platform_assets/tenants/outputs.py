# pyright: standard, reportAttributeAccessIssue=false
"""The tables of a tenant in the object store: their keys and columns, how they are written, how they are published.

Same rows, same bytes: the order is the reader's, row groups have one size, no clock is asked. Numbers come in as
Python integers: times in microseconds of wall time, money in 1/10,000.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.errors import RefusedError
from platform_assets.core.object_keys import join_key
from platform_assets.core.objects import ObjectChangedError, ObjectInfo, ObjectStore

ROW_GROUP_ROWS = 8192
"""Rows per row group: a few megabytes while they are written."""

_TIME = pa.timestamp("us")
_MONEY = pa.decimal128(18, 4)
_REVENUE = pa.decimal128(38, 4)
_UNSCALED = pa.decimal128(38, 0)
_REPEATED = ("customer_id", "event_type", "rfm", "segment")
_PUBLISH_TRIES = 10

Content = bytes | Path
"""A written table: its bytes, or the file that holds them."""


def _schema(columns: Mapping[str, pa.DataType], *, optional: Sequence[str] = ()) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=name in optional) for name, kind in columns.items()]
    )


EVENTS = _schema(
    {
        "event_id": pa.string(),
        "customer_id": pa.string(),
        "event_at": _TIME,
        "event_type": pa.string(),
        "order_id": pa.string(),
        "quantity": pa.int64(),
        "amount": _MONEY,
        "updated_at": _TIME,
    },
    optional=("customer_id", "updated_at"),
)
"""Events by time and id; times are wall time in the platform's zone."""

PROFILES = _schema(
    {
        "customer_id": pa.string(),
        "events": pa.int64(),
        "orders": pa.int64(),
        "items": pa.int64(),
        "revenue": _REVENUE,
        "first_event_at": _TIME,
        "last_event_at": _TIME,
        "recency_days": pa.int64(),
        "returning": pa.bool_(),
    }
)
"""Customers of a month by id. `recency_days`: from the last event to the month's last day; `returning`: had an event
before the month."""

SUMMARY = _schema(
    {
        "tenant_id": pa.string(),
        "month": pa.string(),
        "events": pa.int64(),
        "duplicates": pa.int64(),
        "failed_records": pa.int64(),
        "anonymous_events": pa.int64(),
        "customers": pa.int64(),
        "new_customers": pa.int64(),
        "returning_customers": pa.int64(),
        "orders": pa.int64(),
        "items": pa.int64(),
        "revenue": _REVENUE,
        "first_event_at": _TIME,
        "last_event_at": _TIME,
    },
    optional=("first_event_at", "last_event_at"),
)
"""One row per tenant-month."""

CUSTOMERS = _schema(
    {
        "customer_id": pa.string(),
        "first_event_at": _TIME,
        "last_event_at": _TIME,
        "months_active": pa.int64(),
        "events": pa.int64(),
        "orders": pa.int64(),
        "items": pa.int64(),
        "revenue": _REVENUE,
        "recency_days": pa.int64(),
        "r_score": pa.int8(),
        "f_score": pa.int8(),
        "m_score": pa.int8(),
        "rfm": pa.string(),
        "segment": pa.string(),
    }
)
"""Customers of a tenant by id, over all months; scores and segments are explained in `segments.py`."""


def month_key(tenant_id: str, month: str, table: str) -> str:
    """Object key of a table of a tenant-month: `events`, `customer_profiles` or `month_summary`."""
    return join_key("tenants", tenant_id, month, f"{table}.parquet")


def customers_key(tenant_id: str) -> str:
    """Object key of a tenant's table of customers."""
    return join_key("tenants", tenant_id, "customers.parquet")


class TableWriter:
    """Writes tables before they are published: small ones to memory, larger ones to files that are removed at the end.

    Args:
        what: What is written, for the message of an error.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._folders = ExitStack()

    def write(self, schema: pa.Schema, groups: Iterable[Sequence[tuple[Any, ...]]]) -> Content:
        """The Parquet file of the rows: its bytes if they are one row group, else where it is.

        Args:
            schema: One of this module's.
            groups: Rows as tuples, in groups of `ROW_GROUP_ROWS`; the last may be smaller.

        Raises:
            RefusedError: kind `temporary_folder`: it cannot be written.
        """
        groups = iter(groups)
        first = next(groups, ())
        if len(first) < ROW_GROUP_ROWS:
            buffer = pa.BufferOutputStream()
            _write_groups(buffer, schema, [first] if first else [])
            return buffer.getvalue().to_pybytes()
        try:
            folder = self._folders.enter_context(tempfile.TemporaryDirectory(prefix="sluice-"))
            path = Path(folder) / "table.parquet"
            _write_groups(path, schema, chain([first], groups))
        except OSError as error:
            raise RefusedError(
                f"{self._what} could not be written to {tempfile.gettempdir()} ({error}): make free space there or set "
                "TMPDIR, then run it again; what was published stays as it was",
                kind="temporary_folder",
            ) from error
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folders.close()


def read_summary(objects: ObjectStore, tenant_id: str, month: str) -> Mapping[str, Any]:
    """The one row of a tenant-month's summary.

    Raises:
        ObjectMissingError: There is none.
    """
    data = objects.get(month_key(tenant_id, month, "month_summary"))
    return pq.read_table(io.BytesIO(data), use_threads=False).to_pylist()[0]


def unscale(column: pa.ChunkedArray) -> list[int]:
    """A column of money as integers of 1/10,000."""
    return [
        int(value) for chunk in column.chunks for value in _rescale(chunk, _UNSCALED).to_pylist()
    ]


def publish(
    objects: ObjectStore,
    contents: Mapping[str, Content],
    etags: Mapping[str, str | None],
    check_held: Callable[[], None],
) -> int:
    """Replaces objects, each whole or not at all, in the order given; their bytes together.

    An object that somebody else wrote since the etags were read is only replaced after asking again who holds the
    work: whoever holds it writes last, so its bytes stay.

    Args:
        objects: The store.
        contents: Object key -> bytes or file.
        etags: Object key -> etag that the object had when the work began.
        check_held: Raises when the work is somebody else's by now. It must ask the state database: a process that was
            asleep does not know by itself.

    Raises:
        LeaseLostError: The work is somebody else's.
        ObjectChangedError: An object was replaced again and again.
    """
    check_held()
    return sum(
        _publish_one(objects, key, content, etags[key], check_held).size_bytes
        for key, content in contents.items()
    )


def _publish_one(
    objects: ObjectStore,
    key: str,
    content: Content,
    etag: str | None,
    check_held: Callable[[], None],
) -> ObjectInfo:
    for _ in range(_PUBLISH_TRIES - 1):
        try:
            return _put(objects, key, content, etag)
        except ObjectChangedError:
            found = objects.head(
                key
            )  # before asking: what another one writes after the answer is noticed
            etag = found.etag if found else None
            check_held()
    return _put(objects, key, content, etag)


def _put(objects: ObjectStore, key: str, content: Content, etag: str | None) -> ObjectInfo:
    if isinstance(content, bytes):
        return objects.put_if(key, content, etag)
    return objects.put_file(key, content, etag=etag)


def _write_groups(
    sink: Path | pa.NativeFile, schema: pa.Schema, groups: Iterable[Sequence[tuple[Any, ...]]]
) -> None:
    # A dictionary of what hardly repeats takes time and room.
    repeated: Any = [name for name in _REPEATED if name in schema.names]
    with pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=repeated) as writer:
        for rows in groups:
            columns = [
                _column(values, field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            table = pa.Table.from_arrays(columns, schema=schema)
            writer.write_table(table, row_group_size=len(rows))


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == _MONEY:
        return _rescale(pa.array(values, pa.int64()).cast(pa.decimal128(19, 0)), kind)
    if kind == _REVENUE:
        return _rescale(pa.array(map(Decimal, values), _UNSCALED), kind)
    return pa.array(values, kind)


def _rescale(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The same 128-bit integers under another scale: exact, and no number is looked at."""
    return pa.Array.from_buffers(
        kind, len(column), column.buffers(), column.null_count, column.offset
    )
