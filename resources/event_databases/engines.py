"""Connections to tenants' databases: read-only where the database can promise it, few, and kept for the next month.

Secrets go into a URL here and nowhere else; messages name a place without user, password and options. What an error of
a database means for the platform is here too.
"""

import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from psycopg2.extensions import UNICODE, new_type, register_type
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - a class with a function's name
from sqlalchemy import URL, Dialect, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from resources.event_databases.reach import SourceReach, is_bound, is_local_socket, is_loopback

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

_FAILURES = (
    "Connection refused",
    "timeout expired",
    "server closed the connection unexpectedly",
    "Connection reset",
    "No route to host",
    "Network is unreachable",
    "server does not support SSL",
    "certificate verify failed",
    "does not match host name",
    "authentication method requirement",
    "no password supplied",
    "Access denied",
    "terminating connection",
    "SSL connection has been closed unexpectedly",
    "connection already closed",
)
"""Of what drivers say without a SQLSTATE, what may be repeated."""

_REFUSED_LOGINS = (
    "authentication failed",
    "does not exist",
    "pg_hba.conf",
    "Access denied",
    "authentication method requirement",
    "no password supplied",
)
"""A refused login carries no SQLSTATE, only the server's text."""


class Secrets(Protocol):
    """Secrets of sources by the name that stands in a URL as `${NAME}`."""

    def find(self, name: str) -> str | None:
        """Its value; None if it is not set."""
        ...

    def hosts(self, name: str) -> Sequence[str]:
        """The hosts that it may be sent to, as `host`, `host:port` or `*.example.com`; none: this machine alone."""
        ...


@dataclass(frozen=True, slots=True)
class SourceEngine:
    """A database that is ready to be connected to.

    Attributes:
        engine: Its connections.
        place: What messages call it: from the URL as it stands in the source, without user, password and options.
        hidden: What messages must not hold -> what stands in its place.
    """

    engine: Engine
    place: str
    hidden: Mapping[str, str]


class EngineCache:
    """Engines by URL. Thread-safe; the one that was not asked for longest is closed when there are too many.

    Args:
        secrets: Stand in URLs.
        reach: What may be connected to.
        limit: Most engines.
    """

    def __init__(self, secrets: Secrets, reach: SourceReach, limit: int) -> None:
        self._secrets = secrets
        self._reach = reach
        self._limit = limit
        self._engines: OrderedDict[URL, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, url: str) -> SourceEngine:
        """The engine for a URL as it stands in the tenant's source; connects on first use only.

        Raises:
            PermanentError: kinds `bad_source`: no URL, no such database driver, or a secret that is not set or not
                meant for the host; `source_refused`.
        """
        filled, place, hidden = fill_url(url, self._secrets)
        self._reach.check_url(filled)
        with self._lock:
            engine = self._engines.get(filled) or create_source_engine(filled, self._reach)
            self._engines[filled] = engine
            self._engines.move_to_end(filled)
            old = self._engines.popitem(last=False)[1] if len(self._engines) > self._limit else None
        if old is not None:
            old.dispose()  # connections in use are closed when they are given back
        return SourceEngine(engine, place, hidden)

    def close(self) -> None:
        """Closes all connections that are not in use."""
        with self._lock:
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.dispose()


def fill_url(url: str, secrets: Secrets) -> tuple[URL, str, Mapping[str, str]]:
    """The URL with its secret in place, what messages call it, and what they must not hold.

    `${NAME}` stands for the password, or for the URL as a whole.

    Raises:
        PermanentError: kind `bad_source`.
    """
    if whole := _SECRET.fullmatch(url.strip()):
        value = _find_secret(whole[1], secrets)
        filled = read_url(value)
        # The whole URL is the secret, so that nobody but who set it chose its host.
        if entries := secrets.hosts(whole[1]):
            _check_host(whole[1], filled, entries)
        parts = (value, filled.password, filled.username, filled.host, filled.database)
        return filled, whole[0], {str(part): whole[0] for part in parts if part}
    parsed = read_url(url)
    place = describe_source(parsed)
    reference = _SECRET.fullmatch(str(parsed.password or ""))
    options = (value for values in parsed.normalized_query.values() for value in values)
    others = (parsed.username, parsed.host, parsed.database, *options)
    if any("${" in part for part in others if part):
        raise _bad(
            "${NAME} stands somewhere else than for the password",
            "write it as the password, or as the whole URL",
        )
    if reference is None:
        return parsed, place, {str(parsed.password): "***"} if parsed.password else {}
    name = reference[1]
    _check_host(name, parsed, secrets.hosts(name))
    value = _find_secret(name, secrets)
    return parsed.set(password=value), place, {value: reference[0]}


def read_url(url: str) -> URL:
    """The parts of a URL, with the driver that is installed here.

    Raises:
        PermanentError: kind `bad_source`.
    """
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        # The text of neither error is repeated, and neither is chained: both may hold the password.
        raise _bad("the source's URL cannot be read", "use a SQLAlchemy URL") from None
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def create_source_engine(url: URL, reach: SourceReach) -> Engine:
    """An engine that only reads. Connects on first use.

    Raises:
        PermanentError: kind `bad_source`: the dialect or its driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _create_sqlite_engine(url, reach)
    options: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        options = {"connect_args": _connect_options(url, reach)}
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
    event.listen(engine, "do_connect", partial(_go_to_checked, reach))
    return engine


def describe_source(url: URL) -> str:
    """The place that a URL names, for messages: no user, password or options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:{url.database}"
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or 'local socket'}{port}/{url.database}"


