"""`process_month`: one tenant-month from its source to its three tables.

    fingerprint -> read, check, stage -> dead letters -> events, profiles, summary -> publish

It blocks, holds nothing in memory that grows with the month, and may be done twice, killed at any point, or woken up
too late: what is published is whole, and it is the bytes of whoever holds the tenant-month. No Dagster, no SQL of the
source's.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol

from platform_assets.core.objects import ObjectStore
from platform_assets.tenants.events import (
    BadEventError,
    BadRecord,
    Event,
    bounds_of,
    describe_bad,
    find_earlier_customer,
    read_customer,
    read_event,
)
from platform_assets.tenants.month_result import MonthResult, make_result
from platform_assets.tenants.outputs import (
    EVENTS,
    PROFILES,
    ROW_GROUP_ROWS,
    SUMMARY,
    TableWriter,
    month_key,
    publish,
    read_summary,
)
from platform_assets.tenants.staging import Staging
from platform_assets.tenants.tenant import TenantMonth

TABLES = ("events", "customer_profiles", "month_summary")
"""Tables of a month in the order in which they are published: who finds the summary finds the others too."""

Row = Mapping[str, object]
Rows = Iterator[list[tuple[Any, ...]]]


class EventSource(Protocol):
    """A tenant's events, wherever they are. Rows are canonical column -> value as the database gave it."""

    def fingerprint(self, month: str) -> str | None:
        """A text that changes when the month's events do; None if the source cannot tell."""
        ...

    def read(self, month: str, slice_records: int) -> Generator[Sequence[Row]]:
        """All rows of the month, at most `slice_records` at a time, in any order.

        Where times are texts: all rows that are written as of the month, and those near it whose time names a zone.
        Rows whose time can be of no month at all belong to the last month that has events.

        Raises:
            TransientError: The source is away.
            PermanentError: It cannot be read as it is configured.
        """
        ...

    def returning(self, month: str) -> Generator[object]:
        """Customer ids of the month that have an event before it, rows that only `read` can judge left out.

        Raises:
            TransientError: The source is away.
            PermanentError: It cannot be read as it is configured.
        """
        ...


class DeadLetterSink(Protocol):
    """Where bad records are kept."""

    def replace(self, tenant: str, month: str) -> None:
        """Removes what is kept of the tenant-month."""
        ...

    def add(self, tenant: str, month: str, bad: Sequence[BadRecord]) -> None:
        """Keeps records."""
        ...


def process_month(  # noqa: PLR0913 - what the work needs; options go by name
    tenant_id: str,
    month: str,
    source: EventSource,
    objects: ObjectStore,
    letters: DeadLetterSink,
    *,
    check_held: Callable[[], None],
    last: TenantMonth | None,
    force: bool = True,
    slice_records: int = 1000,
    chunk_records: int = 50,
) -> MonthResult:
    """Reads a month's events and replaces its three tables and its dead letters. Thread-safe; blocks.

    Args:
        tenant_id: The tenant.
        month: `YYYY-MM`.
        source: Its events.
        objects: Where the tables go.
        letters: Where bad records go.
        check_held: Raises `LeaseLostError` when the tenant-month is somebody else's by now; asks the state database.
        last: The month's state before this attempt; None if there is none.
        force: Whether to do it although the source has not changed since `last`.
        slice_records: Most rows per read.
        chunk_records: Records per write.

    Raises:
        TransientError: The source or a store is away, or the lease was lost.
        PermanentError: The source cannot be read as it is configured.
        RefusedError: A store or the temporary folder cannot be written.
    """
    work = _Month(tenant_id, month, source, objects, letters, check_held)
    watermark = source.fingerprint(month)
    if not force and (found := work.find_unchanged(watermark, last)) is not None:
        return found
    with Staging() as staging:
        work.stage(staging, slice_records, chunk_records)
        work.store_letters(staging, chunk_records)
        return work.publish(staging, watermark)


