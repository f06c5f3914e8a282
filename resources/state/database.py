"""The state database: opened once per process, shared by its threads, handed to the repositories beside this module.

Only connections and transactions here; every table has its own repository.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.clock import Clock, SystemClock
from resources.state.database_errors import damaged, translate_error
from resources.state.engines import create_state_engine, for_writing
from resources.state.schema import ensure_schema
from resources.state.urls import describe_url, parse_state_url

_SERVER_NOW = select(func.clock_timestamp())


class StateDatabase:
    """Transactions on the state database. Safe to use from several threads; not across a fork.

    Args:
        engine: From `create_state_engine`.
        clock: The wall clock that rows are stamped with. Leases follow `now`.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.clock = clock
        self.place = describe_url(engine.url)
        self.dialect = engine.dialect.name
        self._reader = engine
        self._writer = for_writing(engine)
        # SQLite's waiters poll, up to 100 ms apart; threads of one process need not.
        self._writing = threading.Lock() if self.dialect == "sqlite" else nullcontext()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A transaction that reads.

        Raises:
            TransientError: The database does not answer or is busy.
            RefusedError: It cannot be used until a person acts.
        """
        with self._translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A transaction that writes; committed at the end, rolled back on any error. Never nest two.

        On SQLite it holds the only write lock from its first statement on: keep it short, call nothing slow inside.

        Raises:
            TransientError: The database does not answer or is busy.
            RefusedError: It cannot be used until a person acts.
        """
        with self._translated(), self._writing, self._writer.begin() as connection:
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time now (not when the transaction began) by which leases are given and judged, aware, in UTC.

        On PostgreSQL it is the server's, so that hosts agree whatever their clocks say. SQLite's host is the only one:
        there it is the clock's, and a clock of a test's own counts everywhere.
        """
        if self.dialect == "postgresql" and isinstance(self.clock, SystemClock):
            return connection.execute(_SERVER_NOW).scalar_one().astimezone(UTC)
        return self.clock.now()

    def ensure_schema(self) -> bool:
        """Applies the missing migrations; whether there were any.

        Raises:
            TransientError: The database does not answer or is busy.
            RefusedError: It is newer than this code, or cannot be used until a person acts.
        """
        with self._translated():
            return ensure_schema(self._writer, self.place)

    def close(self) -> None:
        """Closes all connections that are not in use."""
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"StateDatabase({self.place})"

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            translated = translate_error(error, self.place)
            if translated is None:
                raise
            raise translated from error
        except UnicodeDecodeError as error:
            # SQLite's own message quotes the damaged bytes, and the driver cannot read it.
            raise damaged(self.place, "it holds bytes that are no text") from error


def open_state(url: str, clock: Clock) -> StateDatabase:
    """Opens the state database and brings it to this code's revision.

    Args:
        url: `sqlite:////absolute/path/state.db` or `postgresql://user:password@host:5432/database`.
        clock: The wall clock that rows are stamped with.

    Raises:
        TransientError: The database does not answer or is busy.
        RefusedError: Wrong URL, rights, password or file, full disk, a database that is damaged, of something else or
            of a newer version, or none where there was one (kind `state_lost`).
    """
    database = StateDatabase(create_state_engine(parse_state_url(url)), clock)
    try:
        database.ensure_schema()
    except BaseException:
        database.close()
        raise
    return database
