"""Dead letters of tenants' events: those of a tenant-month are replaced whenever it is processed.

The table itself is `dead_letters.py`'s.
"""

from collections.abc import Sequence
from typing import Protocol

from resources.state.database import StateDatabase
from resources.state.dead_letters import DeadLetter, DeadLetterFilter, SqlDeadLetters

PIPELINE = "tenants/events"
"""Pipeline of these letters; their partition is the month."""


class BadRow(Protocol):
    """A row that is no event: why, and the row as JSON."""

    @property
    def kind(self) -> str:
        """Stable word for the reason."""
        ...

    @property
    def message(self) -> str:
        """What is wrong with which value."""
        ...

    @property
    def record(self) -> str:
        """The row."""
        ...


class SqlEventLetters:
    """Dead letters of events in the state database. Safe to use from several threads.

    Args:
        database: The state database.
        retention_days: How long letters are kept.
    """

    def __init__(self, database: StateDatabase, retention_days: float) -> None:
        self._letters = SqlDeadLetters(database)
        self._retention_days = retention_days

    def replace(self, tenant: str, month: str) -> None:
        """Removes the letters of a tenant-month."""
        self._letters.remove(DeadLetterFilter(pipeline=PIPELINE, tenant=tenant, partition=month))

    def add(self, tenant: str, month: str, bad: Sequence[BadRow]) -> None:
        """Keeps rows of a tenant-month."""
        letters = [
            DeadLetter(
                PIPELINE, tenant, month, f"{month}|{tenant}", row.kind, row.message, row.record
            )
            for row in bad
        ]
        self._letters.add(letters, self._retention_days)
