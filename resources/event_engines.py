"""Connections to tenants' databases: read-only where the database can promise it, few, and kept for the next month.

Secrets go into a URL here and nowhere else; messages name a place without user, password and options. What an error of
a database means for the platform is here too.
"""

import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg2.extensions import UNICODE, new_type, register_type
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - a class with a function's name
from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from platform_assets.core.errors import PermanentError, PlatformError, TransientError

CONNECT_SECONDS = 10
"""How long a connection may take."""

BUSY_SECONDS = 30.0
"""How long to wait for a connection of this process, and for another one's lock on a SQLite file."""

CONNECTIONS = 20
"""Most connections of this process to one database: as many tenant-months as run at once."""

_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}
"""SQLAlchemy 2.1 would take psycopg 3 for the bare form, which is not installed."""

_SECRET = re.compile(r"\$\{([A-Za-z0-9_]+)\}")

_POSTGRESQL: Mapping[str, object] = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "sluice",
    # A server that went away without a word is noticed after a minute, not after two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# Times come as text: there are times in PostgreSQL that Python has none for, and one of them must not end a month.
_POSTGRESQL_TIMES = (1082, 1114, 1184)

_SQLITE_BAD = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_AUTH}

_SQLSTATES = (
    ("42P01", "source_table_missing", "create the table or correct the tenant's source"),
    ("3F000", "source_table_missing", "create the schema or correct the tenant's source"),
    ("42703", "source_columns", "correct the columns in the tenant's source"),
    ("42501", "bad_source", "grant the user the right to read the table"),
    ("28", "bad_source", "correct user and password of the tenant's source"),
    ("3D000", "bad_source", "correct the database of the tenant's source"),
)
"""SQLSTATE (PostgreSQL appendix A), kind and advice."""

_SQLSTATE_TRANSIENT = ("08", "40", "53", "55", "57")

_REFUSED_LOGINS = ("authentication failed", "does not exist", "pg_hba.conf", "Access denied")
"""A refused login carries no SQLSTATE, only the server's text."""


class EngineCache:
    """Engines by URL. Thread-safe; the one that was not asked for longest is closed when there are too many.

    Args:
        secrets: Value of a secret by name; None if it is not set.
        limit: Most engines.
    """

    def __init__(self, secrets: Callable[[str], str | None], limit: int) -> None:
        self._secrets = secrets
        self._limit = limit
        self._engines: OrderedDict[URL, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, url: str) -> Engine:
        """The engine for a URL as it stands in the tenant's source; connects on first use only.

        Raises:
            PermanentError: kind `bad_source`: no URL, no such database driver, or a secret that is not set.
        """
        filled = fill_url(url, self._secrets)
        with self._lock:
            engine = self._engines.get(filled) or create_source_engine(filled)
            self._engines[filled] = engine
            self._engines.move_to_end(filled)
            old = self._engines.popitem(last=False)[1] if len(self._engines) > self._limit else None
        if old is not None:
            old.dispose()  # connections in use are closed when they are given back
        return engine

    def close(self) -> None:
        """Closes all connections that are not in use."""
        with self._lock:
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.dispose()


def fill_url(url: str, secrets: Callable[[str], str | None]) -> URL:
    """The URL with its secrets in place.

    Raises:
        PermanentError: kind `bad_source`.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text of neither error is repeated, and neither is chained: both may hold the password.
        raise _bad("the source's URL cannot be read", "use a SQLAlchemy URL") from None
    fill = partial(_fill, secrets=secrets)
    return URL.create(
        _DRIVERS.get(parsed.drivername, parsed.drivername),
        username=fill(parsed.username),
        password=fill(parsed.password),
        host=fill(parsed.host),
        port=parsed.port,
        database=fill(parsed.database),
        query=parsed.query,
    )


def create_source_engine(url: URL) -> Engine:
    """An engine that only reads. Connects on first use.

    Raises:
        PermanentError: kind `bad_source`: the dialect or its driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _create_sqlite_engine(url)
    options: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        options = {"connect_args": dict(_POSTGRESQL)}
    try:
        engine = create_engine(
            url, **_pool(), pool_pre_ping=True, pool_recycle=1800, hide_parameters=True, **options
        )
    except (NoSuchModuleError, ImportError) as error:
        raise _bad(
            f"there is no driver for {url.drivername} here ({error})",
            "install it, or use another driver of that database",
        ) from None
    if url.drivername == "postgresql+psycopg2":
        event.listen(engine, "connect", _set_up_psycopg2)
    return engine


