"""One month between reading and writing: a private SQLite database that removes duplicates, sorts and adds up.

It lives in memory while it is small and in an unnamed temporary file when it is not, so that memory stays flat and a
killed process leaves nothing. What a row means is in `events.py`, how tables are written in `outputs.py`.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from platform_assets.core.errors import RefusedError
from platform_assets.tenants.events import BadRecord, Event

CACHE_KIB = 8192
"""Memory that a staging database takes before it goes to disk."""

MICROSECONDS_A_DAY = 86_400_000_000

HIGH = 10**9
"""Amounts are added up as quotient and remainder by it: either sum stays exact in 64 bits."""

_NEVER = -(2**63)  # sorts before every `updated_at`: null does not compare

_COLUMNS = "event_id, customer_id, event_at, event_type, order_id, quantity, amount, updated_at"

_SCHEMA = f"""
CREATE TABLE taken ({_COLUMNS});
CREATE TABLE events ({_COLUMNS});
CREATE TABLE bad (kind, message, record);
CREATE TABLE earlier (customer_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""

# Of the rows with one id the newest stays; which came first must not matter, so everything is compared. Sorting twice
# is faster than keeping an index by id once a month is larger than the cache.
_SETTLE = f"""
INSERT INTO events SELECT {_COLUMNS} FROM (
    SELECT *, row_number() OVER (
        PARTITION BY event_id
        ORDER BY updated_at DESC, event_at DESC, customer_id DESC, event_type DESC, order_id DESC, quantity DESC,
            amount DESC
    ) AS place FROM taken
) WHERE place = 1 ORDER BY event_at, event_id
"""  # noqa: S608 - constants of this module

_EVENTS = f"""
SELECT event_id, nullif(customer_id, ''), event_at, event_type, order_id, quantity, amount, nullif(updated_at, {_NEVER})
FROM events ORDER BY rowid
"""  # noqa: S608 - constants of this module

_TOTALS = f"""
    count(*), coalesce(sum(quantity), 0), coalesce(sum(amount / {HIGH}), 0), coalesce(sum(amount % {HIGH}), 0),
    min(event_at), max(event_at)
"""

_SUMMARY = f"""
SELECT (SELECT count(*) FROM (SELECT 1 FROM events WHERE quantity > 0 GROUP BY order_id)),
    coalesce(sum(customer_id = ''), 0), {_TOTALS}
FROM events
"""  # noqa: S608 - constants of this module

_PROFILES = f"""
SELECT customer_id, count(DISTINCT CASE WHEN quantity > 0 THEN order_id END), {_TOTALS},
    (? - 1 - max(event_at)) / {MICROSECONDS_A_DAY},
    EXISTS (SELECT 1 FROM earlier WHERE earlier.customer_id = events.customer_id)
FROM events WHERE customer_id <> '' GROUP BY customer_id ORDER BY customer_id
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Totals:
    """A month's events added up.

    Attributes:
        events: Events, one per id.
        anonymous: Those without a customer.
        orders: Distinct orders with a positive quantity.
        items: Sum of quantities.
        revenue: Sum of amounts in 1/10,000.
        first_at: Time of the first event, like `Event.event_at`; None if there is none.
        last_at: Time of the last one.
    """

    events: int
    anonymous: int
    orders: int
    items: int
    revenue: int
    first_at: int | None
    last_at: int | None


class Scratch:
    """A SQLite database for one piece of work of one thread: on disk beyond `CACHE_KIB`, gone when closed.

    Args:
        schema: Statements that make its tables.
    """

    def __init__(self, schema: str) -> None:
        self.connection = sqlite3.connect("", isolation_level=None)
        self.connection.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}; "
            f"PRAGMA temp_store = FILE; {schema} BEGIN"
        )

    def read(self, statement: str, rows: int, values: Sequence[object] = ()) -> Iterator[list[Any]]:
        """What the statement answers, `rows` tuples at a time."""
        cursor = self.connection.execute(statement, values)
        while found := cursor.fetchmany(rows):
            yield found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()
        if isinstance(error, sqlite3.OperationalError) and _is_full(error):
            raise RefusedError(
                f"there is no room to sort events ({error}): make free space in the temporary folder or set TMPDIR, "
                "then run it again; nothing was written",
                kind="temporary_folder",
            ) from error


class Staging(Scratch):
    """The events of one month: taken as they come, settled once, then read in order."""

    def __init__(self) -> None:
        super().__init__(_SCHEMA)
        self._added = 0

    def add(self, events: Sequence[Event]) -> None:
        """Takes events, before `settle`."""
        self.connection.executemany(
            f"INSERT INTO taken VALUES (?, ?, ?, ?, ?, ?, ?, coalesce(?, {_NEVER}))",  # noqa: S608 - a constant
            events,
        )
        self._added += len(events)

    def settle(self) -> None:
        """Puts events in order; of those with one id it keeps the one that was changed last, then the later one."""
        self.connection.execute(_SETTLE)
        self.connection.execute("DELETE FROM taken")

    def add_bad(self, records: Iterable[BadRecord]) -> None:
        """Takes rows that are no events."""
        self.connection.executemany(
            "INSERT INTO bad VALUES (?, ?, ?)",
            ((bad.kind, bad.message, bad.record) for bad in records),
        )

    def add_earlier(self, customer_ids: Iterable[str]) -> None:
        """Takes customers that had an event before this month."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO earlier VALUES (?)", ((name,) for name in customer_ids)
        )

    @property
    def added(self) -> int:
        """Events taken, duplicates included."""
        return self._added

    def count_bad(self) -> int:
        """Rows that are no events."""
        return self.connection.execute("SELECT count(*) FROM bad").fetchone()[0]

    def read_bad(self, rows: int) -> Iterator[list[BadRecord]]:
        """Rows that are no events as they came, `rows` at a time."""
        for found in self.read("SELECT kind, message, record FROM bad ORDER BY rowid", rows):
            yield [BadRecord(*row) for row in found]

    def read_events(self, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Settled events by time and id, as tuples in the order of `outputs.EVENTS`, `rows` at a time."""
        return self.read(_EVENTS, rows)

    def read_profiles(self, month_end: int, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Customers by id, as tuples in the order of `outputs.PROFILES`, `rows` at a time.

        Args:
            month_end: First microsecond after the month: recency is counted in days from its last day.
            rows: Customers at a time.
        """
        for found in self.read(_PROFILES, rows, (month_end,)):
            yield [
                (name, events, orders, items, high * HIGH + low, first, last, recency, bool(known))
                for name, orders, events, items, high, low, first, last, recency, known in found
            ]

    def read_totals(self) -> Totals:
        """The month added up."""
        row = self.connection.execute(_SUMMARY).fetchone()
        orders, anonymous, events, items, high, low, first, last = row
        return Totals(events, anonymous, orders, items, high * HIGH + low, first, last)


def _is_full(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
