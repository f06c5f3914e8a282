"""Whether the settings of a tenant's source can work: a database URL without secrets, a table, names of columns. Pure.

The source itself is not asked: whether it answers shows when it is opened (`resources/event_databases/source.py`).
"""

import re
from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from platform_assets.core.errors import PermanentError
from platform_assets.tenants.events import CANONICAL
from platform_assets.tenants.tenant import SourceSettings

_FORMS = "use sqlite:////absolute/path/shop.db or postgresql://user:${NAME}@host:5432/database"
_NAME = r"[^\W\d][\w$-]{0,62}"
_COLUMN = re.compile(_NAME)
_TABLE = re.compile(rf"{_NAME}(?:\.{_NAME})?")
_REFERENCE = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")
_WORDS = "pass|pwd|secret|token|credential|api_?key|access_?key|private|auth|signature|bearer"
# Options of libpq that hold no secret although their names sound like it.
_HARMLESS = frozenset({"require_auth", "sslkey", "ssl_key"})
_SECRET_OPTION = re.compile(rf"{_WORDS}|^key$|^sig$", re.IGNORECASE)
_SECRET_INSIDE = re.compile(rf"(?:(?:{_WORDS})\w*|\bkey)\s*=\s*[^\s;&]", re.IGNORECASE)


def check_source(source: SourceSettings) -> SourceSettings:
    """The settings themselves, without blanks around them.

    Args:
        source: As somebody wrote it. A password has to be `${NAME}`, which stands for the variable
            SLUICE_SOURCE_NAME, or the URL as a whole is one; anywhere else in the URL a secret is refused.

    Raises:
        PermanentError: kind `bad_source`; the message repeats nothing of the URL, which may hold a secret.
    """
    return SourceSettings(
        url=check_url(source.url),
        table=check_table(source.table),
        columns=check_columns(source.columns),
    )


def check_url(text: str) -> str:
    """The URL itself; see `check_source`."""
    text = text.strip()
    if _REFERENCE.fullmatch(text):
        return text  # the URL as a whole is the secret
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Neither error is chained: both may hold the password.
        raise _refuse(f"its URL cannot be read as one; {_FORMS}") from None
    _check_secrets(url)
    _check_database(url)
    return text


def _check_secrets(url: URL) -> None:
    """Refuses a secret that is written into the URL: it would end in the state database, its backups and the API."""
    if url.password and _REFERENCE.fullmatch(str(url.password)) is None:
        raise _refuse(
            "its URL holds a password; write ${NAME} instead, and put the password into the variable "
            "SLUICE_SOURCE_NAME, with a name of your choice in capitals"
        )
    parts = {
        "the user": (url.username or "",),
        "the host": (url.host or "",),
        "the database": (url.database or "",),
        **url.normalized_query,
    }
    for part, values in parts.items():
        named = _SECRET_OPTION.search(part) and part.casefold() not in _HARMLESS
        if named or any(map(_SECRET_INSIDE.search, values)):
            raise _refuse(
                f"{part[:50]!r} in its URL holds a secret; write ${{NAME}} instead, for the password or for the URL "
                "as a whole, and put the secret into the variable SLUICE_SOURCE_NAME"
            )
        if any("${" in value for value in values):
            raise _refuse(
                f"${{NAME}} stands in {part[:50]!r} of its URL; write ${{NAME}} instead of the password, or of the "
                "URL as a whole, and nowhere else: it stands for the variable SLUICE_SOURCE_NAME"
            )


def _check_database(url: URL) -> None:
    if not url.database:
        raise _refuse(f"its URL names no database; {_FORMS}")
    if url.get_backend_name() == "sqlite" and not url.database.startswith("/"):
        raise _refuse(
            f"sqlite needs an absolute path of a file, because runs work in other folders; {_FORMS}"
        )


def check_table(table: str) -> str:
    """The name of the table itself; see `check_source`."""
    table = table.strip()
    if _TABLE.fullmatch(table) is None:
        raise _refuse(
            f"{table[:130]!r} is no name of a table; use letters, digits, `_`, `$` and `-`, at most 63, "
            "and a schema with a dot before it where it has one, such as shop.events"
        )
    return table


def check_columns(columns: Mapping[str, str]) -> dict[str, str]:
    """Canonical column -> the table's own name; see `check_source`."""
    checked = {canonical.strip(): name.strip() for canonical, name in columns.items()}
    if unknown := sorted(checked.keys() - CANONICAL.keys()):
        raise _refuse(
            f"there is no canonical column {', '.join(repr(name[:50]) for name in unknown[:10])}; "
            f"the columns are {', '.join(CANONICAL)}"
        )
    for canonical, name in checked.items():
        if _COLUMN.fullmatch(name) is None:
            raise _refuse(
                f"{name[:70]!r} is no name of a column (for {canonical}); use letters, digits, `_`, `$` and `-`, "
                "at most 63"
            )
    return checked


def _refuse(reason: str) -> PermanentError:
    return PermanentError(f"the source cannot be used: {reason}", kind="bad_source")
