"""Tenants' tables of events in any database that SQLAlchemy reaches: opened by their settings, read as streams.

Engines and what was found out about tables are kept for the process, so that a small month costs its queries and
nothing else. What is asked is in `event_sql.py`, how a connection is made in `event_engines.py`.
"""

import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Engine, inspect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import Date, DateTime, String, TypeEngine

from platform_assets.core.errors import PermanentError
from resources.event_engines import EngineCache, describe_source, translate_source_error
from resources.event_sql import (
    COLUMNS,
    REQUIRED,
    EventStatements,
    EventTable,
    Statement,
    TimeKind,
    bind_month,
    build_dump,
    build_statements,
    split_table,
)

_SHOWN_CHARACTERS = 100


class SourceLike(Protocol):
    """Where a tenant's events are; `platform_assets/tenants/tenant.py` has it as `SourceSettings`."""

    @property
    def url(self) -> str:
        """SQLAlchemy URL; `${NAME}` stands for a secret."""
        ...

    @property
    def table(self) -> str:
        """Table or view, perhaps with its schema."""
        ...

    @property
    def columns(self) -> Mapping[str, str]:
        """Canonical column -> the table's own name, where they differ."""
        ...


class EventSources:
    """Opens tables of events. Thread-safe; close it at the end.

    Args:
        secrets: Value of a secret by the name that stands in a URL as `${NAME}`; None if it is not set.
        engines: Most databases that connections are kept to.
    """

    def __init__(self, secrets: Callable[[str], str | None], *, engines: int = 64) -> None:
        self._engines = EngineCache(secrets, engines)
        self._found: dict[tuple[object, ...], tuple[EventTable, EventStatements]] = {}
        self._lock = threading.Lock()

    def open(self, source: SourceLike) -> "SqlEvents":
        """A table of events; looks at its columns the first time.

        Raises:
            TransientError: kind `source_unreachable`.
            PermanentError: kinds `bad_source`, `source_table_missing`, `source_columns`.
        """
        engine = self._engines.get(source.url)
        key = (engine.url, source.table, *sorted(source.columns.items()))
        if (found := self._found.get(key)) is None:
            with translated(engine, source.table):
                events = find_table(engine, source)
            with self._lock:
                found = self._found.setdefault(key, (events, build_statements(events)))
        return SqlEvents(engine, *found, on_error=lambda: self._found.pop(key, None))

    def read_table(self, url: str, table: str) -> Generator[Mapping[str, object]]:
        """All rows of any table as column -> value, streamed: for imports, not for events.

        Raises:
            TransientError: kind `source_unreachable`.
            PermanentError: kinds `bad_source`, `source_table_missing`.
        """
        engine = self._engines.get(url)
        with translated(engine, table), engine.connect() as connection:
            result = connection.execute(
                build_dump(table), execution_options={"stream_results": True, "yield_per": 1000}
            )
            names = list(result.keys())
            for row in result:
                yield dict(zip(names, row, strict=True))

    def close(self) -> None:
        """Closes all connections."""
        self._engines.close()


