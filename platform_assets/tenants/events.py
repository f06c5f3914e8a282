"""The canonical event: what a row of a tenant's source must hold, and how it becomes an `Event`.

Pure: a row in, an event or a reason out. How a source is read is in `resources/event_databases/source.py`; how single
values are read is in `values.py`. Times without a zone count as written; times with one are turned to the platform's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from platform_assets.core.months import add_months, month_start
from platform_assets.core.times import YEARS, find_month, read_time
from platform_assets.tenants.values import (
    BadEventError,
    count_microseconds,
    read_amount,
    read_quantity,
    read_text,
)

CANONICAL: Mapping[str, str] = {
    "event_id": "Names the event; of several rows with one id the newest counts. Required.",
    "customer_id": "Who; empty for an anonymous event.",
    "event_at": "When: a timestamp, ISO 8601 text, a number since 1970, or another form that is read. Required.",
    "event_type": "What; `purchase` if it is not given.",
    "order_id": "Orders are counted by it; the event's id if it is not given.",
    "quantity": "Whole number, negative for a cancellation; 1 if it is not given.",
    "amount": "Money, negative for a cancellation; 0 if it is not given.",
    "updated_at": "When the row was last changed: the newest of the rows with one id counts.",
}
"""Columns of a source, each with what it means."""

REQUIRED = ("event_id", "event_at")
"""Columns that a source must have."""

ID_LENGTH = 200
"""Characters of an id at most."""

TYPE_LENGTH = 100
"""Characters of an event's type at most."""

DEFAULT_TYPE = "purchase"

_SHOWN_CHARACTERS = 1000
_YEARS = frozenset(YEARS)


class Event(NamedTuple):
    """One valid event. A tuple, not a dataclass: millions go straight into a table.

    Attributes:
        event_id: Its id.
        customer_id: Who; empty for an anonymous event.
        event_at: Microseconds since 1970 of the wall time in the platform's zone.
        event_type: What.
        order_id: The order that it belongs to.
        quantity: Pieces; negative for a cancellation.
        amount: Money in 1/10,000; negative for a cancellation.
        updated_at: When the row was changed, like `event_at`; None where the source does not say.
    """

    event_id: str
    customer_id: str
    event_at: int
    event_type: str
    order_id: str
    quantity: int
    amount: int
    updated_at: int | None


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A row that is no event.

    Attributes:
        kind: Stable word for the reason.
        message: What is wrong with which value.
        record: The row as JSON, long values cut.
    """

    kind: str
    message: str
    record: str


class MonthBounds(NamedTuple):
    """Where a month begins and ends, in microseconds like `Event.event_at`: its first one, and the first after it."""

    start: int
    end: int


@lru_cache(maxsize=4096)
def bounds_of(month: str) -> MonthBounds:
    """The bounds of a month `YYYY-MM`."""
    start = month_start(month).replace(tzinfo=None)
    end = month_start(add_months(month, 1)).replace(tzinfo=None)
    return MonthBounds(count_microseconds(start), count_microseconds(end))


def read_event(row: Mapping[str, object], month: str) -> Event | None:
    """The event of a row of the month; None for a row that another month's reading takes.

    A source that keeps times as text is asked for a little more than the month (see `EventSource.read`). A row is
    either taken by exactly one month or bad in exactly one: the one that it is written as of, or, where it names none,
    the one that it was found in.

    Args:
        row: Canonical column -> value as the database gave it; a missing one is like None.
        month: `YYYY-MM`.

    Raises:
        BadEventError: kinds `bad_event_at`, `outside_month`, `missing_event_id`, `bad_text`, `too_long`,
            `bad_quantity`, `bad_amount`, `bad_updated_at`.
    """
    event_at = _read_event_at(row.get("event_at"), month)
    if event_at is None:
        return None
    event_id = read_text(row.get("event_id"), "event_id", ID_LENGTH)
    if not event_id:
        raise BadEventError("missing_event_id", "event_id is empty; every event needs one")
    return Event(
        event_id,
        read_text(row.get("customer_id"), "customer_id", ID_LENGTH),
        event_at,
        read_text(row.get("event_type"), "event_type", TYPE_LENGTH) or DEFAULT_TYPE,
        read_text(row.get("order_id"), "order_id", ID_LENGTH) or event_id,
        read_quantity(row.get("quantity")),
        read_amount(row.get("amount")),
        _read_updated_at(row.get("updated_at")),
    )


def find_earlier_customer(row: Mapping[str, object], month: str) -> str | None:
    """The customer of a row that lies before the month; None if it does not, or names no customer."""
    moment = read_time(row.get("event_at"))
    if moment is None or count_microseconds(moment) >= bounds_of(month).start:
        return None
    return read_customer(row.get("customer_id"))


def read_customer(value: object) -> str | None:
    """A customer's id as events have it; None for none, or for a value that no event can have."""
    try:
        return read_text(value, "customer_id", ID_LENGTH) or None
    except BadEventError:
        return None


def describe_bad(row: Mapping[str, object], error: BadEventError) -> BadRecord:
    """The dead letter of a row."""
    shown = {name: _show(value) for name, value in row.items()}
    text = json.dumps(shown, ensure_ascii=False, default=str)
    # Half of a surrogate pair stands for a byte that is no UTF-8; it becomes `\\udcff`.
    return BadRecord(error.kind, error.message, text.encode("utf-8", "backslashreplace").decode())


def _read_event_at(value: object, month: str) -> int | None:
    """The event's time; None if the row is another month's to take or to refuse."""
    moment = read_time(value)
    bounds = bounds_of(month)
    if moment is not None:
        event_at = count_microseconds(moment)
        if bounds.start <= event_at < bounds.end:
            return event_at
        if find_month(value) is not None and f"{moment.year:04}" in _YEARS:
            return None
        raise BadEventError(
            "outside_month",
            f"event_at {str(value)[:60]!r} is {moment.isoformat()} here, which no month can hold; correct the row",
        )
    if find_month(value) in {month, None}:
        raise BadEventError(
            "bad_event_at",
            f"event_at {str(value)[:60]!r} is no time; write ISO 8601, such as 2024-01-31 10:00:00",
        )
    return None


def _read_updated_at(value: object) -> int | None:
    if value is None or value == "":
        return None
    moment = read_time(value)
    if moment is None:
        raise BadEventError(
            "bad_updated_at",
            f"updated_at {str(value)[:60]!r} is no time; write ISO 8601, such as 2024-01-31 10:00:00",
        )
    return count_microseconds(moment)


def _show(value: object) -> object:
    """A value that fits JSON and a dead letter."""
    if isinstance(value, bytes | bytearray | memoryview):
        value = f"bytes {bytes(value[:_SHOWN_CHARACTERS]).hex()}"
    elif not isinstance(value, str | int | float | None):
        value = str(value)
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return f"{value[:_SHOWN_CHARACTERS]}... ({len(value)} characters)"
    return value
