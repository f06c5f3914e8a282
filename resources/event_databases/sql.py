"""The questions that a tenant's table of events is asked, as SQL for any dialect. Pure: no connection is made.

    month       rows of a month, and those around it whose time names a zone
    is_last     whether the month has rows and no later one has
    unplaced    rows whose time is of no month at all, asked with the last month that has events
    earlier     customers of the month who have an event before it
    fingerprint count, newest time and newest change of a month
    sample, extremes, others    what a look at the times themselves needs

What a month is where times are kept in this way or that is in `times.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Select,
    TableClause,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
)

from resources.event_databases.times import TimeForm, is_other

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


@dataclass(frozen=True, slots=True)
class EventTable:
    """A table of events as it was found.

    Attributes:
        name: Its name.
        schema: Its schema; None for the default one.
        columns: Canonical column -> the table's own name; those that it does not have are missing.
    """

    name: str
    schema: str | None
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventStatements:
    """Statements over one table; each takes the values of its form's `bind`.

    Attributes:
        names: Canonical columns in the order in which `month` and `unplaced` answer them.
        month: Rows of a month.
        is_last: One row: whether the month has rows and no later one has.
        unplaced: Rows that no month can hold.
        earlier: Customers of the month with an event before it; None if there is no customer column.
        fingerprint: One row: count, newest `event_at`, newest `updated_at` (null if there is no such column).
    """

    names: tuple[str, ...]
    month: Statement
    is_last: Statement
    unplaced: Statement
    earlier: Statement | None
    fingerprint: Statement


@dataclass(frozen=True, slots=True)
class LookStatements:
    """What is asked to find out how a table keeps its times.

    Attributes:
        sample: Times as they are, nulls left out, no more than a limit.
        any_row: One row, if the table has any.
        extremes: One row: the least and the greatest time in the database's own order.
        others: One row, if there is any time that is no ISO 8601 text.
    """

    sample: Statement
    any_row: Statement
    extremes: Statement
    others: Statement


def build_statements(events: EventTable, form: TimeForm) -> EventStatements:
    """The statements for a table; build them once and use them for every month."""
    build = _Builder(events, form)
    names = tuple(name for name in COLUMNS if name in events.columns)
    return EventStatements(
        names,
        build.month(names),
        build.is_last(),
        build.unplaced(names),
        build.earlier(),
        build.fingerprint(),
    )


def build_look(events: EventTable, limit: int, *, numbers: bool) -> LookStatements:
    """The statements that find out how a table keeps its times.

    Args:
        events: The table.
        limit: Times of the sample at most.
        numbers: Whether a column of texts may hold numbers.
    """
    source = _name_table(events)
    at = source.c[events.columns["event_at"]]
    return LookStatements(
        sample=select(at).where(at.is_not(None)).limit(limit),
        any_row=select(literal(1)).select_from(source).limit(1),
        extremes=select(
            select(func.min(at)).scalar_subquery(), select(func.max(at)).scalar_subquery()
        ),
        others=select(literal(1)).select_from(source).where(is_other(at, numbers=numbers)).limit(1),
    )


def build_dump(name: str) -> Statement:
    """All rows and columns of a table, perhaps with its schema."""
    schema, own = split_table(name)
    return select(literal_column("*")).select_from(table(own, schema=schema))


def split_table(name: str) -> tuple[str | None, str]:
    """(schema, table) of `shop.events`; no schema for `events`."""
    schema, _, own = name.rpartition(".")
    return schema or None, own


class _Builder:
    """Puts conditions together for one table."""

    def __init__(self, events: EventTable, form: TimeForm) -> None:
        self._events = events
        self._form = form
        self._columns: dict[str, ColumnClause[Any]] = {
            name: column(own) for name, own in events.columns.items()
        }

    def month(self, names: Sequence[str]) -> Statement:
        table = self._table()
        return select(*(table.c[self._own(name)] for name in names)).where(
            self._form.month(self._at(table))
        )

    def is_last(self) -> Statement:
        table, other = self._table(), self._table().alias("other")
        here = exists().where(self._form.here(self._at(table))).select_from(table)
        later = exists().where(self._form.behind(self._at(other))).select_from(other)
        return select(literal(1)).where(here, ~later)

    def unplaced(self, names: Sequence[str]) -> Statement:
        table = self._table()
        return select(*(table.c[self._own(name)] for name in names)).where(
            self._form.unplaced(self._at(table))
        )

    def earlier(self) -> Statement | None:
        if "customer_id" not in self._columns:
            return None
        table, other = self._table(), self._table().alias("other")
        customer, others = table.c[self._own("customer_id")], other.c[self._own("customer_id")]
        before = (self._form.before(self._at(other)), others.is_not(None))
        return (
            select(customer)
            .distinct()
            .where(self._form.month(self._at(table)), customer.in_(select(others).where(*before)))
            .select_from(table)
        )

    def fingerprint(self) -> Statement:
        table = self._table()
        updated = self._columns.get("updated_at")
        return select(
            func.count(),
            func.max(self._at(table)),
            literal(None) if updated is None else func.max(table.c[updated.name]),
        ).where(self._form.month(self._at(table)))

    def _at(self, table: FromClause) -> ColumnElement[Any]:
        return table.c[self._own("event_at")]

    def _own(self, name: str) -> str:
        return self._columns[name].name

    def _table(self) -> TableClause:
        return _name_table(self._events)


def _name_table(events: EventTable) -> TableClause:
    own = dict.fromkeys(events.columns.values())
    return table(events.name, *(column(name) for name in own), schema=events.schema)