class SqlEvents:
    """One tenant's events: `EventSource` of `platform_assets/tenants/process.py`. Thread-safe.

    Args:
        engine: Reaches the database.
        events: The table.
        statements: What is asked of it.
        on_error: Called when a statement fails: the table may have been changed since it was looked at.
    """

    def __init__(
        self,
        engine: Engine,
        events: EventTable,
        statements: EventStatements,
        *,
        on_error: Callable[[], object],
    ) -> None:
        self._engine = engine
        self._events = events
        self._statements = statements
        self._on_error = on_error

    def fingerprint(self, month: str) -> str | None:
        """JSON text of the month's count, newest time and newest change, in one query.

        A row that is changed in place without a newer `updated_at` does not show.
        """
        with self._connect() as connection:
            count, newest, changed = self._ask(
                connection, self._statements.fingerprint, month
            ).one()
        return json.dumps([count, _show(newest), _show(changed)])

    def read(self, month: str, slice_records: int) -> Generator[Sequence[Mapping[str, object]]]:
        """The month's rows from a cursor on the server, at most `slice_records` at a time; then the unplaced ones."""
        names = self._statements.names
        with self._connect() as connection:
            for statement in (self._statements.month, self._statements.unplaced):
                result = self._ask(connection, statement, month, slice_records)
                for rows in result.partitions(slice_records):
                    yield [dict(zip(names, row, strict=True)) for row in rows]

    def returning(self, month: str) -> Generator[object]:
        """Customer ids of the month that have an earlier event, as the database gives them."""
        if self._statements.earlier is None:
            return
        with self._connect() as connection:
            yield from self._ask(connection, self._statements.earlier, month, 1000).scalars()

    def _ask(
        self, connection: Connection, statement: Statement, month: str, rows: int | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        options: dict[str, Any] = {"stream_results": True, "yield_per": rows} if rows else {}
        return connection.execute(
            statement, bind_month(month, self._events.time), execution_options=options
        )

    @contextmanager
    def _connect(self) -> Generator[Connection]:
        try:
            with translated(self._engine, self._events.name), self._engine.connect() as connection:
                yield connection
        except PermanentError:
            self._on_error()
            raise


def find_table(engine: Engine, source: SourceLike) -> EventTable:
    """The table with the canonical columns that it has.

    Raises:
        PermanentError: kinds `source_table_missing`, `source_columns`.
        SQLAlchemyError: The database does not answer.
    """
    schema, name = split_table(source.table)
    place = f"{source.table} in {describe_source(engine.url)}"
    try:
        found = inspect(engine).get_columns(name, schema)
    except NoSuchTableError:
        raise PermanentError(
            f"there is no table or view {place}; create it or correct the tenant's source",
            kind="source_table_missing",
        ) from None
    types = {column["name"]: column["type"] for column in found}
    columns = _match_columns(types, source.columns, place)
    time = _find_time_kind(engine, types[columns["event_at"]], place)
    return EventTable(name, schema, columns, time)


@contextmanager
def translated(engine: Engine, table: str) -> Generator[None]:
    """Errors of a source's database as the platform's.

    Raises:
        TransientError: kind `source_unreachable`.
        PermanentError: kinds `bad_source`, `source_table_missing`, `source_columns`, `source_query`.
    """
    try:
        yield
    except SQLAlchemyError as error:
        place = f"{table} in {describe_source(engine.url)}"
        raise translate_source_error(error, place) from error


def _match_columns(
    types: Mapping[str, object], named: Mapping[str, str], place: str
) -> dict[str, str]:
    """Canonical column -> the table's own name, whatever its case."""
    folded = {name.casefold(): name for name in types}
    wanted = {name: named.get(name, name) for name in COLUMNS}
    found = {
        name: own if own in types else folded[own.casefold()]
        for name, own in wanted.items()
        if own in types or own.casefold() in folded
    }
    missing = sorted({*REQUIRED, *named} - found.keys())
    if missing:
        raise PermanentError(
            f"{place} has no column for {', '.join(missing)}; it has {', '.join(types)[:300]}. Name the columns in the "
            "tenant's source",
            kind="source_columns",
        )
    return found


def _find_time_kind(engine: Engine, kind: TypeEngine[Any], place: str) -> TimeKind:
    if engine.dialect.name == "sqlite":
        return TimeKind.TEXT  # it has no times, whatever a column is declared as
    if isinstance(kind, String):
        return TimeKind.COLLATED if engine.dialect.name == "postgresql" else TimeKind.TEXT
    if isinstance(kind, DateTime):
        return TimeKind.AWARE if kind.timezone else TimeKind.NAIVE
    if isinstance(kind, Date):
        return TimeKind.NAIVE
    raise PermanentError(
        f"event_at of {place} is {kind}; it must be a timestamp, a date or ISO 8601 text: make a view that turns it",
        kind="source_columns",
    )


def _show(value: object) -> object:
    """A value of a fingerprint: numbers as they are, everything else as text."""
    if value is None or isinstance(value, int | float):
        return value
    return str(value)[:_SHOWN_CHARACTERS]
