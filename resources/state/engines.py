"""SQLAlchemy engines for the two databases, set up so that a transaction means the same on both.

What differs between SQLite and PostgreSQL when connecting or beginning a transaction belongs here; what differs in a
statement belongs beside that statement.
"""

from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import URL, Connection, Engine, create_engine, event

from platform_assets.core.errors import RefusedError

BUSY_SECONDS = 30.0
"""How long a SQLite statement waits for another process's write transaction before it gives up."""

CONNECT_SECONDS = 10
"""How long a connection to PostgreSQL may take."""

_BEGIN = "sluice_begin"


def create_state_engine(url: URL) -> Engine:
    """An engine for a URL from `parse_state_url`. Connects on first use only; creates the folder of a SQLite file.

    Raises:
        RefusedError: The folder is missing and cannot be created.
    """
    if url.get_backend_name() == "sqlite":
        return _create_sqlite_engine(url)
    return create_engine(
        url,
        # Row locks and "insert, or read what the other one inserted" rely on seeing what was committed meanwhile.
        isolation_level="READ COMMITTED",
        executemany_mode="values_plus_batch",
        executemany_batch_page_size=500,
        pool_size=4,
        max_overflow=4,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "sluice",
            # A server that went away without a word is noticed after a minute: while it is waited for, and (in
            # milliseconds) while something is being sent to it.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        },
    )


def for_writing(engine: Engine) -> Engine:
    """The same engine and pool, whose transactions take SQLite's write lock when they begin.

    A transaction that begins as a reader and writes later fails at once when another one wrote in between; busy_timeout
    does not help there.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    return engine


def without_transactions(engine: Engine) -> Engine:
    """The same SQLite engine and pool, whose statements stand alone: some pragmas refuse to run in a transaction.

    SQLAlchemy's AUTOCOMMIT would leave the driver beginning transactions by itself when the connection is given back.
    """
    return engine.execution_options(**{_BEGIN: ""})


def _create_sqlite_engine(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(
            f"cannot create {folder} for the state database: {error.strerror}; "
            "create the folder or change its rights or the URL",
            kind="state_unusable",
        ) from error
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    # None: the driver begins no transactions by itself, so that `_begin_sqlite` alone says when and how one begins.
    connection.isolation_level = None
    # NORMAL with WAL: after a power cut the last transactions may be missing, whole; nothing is torn.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    if begin := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(begin)
