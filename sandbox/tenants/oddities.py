"""What is odd about some events: rows that break a rule or come twice, and unusual but good ones. Pure.

Each kind is a function from a good row and drawn bits to the rows that are written in its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sandbox.tenants.events import CANCELLATION, Event
from sandbox.tenants.months import add_minutes
from sandbox.tenants.truth import UNIT


class OddKind(StrEnum):
    """Kinds; the words are those of `truth.json`."""

    NULL_ID = "null_id"
    BLANK_ID = "blank_id"
    NO_SUCH_DAY = "no_such_day"
    UNPADDED_DATE = "unpadded_date"
    NAN_AMOUNT = "nan_amount"
    WORD_QUANTITY = "word_quantity"
    ANONYMOUS = "anonymous"
    CANCELLED = "cancelled"
    COPIED = "copied"
    RESTATED = "restated"


TYPED = tuple(
    kind
    for kind in OddKind
    if kind not in {OddKind.NO_SUCH_DAY, OddKind.UNPADDED_DATE, OddKind.WORD_QUANTITY}
)
"""Kinds that a table with real column types can hold: no broken dates, no words for numbers."""


@dataclass(frozen=True, slots=True)
class Odd:
    """What is written for an event.

    Attributes:
        rows: In the order of writing.
        units: Amount of the row that counts, in 1/10,000; None when the event is bad.
    """

    rows: tuple[Event, ...]
    units: int | None


def make_odd(kind: OddKind, event: Event, drawn: int) -> Odd:
    """Rows in place of a good one.

    Args:
        kind: What is odd.
        event: The good row.
        drawn: Random bits.
    """
    if kind in _BROKEN:
        return Odd((_BROKEN[kind](event, drawn),), None)
    rows = _VALID[kind](event, drawn)
    winner = max(rows, key=lambda row: row.updated_at or "")
    return Odd(rows, int(Decimal(winner.amount) * UNIT))


def _break_day(event: Event, _: int) -> Event:
    return event._replace(event_at=f"{event.event_at[:7]}-32{event.event_at[10:]}")


def _unpad(event: Event, drawn: int) -> tuple[Event, ...]:
    """A date as careless programs write it: `2024-1-5`. The day has one digit, or December's would be padded."""
    year, month = event.event_at[:4], int(event.event_at[5:7])
    return (event._replace(event_at=f"{year}-{month}-{1 + drawn % 9}{event.event_at[10:]}"),)


def _cancel(event: Event, _: int) -> tuple[Event, ...]:
    pieces = -int(event.quantity)
    return (event._replace(event_type=CANCELLATION, quantity=pieces, amount=f"-{event.amount}"),)


def _restate(event: Event, drawn: int) -> tuple[Event, ...]:
    """The event and one or two later versions with other amounts, the newest first half of the time."""
    rows = [event]
    for version in range(1, 2 + (drawn & 1)):
        amount = Decimal(event.amount) + Decimal(version * (1 + (drawn >> 1) % 500)) / 100
        updated_at = add_minutes(event.event_at, version * (1 + (drawn >> 10) % 25))
        rows.append(event._replace(amount=f"{amount:.2f}", updated_at=updated_at))
    return tuple(rows if drawn & 2 else reversed(rows))


_BROKEN: dict[OddKind, Callable[[Event, int], Event]] = {
    OddKind.NULL_ID: lambda event, _: event._replace(event_id=None),
    OddKind.BLANK_ID: lambda event, _: event._replace(event_id=""),
    OddKind.NO_SUCH_DAY: _break_day,
    OddKind.NAN_AMOUNT: lambda event, _: event._replace(amount="NaN"),
    OddKind.WORD_QUANTITY: lambda event, _: event._replace(quantity="some"),
}
_VALID: dict[OddKind, Callable[[Event, int], tuple[Event, ...]]] = {
    OddKind.ANONYMOUS: lambda event, _: (event._replace(customer_id=None),),
    OddKind.CANCELLED: _cancel,
    OddKind.UNPADDED_DATE: _unpad,
    OddKind.COPIED: lambda event, drawn: (event,) * (2 + drawn % 2),
    OddKind.RESTATED: _restate,
}
