"""Tenants' tables of events in any database that SQLAlchemy reaches: opened by their settings, read as streams.

Engines and what was found out about tables are kept for the process, so that a small month costs its queries and
nothing else. What is asked is in `sql.py`, how a connection is made in `engines.py`.
"""

import json
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Engine, inspect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import Date, DateTime, Numeric, String, TypeEngine
from sqlalchemy.types import Integer as IntegerType

from platform_assets.core.errors import PermanentError
from platform_assets.core.times import UNITS, find_month, find_unit, read_time
from resources.event_databases.engines import (
    EngineCache,
    Secrets,
    SourceEngine,
    read_url,
    translate_source_error,
)
from resources.event_databases.reach import SourceReach
from resources.event_databases.sql import (
    COLUMNS,
    REQUIRED,
    EventStatements,
    EventTable,
    Statement,
    build_dump,
    build_look,
    build_statements,
    split_table,
)
from resources.event_databases.times import IsoTexts, MixedTimes, NativeTimes, Numbers, TimeForm

SAMPLE_ROWS = 100_000
"""Times that are looked at before a source counts as unreadable; the first good one ends the look."""

LOOK_SECONDS = 600.0
"""After this time a table is looked at again: somebody may have begun to write times in another form."""

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
        secrets: Stand in URLs as `${NAME}`.
        reach: What sources may reach; anything but metadata addresses and the system's files if omitted.
        engines: Most databases that connections are kept to.
    """

    def __init__(
        self, secrets: Secrets, reach: SourceReach | None = None, *, engines: int = 64
    ) -> None:
        self._reach = reach or SourceReach()
        self._engines = EngineCache(secrets, self._reach, engines)
        self._found: dict[tuple[object, ...], _Found] = {}
        self._lock = threading.Lock()

    def check(self, url: str) -> None:
        """Whether a URL may be used, as far as it says so itself; nothing is connected to or looked up.

        Raises:
            PermanentError: kinds `bad_source`, `source_refused`.
        """
        if not url.strip().startswith("${"):
            self._reach.check_url(read_url(url))

    def open(self, source: SourceLike) -> "SqlEvents":
        """A table of events; looks at its columns and at its times the first time.

        Raises:
            TransientError: kind `source_unreachable`.
            PermanentError: kinds `bad_source`, `source_refused`, `source_table_missing`, `source_columns`,
                `source_times`.
        """
        engine = self._engines.get(source.url)
        key = (engine.engine.url, source.table, *sorted(source.columns.items()))
        found = self._found.get(key)
        if found is None or time.monotonic() >= found.until:
            with translated(engine, source.table):
                fresh = find_table(engine, source)
            with self._lock:
                found = self._found[key] = fresh
        return SqlEvents(engine, found, on_error=lambda: self._found.pop(key, None))

    def read_table(self, url: str, table: str) -> Generator[Mapping[str, object]]:
        """All rows of any table as column -> value, streamed: for imports, not for events.

        Raises:
            TransientError: kind `source_unreachable`.
            PermanentError: kinds `bad_source`, `source_refused`, `source_table_missing`.
        """
        engine = self._engines.get(url)
        with translated(engine, table), engine.engine.connect() as connection:
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
        found: The table, and what is asked of it.
        on_error: Called when a statement fails: the table may have been changed since it was looked at.
    """

    def __init__(
        self, engine: SourceEngine, found: "_Found", *, on_error: Callable[[], object]
    ) -> None:
        self._engine = engine
        self._events = found.events
        self._form = found.form
        self._statements = found.statements
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
            statements = [self._statements.month]
            if self._ask(connection, self._statements.is_last, month).first() is not None:
                statements.append(self._statements.unplaced)
            for statement in statements:
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
        return connection.execute(statement, self._form.bind(month), execution_options=options)

    @contextmanager
    def _connect(self) -> Generator[Connection]:
        try:
            opened = self._engine
            with translated(opened, self._events.name), opened.engine.connect() as connection:
                yield connection
        except PermanentError:
            self._on_error()
            raise


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found out about a table: how it is asked, until when (of the monotonic clock)."""

    events: EventTable
    form: TimeForm
    statements: EventStatements
    until: float


def find_table(opened: SourceEngine, source: SourceLike) -> _Found:
    """The table with the canonical columns that it has, and how it keeps its times.

    Raises:
        PermanentError: kinds `source_table_missing`, `source_columns`, `source_times`.
        SQLAlchemyError: The database does not answer.
    """
    schema, name = split_table(source.table)
    engine = opened.engine
    place = f"{source.table} in {opened.place}"
    try:
        found = inspect(engine).get_columns(name, schema)
    except NoSuchTableError:
        raise PermanentError(
            f"there is no table or view {place}; create it or correct the tenant's source",
            kind="source_table_missing",
        ) from None
    types = {column["name"]: column["type"] for column in found}
    columns = _match_columns(types, source.columns, place)
    events = EventTable(name, schema, columns)
    form = _Look(engine, events, types[columns["event_at"]], place).find_form()
    until = time.monotonic() + LOOK_SECONDS
    return _Found(events, form, build_statements(events, form), until)


@contextmanager
def translated(opened: SourceEngine, table: str) -> Generator[None]:
    """Errors of a source's database as the platform's.

    Raises:
        TransientError: kind `source_unreachable`.
        PermanentError: kinds `bad_source`, `source_refused`, `source_table_missing`, `source_columns`, `source_query`.
    """
    try:
        yield
    except SQLAlchemyError as error:
        place = f"{table} in {opened.place}"
        # Not chained: the driver's own words may hold secrets, and Dagster records the cause with its text.
        raise translate_source_error(error, place, opened.hidden) from None


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


class _Look:
    """Finds out how a table keeps its times."""

    def __init__(
        self, engine: Engine, events: EventTable, declared: TypeEngine[Any], place: str
    ) -> None:
        self._engine = engine
        self._declared = declared
        self._what = f"event_at of {place} (column {events.columns['event_at']}, {declared!s})"
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._collated = engine.dialect.name == "postgresql"
        self._statements = build_look(events, SAMPLE_ROWS, numbers=self._is_sqlite)

    def find_form(self) -> TimeForm:
        """How it is asked for a month.

        Raises:
            PermanentError: kinds `source_columns` (no type that can hold a time), `source_times` (no time that can be
                read).
        """
        declared = self._declared
        with self._engine.connect() as connection:
            if not self._is_sqlite and isinstance(declared, DateTime | Date):
                self._refuse_unreadable(connection, lambda value: value is not None)
                return NativeTimes(aware=isinstance(declared, DateTime) and declared.timezone)
            if not self._is_sqlite and isinstance(declared, IntegerType | Numeric):
                self._refuse_unreadable(connection, _is_readable)
                return self._find_numbers(connection)
            if not self._is_sqlite and not isinstance(declared, String):
                raise PermanentError(
                    f"{self._what} holds no times; it must be a timestamp, a date, a number since 1970 or a text: "
                    "make a view that turns it",
                    kind="source_columns",
                )
            self._refuse_unreadable(connection, _is_readable)
            return self._find_texts(connection)

    def _find_texts(self, connection: Connection) -> TimeForm:
        """The form of a column of any values."""
        if self._is_sqlite:
            # Every number is less than every text, so that the greatest value tells of all.
            greatest = connection.execute(self._statements.extremes).one()[1]
            if isinstance(greatest, int | float):
                return self._find_numbers(connection)
        if connection.execute(self._statements.others).first() is not None:
            return MixedTimes(collated=self._collated, numbers=self._is_sqlite)
        return IsoTexts(collated=self._collated)

    def _find_numbers(self, connection: Connection) -> TimeForm:
        """Numbers of the one unit that the least and the greatest have in common, or of any."""
        least, greatest = map(find_unit, connection.execute(self._statements.extremes).one())
        return Numbers((least,) if least is not None and least is greatest else UNITS)

    def _refuse_unreadable(
        self, connection: Connection, is_readable: Callable[[object], bool]
    ) -> None:
        """Refuses a table that has rows and not one time among them that can be read."""
        options: dict[str, Any] = {"stream_results": True, "yield_per": 1000}
        times = connection.execute(self._statements.sample, execution_options=options).scalars()
        shown: object = None
        for value in times:
            if is_readable(value):
                times.close()
                return
            shown = value if shown is None else shown
        if shown is not None:
            raise self._refuse(
                f"holds {_name_type(shown)} such as {str(shown)[:40]!r}, and no time can be read from any of them"
            )
        if connection.execute(self._statements.any_row).first() is not None:
            raise self._refuse("is empty in every row")

    def _refuse(self, reason: str) -> PermanentError:
        return PermanentError(
            f"{self._what} {reason}; no row belongs to any month. Write ISO 8601 such as 2024-01-31 10:00:00 (docs/"
            "tenants.md lists what else is read), make a view that turns it, or name another column in the tenant's "
            "source",
            kind="source_times",
        )


def _is_readable(value: object) -> bool:
    return read_time(value) is not None and find_month(value) is not None


def _name_type(value: object) -> str:
    if isinstance(value, str):
        return "texts"
    return "bytes" if isinstance(value, bytes | memoryview) else "numbers"


def _show(value: object) -> object:
    """A value of a fingerprint: numbers as they are, everything else as text."""
    if value is None or isinstance(value, int | float):
        return value
    return str(value)[:_SHOWN_CHARACTERS]
