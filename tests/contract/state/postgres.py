"""A PostgreSQL schema of its own for each test or worker, on the server of the test machine."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

import psycopg2
import pytest

SERVER = "postgresql+psycopg2://postgres@127.0.0.1:5432/test"
_DSN = "postgresql://postgres@127.0.0.1:5432/test?connect_timeout=3"


@contextmanager
def temporary_schema() -> Generator[str]:
    """The URL of an empty schema that is dropped afterwards; skips the test where there is no server."""
    name = f"sluice_{uuid4().hex[:12]}"
    try:
        execute(f"CREATE SCHEMA {name}")
    except psycopg2.OperationalError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"PostgreSQL at 127.0.0.1:5432 is not reachable: {error}")
    try:
        yield f"{SERVER}?options=-csearch_path%3D{name}"
    finally:
        execute(f"DROP SCHEMA {name} CASCADE")


def execute(statement: str) -> None:
    connection = psycopg2.connect(_DSN)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
