"""Where the state database is: reads the URL that a person configured, and names the place without its secrets."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from platform_assets.core.errors import RefusedError

_FORMS = "use sqlite:////absolute/path/state.db or postgresql://user:password@host:5432/database"


def parse_state_url(url: str) -> URL:
    """The URL in the form that SQLAlchemy needs.

    `postgresql://` and `postgres://` become `postgresql+psycopg2://`: SQLAlchemy 2.1 would take psycopg 3 for the bare
    form, which is not installed. The path of a file is percent-decoded.

    Raises:
        RefusedError: The URL is no URL, names another database or driver, or a relative or missing file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text of neither error is repeated, and neither is chained: both may hold the password.
        raise _refuse("it cannot be read as a URL") from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _check_sqlite(parsed)
        case "postgresql" | "postgres" | "postgresql+psycopg2":
            return _check_postgresql(parsed)
        case other:
            raise _refuse(f"{other!r} is not supported")


def describe_url(url: URL) -> str:
    """The place that a parsed URL names, for messages and reprs: no user, password or options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:{url.database}"
    return f"postgresql://{url.host or 'local socket'}:{url.port or 5432}/{url.database}"


def _check_sqlite(url: URL) -> URL:
    if not url.database or not url.database.startswith("/"):
        raise _refuse(f"sqlite needs an absolute path of a file, not {url.database!r}")
    if url.query:
        raise _refuse("sqlite takes no options behind the path")
    return url.set(drivername="sqlite+pysqlite")


def _check_postgresql(url: URL) -> URL:
    if not url.database:
        raise _refuse("the name of the PostgreSQL database is missing")
    return url.set(drivername="postgresql+psycopg2")


def _refuse(reason: str) -> RefusedError:
    return RefusedError(
        f"cannot use the URL of the state database: {reason}; {_FORMS}", kind="state_url"
    )
