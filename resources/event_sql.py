"""The questions that a tenant's table of events is asked, as SQL for any dialect. Pure: no connection is made.

    month       rows of a month; where times are texts, also those around it whose time names a zone
    unplaced    rows whose time is of no month at all, asked with the last month that has events
    earlier     customers of the month who have an event before it
    fingerprint count, newest time and newest change of a month

Times are native (bounds as datetimes, exact) or texts (bounds as texts: they sort by time when they are ISO 8601).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Select,
    TableClause,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
)

from platform_assets.core.months import add_months, month_start

COLUMNS = (
    "event_id",
    "customer_id",
    "event_at",
    "event_type",
    "order_id",
    "quantity",
    "amount",
    "updated_at",
)
"""The canonical columns of an event (`platform_assets/tenants/events.py` says what they mean), in reading order."""

REQUIRED = ("event_id", "event_at")
"""Those that a table must have."""

Statement = Select[*tuple[Any, ...]]

_FIRST = datetime(1000, 1, 1)  # noqa: DTZ001 - earlier times are of no month
_LAST = datetime(3000, 1, 1)  # noqa: DTZ001 - and so are later ones
_ZONE_SIGNS = ("%z%", "%Z%", "%+%", "%-%")
_AFTER_DAY = 12  # the zone stands somewhere behind `YYYY-MM-DDT`


class TimeKind(StrEnum):
    """How a table keeps `event_at`."""

    TEXT = "text"
    COLLATED = "collated text"
    NAIVE = "timestamp"
    AWARE = "timestamp with time zone"


@dataclass(frozen=True, slots=True)
class EventTable:
    """A table of events as it was found.

    Attributes:
        name: Its name.
        schema: Its schema; None for the default one.
        columns: Canonical column -> the table's own name; those that it does not have are missing.
        time: How it keeps `event_at`.
    """

    name: str
    schema: str | None
    columns: Mapping[str, str]
    time: TimeKind


@dataclass(frozen=True, slots=True)
class EventStatements:
    """Statements over one table; each takes the values of `bind_month`.

    Attributes:
        names: Canonical columns in the order in which `month` and `unplaced` answer them.
        month: Rows of a month.
        unplaced: Rows that no month can hold, if this is the last month that has events.
        earlier: Customers of the month with an event before it; None if there is no customer column.
        fingerprint: One row: count, newest `event_at`, newest `updated_at` (null if there is no such column).
    """

    names: tuple[str, ...]
    month: Statement
    unplaced: Statement
    earlier: Statement | None
    fingerprint: Statement


def build_statements(events: EventTable) -> EventStatements:
    """The statements for a table; build them once and use them for every month."""
    build = _Builder(events)
    names = tuple(name for name in COLUMNS if name in events.columns)
    return EventStatements(
        names, build.month(names), build.unplaced(names), build.earlier(), build.fingerprint()
    )


def build_dump(name: str) -> Statement:
    """All rows and columns of a table, perhaps with its schema."""
    schema, own = split_table(name)
    return select(literal_column("*")).select_from(table(own, schema=schema))


def split_table(name: str) -> tuple[str | None, str]:
    """(schema, table) of `shop.events`; no schema for `events`."""
    schema, _, own = name.rpartition(".")
    return schema or None, own


@lru_cache(maxsize=4096)
def bind_month(month: str, time: TimeKind) -> Mapping[str, object]:
    """The values of a month for the statements."""
    start, end = month_start(month), month_start(add_months(month, 1))
    if time is TimeKind.AWARE:
        return {"start": start, "end": end}
    start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    if time is TimeKind.NAIVE:
        return {"start": start, "end": end}
    day = timedelta(days=1)
    named = {"start": start, "end": end, "early": start - day, "late": end + day}
    return {name: moment.date().isoformat() for name, moment in named.items()}


class _Builder:
    """Puts conditions together for one table."""

    def __init__(self, events: EventTable) -> None:
        self._events = events
        self._columns: dict[str, ColumnClause[Any]] = {
            name: column(own) for name, own in events.columns.items()
        }
        self._text = events.time in {TimeKind.TEXT, TimeKind.COLLATED}

    def month(self, names: Sequence[str]) -> Statement:
        table = self._table()
        return select(*(table.c[self._own(name)] for name in names)).where(self._in_month(table))

    def unplaced(self, names: Sequence[str]) -> Statement:
        table, other = self._table(), self._table().alias("other")
        at, others = self._at(table), self._at(other)
        first, last = self._edge(_FIRST), self._edge(_LAST)
        later = exists().where(others >= self._bind("end"), others < last).select_from(other)
        here = exists().where(others >= self._bind("start"), others < self._bind("end"))
        return select(*(table.c[self._own(name)] for name in names)).where(
            or_(at.is_(None), at < first, at >= last), here.select_from(other), ~later
        )

    def earlier(self) -> Statement | None:
        if "customer_id" not in self._columns:
            return None
        table, other = self._table(), self._table().alias("other")
        customer, others = table.c[self._own("customer_id")], other.c[self._own("customer_id")]
        at = self._at(other)
        before = [at >= self._edge(_FIRST), at < self._bind("start"), others.is_not(None)]
        if self._text:
            # Near the month's start a time with a zone is the reader's to judge.
            before.append(or_(at < self._bind("early"), ~_has_zone(at)))
        return (
            select(customer)
            .distinct()
            .where(self._in_month(table), customer.in_(select(others).where(*before)))
            .select_from(table)
        )

    def fingerprint(self) -> Statement:
        table = self._table()
        updated = self._columns.get("updated_at")
        return select(
            func.count(),
            func.max(table.c[self._own("event_at")]),
            literal(None) if updated is None else func.max(table.c[updated.name]),
        ).where(self._in_month(table))

    def _in_month(self, table: FromClause) -> ColumnElement[bool]:
        at = self._at(table)
        month = and_(at >= self._bind("start"), at < self._bind("end"))
        if not self._text:
            return month
        around = and_(at >= self._bind("early"), at < self._bind("late"))
        return and_(around, or_(month, _has_zone(at)))

    def _at(self, table: FromClause) -> ColumnElement[Any]:
        at: ColumnElement[Any] = table.c[self._own("event_at")]
        # Only code point order keeps ISO 8601 texts in order of time.
        return at.collate("C") if self._events.time is TimeKind.COLLATED else at

    def _edge(self, moment: datetime) -> ColumnElement[Any]:
        return literal(moment.date().isoformat() if self._text else moment)

    def _own(self, name: str) -> str:
        return self._columns[name].name

    def _table(self) -> TableClause:
        return table(
            self._events.name,
            *(column(own) for own in dict.fromkeys(self._events.columns.values())),
            schema=self._events.schema,
        )

    @staticmethod
    def _bind(name: str) -> ColumnElement[Any]:
        return bindparam(name)


def _has_zone(at: ColumnElement[Any]) -> ColumnElement[bool]:
    rest = func.substr(at, _AFTER_DAY)
    return or_(*(rest.like(sign) for sign in _ZONE_SIGNS))
