"""Opens the ledgers that the engine is measured over: in a dict, in a new SQLite file, in a new PostgreSQL schema."""

import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import psycopg2

from benchmarks.bare_ledger import BareLedger
from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.ledger import PlanLedger, UnitLedger
from resources.state.database import open_state
from resources.state.ledger import SqlLedger


class Ledger(PlanLedger, UnitLedger, Protocol):
    """Plans and units."""


@contextmanager
def open_bare() -> Generator[Ledger]:
    """A ledger without a database."""
    yield BareLedger()


@contextmanager
def open_sqlite() -> Generator[Ledger]:
    """A ledger in a new SQLite file on the disk of the temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-engine-") as folder,
        open_state(f"sqlite:///{folder}/state.db", SystemClock()) as database,
    ):
        yield SqlLedger(database)


@contextmanager
def open_postgres(url: str) -> Generator[Ledger]:
    """A ledger in a new schema of a PostgreSQL database; the schema is dropped at the end."""
    schema = f"bench_{uuid.uuid4().hex[:12]}"
    execute(url, f"CREATE SCHEMA {schema}")
    try:
        with open_state(f"{url}?options=-csearch_path%3D{schema}", SystemClock()) as database:
            yield SqlLedger(database)
    finally:
        execute(url, f"DROP SCHEMA {schema} CASCADE")


def execute(url: str, statement: str) -> None:
    """One statement, committed.

    Raises:
        psycopg2.OperationalError: The server cannot be reached.
    """
    connection = psycopg2.connect(url, connect_timeout=3)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def is_reachable(url: str) -> bool:
    """Whether PostgreSQL answers there."""
    try:
        execute(url, "SELECT 1")
    except psycopg2.OperationalError:
        return False
    return True
