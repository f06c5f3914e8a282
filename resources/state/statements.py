"""Pieces of SQL that several repositories share: bounded IN lists, and an INSERT that gives way to an existing row."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

CHUNK = 900
"""Values per statement: SQLite took 999 variables at most before 3.32, 32,766 since (sqlite.org/limits.html)."""

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def split_chunks(values: Collection[str]) -> Iterator[Sequence[str]]:
    """The values in lists of at most `CHUNK`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def insert_if_missing(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that does nothing where a row of the same key exists.

    It waits for a transaction that is just inserting that key, so afterwards the row is there to be read.
    """
    return _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()
