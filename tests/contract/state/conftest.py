"""One suite, every backend: the fixtures below run a test once per database (and once in memory for the ledger)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from platform_assets.core.engine.ledger import (
    CorrectableLedger,
    ExtendableLedger,
    PlanLedger,
    UnitLedger,
)
from resources.state.database import StateDatabase, open_state
from resources.state.ledger import SqlLedger
from resources.state.tables import metadata
from tests.contract.state.postgres import temporary_schema
from tests.fakes.clock import FakeClock
from tests.fakes.memory_ledger import MemoryLedger


class Ledger(PlanLedger, UnitLedger, CorrectableLedger, ExtendableLedger, Protocol):
    """All parts of a ledger."""


@dataclass(frozen=True)
class LedgerCase:
    ledger: Ledger
    clock: FakeClock
    dead: set[str] = field(default_factory=set[str])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('state') / 'state.db'}"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with temporary_schema() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def state_url(backend: str, request: pytest.FixtureRequest) -> str:
    """A database that is migrated already and empty at the start of each test."""
    return request.getfixturevalue(f"{backend}_url")


@pytest.fixture
def database(state_url: str, clock: FakeClock) -> Iterator[StateDatabase]:
    with open_state(state_url, clock) as database:
        yield database
        empty_tables(database)


@pytest.fixture
def fresh_url(backend: str, tmp_path: Path) -> Iterator[str]:
    """A place where there is no database yet."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/new/folder/state.db"
    else:
        with temporary_schema() as url:
            yield url


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def case(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[LedgerCase]:
    dead: set[str] = set()
    if request.param == "memory":
        yield LedgerCase(MemoryLedger(clock, dead.__contains__), clock, dead)
        return
    url: str = request.getfixturevalue(f"{request.param}_url")
    with open_state(url, clock) as database:
        yield LedgerCase(SqlLedger(database, dead.__contains__), clock, dead)
        empty_tables(database)


def empty_tables(database: StateDatabase) -> None:
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
