"""Dead letters: records and units that failed for good, kept for some days so that a person can look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select

from resources.state.database import StateDatabase
from resources.state.tables import dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What failed for good.

    Attributes:
        pipeline: Asset or step name.
        tenant: Tenant id; empty where a pipeline has no tenants.
        partition: Dagster partition key.
        unit_id: The unit that it belongs to.
        kind: Kind of the error.
        message: Text of the error.
        record: The record as it was read, if a single record failed; it must hold no secret.
    """

    pipeline: str
    tenant: str
    partition: str
    unit_id: str
    kind: str
    message: str
    record: str | None = None


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter with its key; times are aware UTC."""

    letter_id: int
    letter: DeadLetter
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters: those that match every field; None matches any value."""

    pipeline: str | None = None
    tenant: str | None = None
    partition: str | None = None
    unit_id: str | None = None
    kind: str | None = None


class SqlDeadLetters:
    """Dead letters in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock says what has expired.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def add(self, letters: Sequence[DeadLetter], retention_days: float) -> None:
        """Stores the letters in one transaction, to be kept for `retention_days`."""
        if not letters:
            return
        now = self._database.clock.now()
        times = {"created_at": now, "expires_at": now + timedelta(days=retention_days)}
        rows = [
            {
                "pipeline": letter.pipeline,
                "tenant": letter.tenant,
                "partition": letter.partition,
                "unit_id": letter.unit_id,
                "kind": letter.kind,
                "message": letter.message,
                "record": letter.record,
                **times,
            }
            for letter in letters
        ]
        with self._database.write() as connection:
            connection.execute(insert(dead_letters), rows)

    def find(
        self, wanted: DeadLetterFilter, limit: int = 100, before_id: int | None = None
    ) -> list[StoredDeadLetter]:
        """The newest letters first, at most `limit`; `before_id` continues behind the last one of a page."""
        statement = select(dead_letters).where(*_match(wanted))
        if before_id is not None:
            statement = statement.where(dead_letters.c.id < before_id)
        statement = statement.order_by(dead_letters.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [
                StoredDeadLetter(
                    letter_id=row.id,
                    letter=DeadLetter(
                        row.pipeline,
                        row.tenant,
                        row.partition,
                        row.unit_id,
                        row.kind,
                        row.message,
                        row.record,
                    ),
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                )
                for row in connection.execute(statement)
            ]

    def count(self, wanted: DeadLetterFilter) -> int:
        """How many letters match."""
        statement = select(func.count()).select_from(dead_letters).where(*_match(wanted))
        with self._database.read() as connection:
            return connection.scalar(statement) or 0

    def count_kinds(self, wanted: DeadLetterFilter) -> dict[str, int]:
        """Kind -> how many letters match, the most frequent first."""
        count = func.count()
        statement = (
            select(dead_letters.c.kind, count)
            .where(*_match(wanted))
            .group_by(dead_letters.c.kind)
            .order_by(count.desc(), dead_letters.c.kind)
        )
        with self._database.read() as connection:
            return {str(kind): int(found) for kind, found in connection.execute(statement)}

    def remove(self, wanted: DeadLetterFilter) -> int:
        """Deletes the letters that match; returns how many."""
        with self._database.read() as connection:
            if connection.scalar(select(dead_letters.c.id).where(*_match(wanted)).limit(1)) is None:
                return 0  # nothing to write: no lock is taken
        with self._database.write() as connection:
            return connection.execute(delete(dead_letters).where(*_match(wanted))).rowcount

    def purge(self) -> int:
        """Deletes the letters that have expired; returns how many."""
        statement = delete(dead_letters).where(
            dead_letters.c.expires_at <= self._database.clock.now()
        )
        with self._database.write() as connection:
            return connection.execute(statement).rowcount


def _match(wanted: DeadLetterFilter) -> list[ColumnElement[bool]]:
    pairs = (
        (dead_letters.c.pipeline, wanted.pipeline),
        (dead_letters.c.tenant, wanted.tenant),
        (dead_letters.c.partition, wanted.partition),
        (dead_letters.c.unit_id, wanted.unit_id),
        (dead_letters.c.kind, wanted.kind),
    )
    return [column == value for column, value in pairs if value is not None]
