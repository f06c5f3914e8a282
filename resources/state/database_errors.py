"""What an error of the database means for the platform: one table per database.

Errors that are not in a table are bugs of ours (a wrong statement, a broken constraint) and stay as they are.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from platform_assets.core.errors import PlatformError, RefusedError, TransientError

REPAIR = (
    "stop everything that uses it, keep a copy, and restore it from a backup (the file with its -wal, if it has one); "
    "`python -m platform_assets.doctor` says what else does not fit then"
)
"""What to do about a state database that is damaged."""

_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""Another process held the lock for the whole busy timeout."""

_SQLITE_REFUSED = {
    sqlite3.SQLITE_PERM: "check the owner and the rights of the file and its folder",
    sqlite3.SQLITE_READONLY: "check the owner and the rights of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "check that the path is a file and the rights of its folder",
    sqlite3.SQLITE_AUTH: "check the owner and the rights of the file and its folder",
    sqlite3.SQLITE_FULL: "free space on that disk",
    sqlite3.SQLITE_IOERR: "check that disk; a state database does not belong on a network share",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: correct the URL or move the file away",
    sqlite3.SQLITE_CORRUPT: f"the file is damaged: {REPAIR}",
}
"""Primary result codes (sqlite.org/rescode.html) that only a person can mend, with what to do."""

_SQLSTATE_TRANSIENT = ("08", "40", "53", "55P03", "57")
"""Connection, rollback (deadlock), resources, lock timeout, operator intervention (PostgreSQL appendix A)."""

_SQLSTATE_REFUSED = {
    "53100": "free space on the server's disk",
    "42501": "grant the user the right to create and change tables in this schema",
    "28": "check the user and the password in the URL",
    "3D000": "create the database or correct the URL",
    "3F000": "create the schema or correct the search path",
    "25006": "the server is read-only: point the URL at the primary",
}

_CONNECT_REFUSED = ("authentication failed", "does not exist", "pg_hba.conf", "permission denied")
"""A refused login carries no SQLSTATE in psycopg2, only the server's text."""


def translate_error(error: SQLAlchemyError, place: str) -> PlatformError | None:
    """The platform's error for one of the database, or None if it is none of those that are expected.

    Args:
        error: What SQLAlchemy raised.
        place: The database, as `describe_url` names it.
    """
    if isinstance(error, PoolTimeoutError):
        return _busy(place, "all connections of this process are in use")
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _translate_sqlite(error.orig, place)
    return _translate_postgresql(error, place)


def _translate_sqlite(error: sqlite3.Error, place: str) -> PlatformError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # The driver's own: SQLite holds the bytes, and they are no text.
        return damaged(place, str(error)) if "decode" in str(error) else None
    primary = code & 0xFF
    if primary in _SQLITE_BUSY:
        return _busy(place, "another process keeps it locked")
    if advice := _SQLITE_REFUSED.get(primary):
        return _refused(place, str(error), advice)
    return None


def _translate_postgresql(error: DBAPIError, place: str) -> PlatformError | None:
    text = str(error.orig).strip().partition("\n")[0]
    state: str | None = getattr(error.orig, "pgcode", None)
    if state is None:
        return _translate_connection(error, text, place)
    for prefix, advice in _SQLSTATE_REFUSED.items():
        if state.startswith(prefix):
            return _refused(place, text, advice)
    if state.startswith(_SQLSTATE_TRANSIENT):
        return _busy(place, text)
    return None


def _translate_connection(error: DBAPIError, text: str, place: str) -> PlatformError | None:
    if any(sign in text for sign in _CONNECT_REFUSED):
        return _refused(place, text, "check user, password and database in the URL")
    if type(error).__name__ not in {"OperationalError", "InterfaceError"}:
        return None
    return TransientError(
        f"the state database at {place} does not answer ({text}); start it, or check host and port",
        kind="state_unreachable",
    )


def damaged(place: str, found: str) -> RefusedError:
    """The error for a database that can be opened and holds what nobody wrote.

    Args:
        place: The database, as `describe_url` names it.
        found: What was read.
    """
    return RefusedError(
        f"the state database at {place} is damaged ({found}): {REPAIR}", kind="state_damaged"
    )


def _busy(place: str, reason: str) -> TransientError:
    return TransientError(
        f"the state database at {place} is busy: {reason}; try again, and look for a process that holds it",
        kind="state_busy",
    )


def _refused(place: str, reason: str, advice: str) -> RefusedError:
    return RefusedError(
        f"cannot use the state database at {place}: {reason}; {advice}", kind="state_unusable"
    )
