"""Writes rows into SQL tables: a SQLite file for each tenant, or one database with a table for each.

No index while rows come in: it is made at the end, as loaders do.
"""

import io
import re
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.errors import RefusedError
from sandbox.tenants.events import Event

PASSWORD_NAME = "SANDBOX_PASSWORD"  # noqa: S105 - the name of a variable
"""Stands in the list of tenants for the password of a database, as `${SANDBOX_PASSWORD}`."""

_COLUMNS = {
    "sqlite": "event_id TEXT, customer_id TEXT, event_at TEXT, event_type TEXT, order_id TEXT, "
    "quantity INTEGER, amount NUMERIC, updated_at TEXT",
    "postgresql": "event_id text, customer_id text, event_at timestamp, event_type text, order_id text, "
    "quantity integer, amount numeric(18,4), updated_at timestamp",
}
"""SQLite keeps what it is given, broken dates too; PostgreSQL keeps times and numbers."""

_PAGE_ROWS = 10_000
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tenant's events are.

    Attributes:
        url: Database, with its password if it has one.
        table: Table in it.
    """

    url: URL
    table: str

    def show_url(self) -> str:
        """The URL for the list of tenants, without the password."""
        shown = self.url.render_as_string(hide_password=True)
        return shown.replace(":***@", f":${{{PASSWORD_NAME}}}@")


class Placement:
    """Gives every tenant its place.

    Args:
        folder: Holds a SQLite file for each tenant, unless there is a `url`.
        url: One database for all of them; SQLite or PostgreSQL.

    Raises:
        RefusedError: The URL cannot be read or names another kind of database, or there is neither.
    """

    def __init__(self, folder: Path | None, url: str | None) -> None:
        self._folder = folder.resolve() if folder else None
        self._url = _read_url(url) if url else None
        if self._folder is None and self._url is None:
            raise RefusedError("nowhere to write to: name --out FOLDER, --url URL or both")
        self.dialect = self._url.get_backend_name() if self._url else "sqlite"

    def place(self, tenant_id: str) -> Place:
        """Where the tenant's events are."""
        if self._url is not None:
            return Place(self._url, f"events_{re.sub('[^a-z0-9]', '_', tenant_id.lower())}")
        assert self._folder is not None
        path = self._folder / f"{tenant_id}.db"
        return Place(URL.create("sqlite", database=str(path)), "events")


@contextmanager
def open_database(url: URL) -> Generator[Any]:
    """A DBAPI connection; what was done is committed at the end of the block.

    Raises:
        RefusedError: It does not answer, or refuses.
    """
    engine = create_engine(url, poolclass=NullPool)
    try:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            if url.get_backend_name() == "sqlite":
                cursor.execute("PRAGMA synchronous = OFF")  # what is lost is written again
            yield cursor
            connection.commit()
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        shown = url.render_as_string(hide_password=True)
        raise RefusedError(f"cannot write to {shown}: {str(error).strip()}") from error
    finally:
        engine.dispose()


def create_table(cursor: Any, place: Place) -> None:  # noqa: ANN401 - a cursor of any driver
    """An empty table of events, in place of the one that may be there."""
    cursor.execute(f"DROP TABLE IF EXISTS {place.table}")
    columns = _COLUMNS[place.url.get_backend_name()]
    cursor.execute(f"CREATE TABLE {place.table} ({columns})")


def create_index(cursor: Any, place: Place) -> None:  # noqa: ANN401
    """The index on the time."""
    cursor.execute(f"CREATE INDEX ix_{place.table} ON {place.table} (event_at)")


def insert(cursor: Any, place: Place, rows: Iterable[Event]) -> None:  # noqa: ANN401
    """Adds rows, taken one by one."""
    if place.url.get_backend_name() == "postgresql":
        lines = map(_format_line, rows)
        while page := "".join(islice(lines, _PAGE_ROWS)):
            cursor.copy_expert(f"COPY {place.table} FROM STDIN", io.StringIO(page))
    else:
        marks = ", ".join("?" * len(Event._fields))
        statement = f"INSERT INTO {place.table} VALUES ({marks})"  # noqa: S608 - Placement named it
        cursor.executemany(statement, rows)


def _format_line(row: Event) -> str:
    """A row as COPY takes it."""
    values = (_NULL if value is None else str(value).translate(_ESCAPES) for value in row)
    return "\t".join(values) + "\n"


def _read_url(text: str) -> URL:
    try:
        url = make_url(text)
    except SQLAlchemyError as error:
        raise RefusedError(
            "--url is no SQLAlchemy URL; write it as sqlite:////path/events.db or postgresql+psycopg2://user@host/name"
        ) from error
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg2")
    if backend != "sqlite" or url.database in {None, "", ":memory:"}:
        raise RefusedError("--url must name a PostgreSQL database or a SQLite file")
    return url.set(database=str(Path(str(url.database)).resolve()))