def describe_source(url: URL) -> str:
    """The place that a URL names, for messages: no user, password or options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:{url.database}"
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or 'local socket'}{port}/{url.database}"


def translate_source_error(error: SQLAlchemyError, place: str) -> PlatformError:
    """What a database's error means.

    Args:
        error: What SQLAlchemy raised.
        place: Table and database, without secrets.
    """
    if isinstance(error, PoolTimeoutError):
        return _away(place, "all connections of this process are in use")
    if not isinstance(error, DBAPIError):
        return PermanentError(
            f"{place} cannot be read: {type(error).__name__}: {error}. Correct the tenant's source",
            kind="source_query",
        )
    text = str(error.orig).strip().partition("\n")[0]
    if isinstance(error.orig, sqlite3.Error):
        return _translate_sqlite(error.orig, text, place)
    return _translate_server(error, text, place)


def _translate_sqlite(error: sqlite3.Error, text: str, place: str) -> PlatformError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_BAD:
        return _bad(
            f"{place} cannot be read: {text}", "correct the tenant's source or mend the file"
        )
    if "no such table" in text or "unknown database" in text:
        return _unreadable("source_table_missing", place, text, _SQLSTATES[0][2])
    if "no such column" in text:
        return _unreadable("source_columns", place, text, _SQLSTATES[2][2])
    if code == sqlite3.SQLITE_ERROR:
        return _unreadable("source_query", place, text, "correct the view or the tenant's source")
    return _away(place, text)


def _translate_server(error: DBAPIError, text: str, place: str) -> PlatformError:
    state: str = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None) or ""
    for prefix, kind, advice in _SQLSTATES:
        if state.startswith(prefix):
            return _unreadable(kind, place, text, advice)
    if any(sign in text for sign in _REFUSED_LOGINS):
        return _bad(f"{place} refused the login: {text}", "correct the tenant's source")
    unreachable = type(error).__name__ in {"OperationalError", "InterfaceError"}
    if state.startswith(_SQLSTATE_TRANSIENT) or (unreachable and not state):
        return _away(place, text)
    return _unreadable("source_query", place, text, "correct the view or the tenant's source")


def _create_sqlite_engine(url: URL) -> Engine:
    if not url.database or not Path(url.database).is_absolute():
        raise _bad(
            f"sqlite needs an absolute path of a file, not {url.database!r}",
            "use sqlite:////absolute/path/events.db",
        )
    uri = f"file:{quote(url.database)}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )
        # A byte that is no UTF-8 becomes half of a surrogate pair: that row is bad, the rest is read.
        connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        return connection

    return create_engine(
        url.set(query={}), creator=connect, poolclass=QueuePool, hide_parameters=True, **_pool()
    )


def _pool() -> dict[str, Any]:
    return {"pool_size": 5, "max_overflow": CONNECTIONS - 5, "pool_timeout": BUSY_SECONDS}


def _set_up_psycopg2(connection: PgConnection, _record: object) -> None:
    register_type(new_type(_POSTGRESQL_TIMES, "SOURCE_TIME", UNICODE), connection)
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'")
    connection.commit()


def _fill(text: str | None, secrets: Callable[[str], str | None]) -> str | None:
    def fill(match: re.Match[str]) -> str:
        if (value := secrets(match[1])) is None:
            raise _bad(
                f"the secret ${{{match[1]}}} of the source's URL is not set",
                f"set the variable SLUICE_SOURCE_{match[1]}",
            )
        return value

    return None if text is None else _SECRET.sub(fill, text)


def _bad(reason: str, advice: str) -> PermanentError:
    return PermanentError(f"{reason}; {advice}", kind="bad_source")


def _unreadable(kind: str, place: str, text: str, advice: str) -> PermanentError:
    return PermanentError(f"{place} cannot be read: {text}; {advice}", kind=kind)


def _away(place: str, text: str) -> TransientError:
    return TransientError(
        f"{place} does not answer: {text}; it is tried again, check that the database runs",
        kind="source_unreachable",
    )