class _Month:
    """One call of `process_month`."""

    def __init__(
        self,
        tenant_id: str,
        month: str,
        source: EventSource,
        objects: ObjectStore,
        letters: DeadLetterSink,
        check_held: Callable[[], None],
    ) -> None:
        self._tenant_id = tenant_id
        self._month = month
        self._source = source
        self._objects = objects
        self._letters = letters
        self._check_held = check_held
        self._heads = {
            key: objects.head(key) for key in (month_key(tenant_id, month, t) for t in TABLES)
        }

    def find_unchanged(self, watermark: str | None, last: TenantMonth | None) -> MonthResult | None:
        """The result of last time, if the source is as it was then and all tables are those of then.

        The summary is written last: a table that is newer than it was written by an attempt that did not end.
        """
        heads = [head for head in self._heads.values() if head is not None]
        if watermark is None or last is None or last.watermark != watermark:
            return None
        if (
            len(heads) < len(TABLES)
            or max(head.modified_at for head in heads) > heads[-1].modified_at
        ):
            return None
        row = read_summary(self._objects, self._tenant_id, self._month)
        size = sum(head.size_bytes for head in heads)
        return make_result(row, watermark, size, unchanged=True)

    def stage(self, staging: Staging, slice_records: int, chunk_records: int) -> None:
        """Reads the whole month into the staging database."""
        with closing(self._source.read(self._month, slice_records)) as slices:
            for rows in slices:
                self._check_held()
                for start in range(0, len(rows), chunk_records):
                    self._stage_chunk(staging, rows[start : start + chunk_records])
        if not staging.added:
            return
        staging.settle()
        with closing(self._source.returning(self._month)) as found:
            while customers := list(islice(found, slice_records)):
                staging.add_earlier(filter(None, map(read_customer, customers)))

    def store_letters(self, staging: Staging, chunk_records: int) -> None:
        """Replaces the month's dead letters by those of this reading."""
        self._check_held()
        self._letters.replace(self._tenant_id, self._month)
        for records in staging.read_bad(chunk_records):
            self._check_held()
            self._letters.add(self._tenant_id, self._month, records)

    def publish(self, staging: Staging, watermark: str | None) -> MonthResult:
        """Writes the three tables and puts them in place."""
        end = bounds_of(self._month).end
        etags = {key: head.etag if head else None for key, head in self._heads.items()}
        with TableWriter(f"{self._tenant_id} {self._month}") as writer:
            events = writer.write(EVENTS, staging.read_events(ROW_GROUP_ROWS))
            customers = _Customers(staging.read_profiles(end, ROW_GROUP_ROWS))
            profiles = writer.write(PROFILES, customers)
            row = self._summarise(staging, customers)
            summary = writer.write(SUMMARY, [[tuple(row.values())]])
            contents = dict(zip(etags, (events, profiles, summary), strict=True))
            size = publish(self._objects, contents, etags, self._check_held)
        row["revenue"] = Decimal(row["revenue"]).scaleb(-4)
        return make_result(row, watermark, size, unchanged=False)

    def _stage_chunk(self, staging: Staging, rows: Sequence[Row]) -> None:
        events: list[Event] = []
        bad: list[BadRecord] = []
        earlier: list[str] = []
        for row in rows:
            try:
                event = read_event(row, self._month)
            except BadEventError as error:
                bad.append(describe_bad(row, error))
                continue
            if event is not None:
                events.append(event)
            elif customer := find_earlier_customer(row, self._month):
                earlier.append(customer)
        staging.add(events)
        staging.add_bad(bad)
        staging.add_earlier(earlier)

    def _summarise(self, staging: Staging, customers: "_Customers") -> dict[str, Any]:
        """The row of the summary, in the order of its columns; revenue in 1/10,000."""
        totals = staging.read_totals()
        return {
            "tenant_id": self._tenant_id,
            "month": self._month,
            "events": totals.events,
            "duplicates": staging.added - totals.events,
            "failed_records": staging.count_bad(),
            "anonymous_events": totals.anonymous,
            "customers": customers.count,
            "new_customers": customers.count - customers.returning,
            "returning_customers": customers.returning,
            "orders": totals.orders,
            "items": totals.items,
            "revenue": totals.revenue,
            "first_event_at": totals.first_at,
            "last_event_at": totals.last_at,
        }


class _Customers:
    """Rows of profiles on their way into the file, counted."""

    def __init__(self, groups: Rows) -> None:
        self._groups = groups
        self.count = 0
        self.returning = 0

    def __iter__(self) -> Rows:
        for rows in self._groups:
            self.count += len(rows)
            self.returning += sum(row[-1] for row in rows)
            yield rows
