# pyright: standard, reportAttributeAccessIssue=false
"""`build_customers`: one row per customer of a tenant over all of its months, with RFM scores and a segment.

It adds up the months' profiles in the object store; no source is asked. An order that spans two months counts in both,
as it does in their profiles. The day that recency is counted to is the tenant's last event, not today: same months,
same bytes. Scores and segments are explained in `segments.py`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import join_key
from platform_assets.core.objects import ObjectStore
from platform_assets.tenants.outputs import (
    CUSTOMERS,
    ROW_GROUP_ROWS,
    TableWriter,
    customers_key,
    month_key,
    publish,
    read_summary,
    unscale,
)
from platform_assets.tenants.segments import name_segment, score_sql
from platform_assets.tenants.staging import HIGH, MICROSECONDS_A_DAY, Scratch
from platform_assets.tenants.values import count_microseconds

_MONTH = re.compile(r"/(\d{4}-\d{2})/(customer_profiles|month_summary)\.parquet$", re.ASCII)

_SCHEMA = """
CREATE TABLE customers (
    customer_id TEXT PRIMARY KEY, first_at INTEGER, last_at INTEGER, months INTEGER, events INTEGER, orders INTEGER,
    items INTEGER, high INTEGER, low INTEGER
) WITHOUT ROWID;
"""

_ADD = f"""
INSERT INTO customers VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)
ON CONFLICT (customer_id) DO UPDATE SET
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at), months = months + 1,
    events = events + excluded.events, orders = orders + excluded.orders, items = items + excluded.items,
    high = high + excluded.high + (low + excluded.low) / {HIGH}, low = (low + excluded.low) % {HIGH}
"""  # noqa: S608 - constants

_SCORED = f"""
WITH dated AS (SELECT *, (? - 1 - last_at) / {MICROSECONDS_A_DAY} AS recency FROM customers)
SELECT customer_id, first_at, last_at, months, events, orders, items, high, low, recency,
    {score_sql("recency DESC")}, {score_sql("orders")}, {score_sql("high, low")}
FROM dated ORDER BY customer_id
"""  # noqa: S608 - constants

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CustomersResult:
    """What building a tenant's customers came to.

    Attributes:
        customers: Rows of the table.
        months: Months that it was built from.
        segments: Segment -> customers; segments without any are left out.
        bytes: Size of the table.
    """

    customers: int
    months: int
    segments: Mapping[str, int]
    bytes: int


def _take_anyway() -> None:
    """Nobody else has to be asked."""


def build_customers(
    tenant_id: str, objects: ObjectStore, *, check_held: Callable[[], None] = _take_anyway
) -> CustomersResult:
    """Replaces a tenant's table of customers by one built from all of its months. Thread-safe; blocks.

    Args:
        tenant_id: The tenant.
        objects: Where its months are, and where the table goes.
        check_held: Raises when the work is somebody else's by now.

    Raises:
        PermanentError: kind `no_months`: no month of it has been processed.
        TransientError: The store is away, or a month was replaced while it was read.
        RefusedError: The store or the temporary folder cannot be written.
    """
    key = customers_key(tenant_id)
    head = objects.head(key)
    months = list_processed_months(tenant_id, objects)
    if not months:
        raise PermanentError(
            f"{tenant_id} has no processed month yet: materialize tenants/events for one first",
            kind="no_months",
        )
    segments: Counter[str] = Counter()
    with Scratch(_SCHEMA) as scratch, TableWriter(f"customers of {tenant_id}") as writer:
        for month in months:
            for rows in _read_profiles(objects, month_key(tenant_id, month, "customer_profiles")):
                scratch.connection.executemany(_ADD, rows)
        end = _find_end(tenant_id, objects, months)
        content = writer.write(CUSTOMERS, _name_rows(scratch, end, segments))
        etags = {key: head.etag if head else None}
        size = publish(objects, {key: content}, etags, check_held)
    return CustomersResult(segments.total(), len(months), dict(segments), size)


def list_processed_months(tenant_id: str, objects: ObjectStore) -> list[str]:
    """Months that have profiles and, written after them, a summary; oldest first."""
    found: Counter[str] = Counter()
    for info in objects.list(join_key("tenants", tenant_id) + "/"):
        if match := _MONTH.search(info.key):
            found[match[1]] += 1
    return sorted(month for month, tables in found.items() if tables == 2)


def _read_profiles(objects: ObjectStore, key: str) -> Iterator[Iterable[Row]]:
    with objects.open_read(key) as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP_ROWS, use_threads=False):
            table = pa.Table.from_batches([batch])
            revenue = [divmod(value, HIGH) for value in unscale(table["revenue"])]
            yield zip(
                table["customer_id"].to_pylist(),
                table["first_event_at"].cast(pa.int64()).to_pylist(),
                table["last_event_at"].cast(pa.int64()).to_pylist(),
                table["events"].to_pylist(),
                table["orders"].to_pylist(),
                table["items"].to_pylist(),
                (high for high, _ in revenue),
                (low for _, low in revenue),
                strict=True,
            )


def _find_end(tenant_id: str, objects: ObjectStore, months: list[str]) -> int:
    """The first microsecond after the day of the tenant's last event, whoever's it was."""
    for month in reversed(months):
        if last := read_summary(objects, tenant_id, month)["last_event_at"]:
            return (count_microseconds(last) // MICROSECONDS_A_DAY + 1) * MICROSECONDS_A_DAY
    return 0


def _name_rows(scratch: Scratch, end: int, segments: Counter[str]) -> Iterator[list[Row]]:
    """Customers by id with their segments, which are counted on the way."""
    for rows in scratch.read(_SCORED, ROW_GROUP_ROWS, (end,)):
        named: list[Row] = []
        for *columns, high, low, recency, r, f, m in rows:
            segment = name_segment(r, f, m)
            segments[segment] += 1
            money = high * HIGH + low
            named.append((*columns, money, recency, r, f, m, f"{r}{f}{m}", segment))
        yield named
