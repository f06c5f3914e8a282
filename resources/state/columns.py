"""Column types that mean the same on SQLite and PostgreSQL: UTC time, JSON, text from anywhere.

A type belongs here when the two databases differ in it; tables are in `tables.py`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec
from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError
from resources.state.database_errors import REPAIR

_E = TypeVar("_E", bound=StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite, which has no zones, stores it as naive UTC text that sorts by time.

    Raises:
        ValueError: A naive datetime is to be stored.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, naive on SQLite."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no timezone; store aware datetimes only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (interface)
        """From PostgreSQL, which answers in the session's zone: aware UTC."""
        return None if value is None else value.astimezone(UTC)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[..., datetime | None] | None:
        """From SQLite's text in one step: a naive datetime that is made aware afterwards costs more than all of it."""
        if dialect.name == "sqlite":
            return _parse_utc
        return super().result_processor(dialect, coltype)


def _parse_utc(value: str | None) -> datetime | None:
    try:
        return None if value is None else datetime.fromisoformat(value + "+00:00")
    except (ValueError, TypeError) as error:
        raise _unreadable("a time", value) from error


def _unreadable(what: str, value: object) -> RefusedError:
    return RefusedError(
        f"the state database is damaged: {what} in it reads {str(value)[:100]!r}; {REPAIR}",
        kind="state_damaged",
    )


def read_enum(kind: type[_E], value: str) -> _E:
    """A stored state as its enum.

    Raises:
        RefusedError: kind `state_damaged`: nobody wrote such a value.
    """
    try:
        return kind(value)
    except ValueError as error:
        raise _unreadable(f"a {kind.__name__}", value) from error


class JsonText(TypeDecorator[JsonObject]):
    """A JSON object kept as text: no reordering of keys, and NUL characters survive, unlike in PostgreSQL's jsonb."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: JsonObject | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (interface)
        """To the database."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> JsonObject | None:  # noqa: ARG002 (interface)
        """From the database."""
        try:
            return None if value is None else msgspec.json.decode(value)
        except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
            raise _unreadable("a JSON value", value) from error


class ForeignText(TypeDecorator[str]):
    """Text that others wrote, such as error messages and broken records: what a database refuses becomes U+FFFD or `?`.

    PostgreSQL stores no NUL character, and neither database stores half of a surrogate pair; a batch of outcomes must
    not fail because one upstream sent such bytes.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (interface)
        """To the database."""
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