def translate_source_error(
    error: SQLAlchemyError, place: str, hidden: Mapping[str, str]
) -> PlatformError:
    """What a database's error means.

    Args:
        error: What SQLAlchemy raised.
        place: Table and database, without secrets.
        hidden: What the message must not hold -> what stands in its place.
    """
    if isinstance(error, PoolTimeoutError):
        return _away(place, "all connections of this process are in use")
    if not isinstance(error, DBAPIError):
        return PermanentError(
            f"{place} cannot be read: {type(error).__name__}: {_hide(str(error), hidden)}. Correct the tenant's source",
            kind="source_query",
        )
    text = _hide(str(error.orig).strip().partition("\n")[0], hidden)
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
    text = text if state else _name_failure(text)
    for prefix, kind, advice in _SQLSTATES:
        if state.startswith(prefix):
            return _unreadable(kind, place, text, advice)
    if any(sign in text for sign in _REFUSED_LOGINS):
        return _bad(f"{place} refused the login: {text}", _advise_login(text))
    unreachable = type(error).__name__ in {"OperationalError", "InterfaceError"}
    if state.startswith(_SQLSTATE_TRANSIENT) or (unreachable and not state):
        return _away(place, text)
    return _unreadable("source_query", place, text, "correct the view or the tenant's source")


def _create_sqlite_engine(url: URL, reach: SourceReach) -> Engine:
    if not url.database or not Path(url.database).is_absolute():
        raise _bad(
            f"sqlite needs an absolute path of a file, not {url.database!r}",
            "use sqlite:////absolute/path/events.db",
        )
    database = url.database

    def connect() -> sqlite3.Connection:
        # Each time: a link may lead elsewhere by now.
        uri = f"file:{quote(str(reach.check_file(database)))}?mode=ro"
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


def _connect_options(url: URL, reach: SourceReach) -> dict[str, object]:
    options = dict(_POSTGRESQL)
    secure = {"require", "verify-ca", "verify-full"} & {*url.normalized_query.get("sslmode", ())}
    if not (secure or reach.clear_passwords or is_loopback(url.host or "")):
        # A server that asks for the password as it is gets none (libpq 16: postgresql.org/docs/16/libpq-connect.html).
        options["require_auth"] = "!password"
    return options


def _go_to_checked(
    reach: SourceReach, dialect: Dialect, _record: object, _args: object, options: dict[str, Any]
) -> None:
    """Looks the host up, checks where it leads, and lets the driver connect there and nowhere else."""
    host = str(options.get("host") or "")
    if is_local_socket(host):
        return
    port = int(options["port"]) if options.get("port") else None
    addresses = reach.resolve(host, port)
    if dialect.driver == "psycopg2":
        options["host"] = ",".join([host] * len(addresses))
        options["hostaddr"] = ",".join(addresses)


def _advise_login(text: str) -> str:
    if "authentication method requirement" in text:
        return (
            "it asks for the password without TLS, and was not given it: add ?sslmode=require to the URL, or set "
            "SLUICE_SOURCES_CLEAR_PASSWORDS=true"
        )
    return "correct the tenant's source"


def _name_failure(text: str) -> str:
    """What a failed connection says, without a byte of whoever answered unless it speaks the database's protocol."""
    fatal = text.partition("FATAL:")[2].strip()
    if fatal:
        return fatal
    found = next((sign for sign in _FAILURES if sign in text), None)
    return found or "the connection failed, or what answers is no such database"


def _hide(text: str, hidden: Mapping[str, str]) -> str:
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, hidden[value])
    return text


def _find_secret(name: str, secrets: Secrets) -> str:
    value = secrets.find(name)
    if value is None:
        raise _bad(
            f"the secret ${{{name}}} of the source's URL is not set",
            f"set the variable SLUICE_SOURCE_{name}",
        )
    return value


def _check_host(name: str, url: URL, entries: Sequence[str]) -> None:
    """A secret goes to the hosts that it is meant for, and without a list to this machine alone."""
    host = url.host or ""
    if is_bound(host, url.port, entries) if entries else is_loopback(host):
        return
    raise _bad(
        f"the secret ${{{name}}} is not meant for the host of the source's URL, and was not sent",
        f"whoever runs the platform lists the hosts that may get it in SLUICE_SOURCE_{name}_HOSTS",
    )


def _bad(reason: str, advice: str) -> PermanentError:
    return PermanentError(f"{reason}; {advice}", kind="bad_source")


def _unreadable(kind: str, place: str, text: str, advice: str) -> PermanentError:
    return PermanentError(f"{place} cannot be read: {text}; {advice}", kind=kind)


def _away(place: str, text: str) -> TransientError:
    return TransientError(
        f"{place} does not answer: {text}; it is tried again, check that the database runs",
        kind="source_unreachable",
    )
