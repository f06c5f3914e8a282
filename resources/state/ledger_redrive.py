"""`LedgerRedriver`: redrive for a pipeline whose units are in the SQL ledger. One line in services per pipeline."""

from platform_assets.core.engine.units import UnitState
from platform_assets.core.redrive import (
    Failure,
    FailureCount,
    FailureFilter,
    Requeued,
    sum_by_cell,
)
from resources.state.database import StateDatabase
from resources.state.ledger_queries import LedgerQueries, UnitFilter


class LedgerRedriver:
    """Satisfies `platform_assets.core.redrive.Redriver`. Safe to use from several threads.

    Args:
        database: The state database.
        pipeline: Such as `games`, for all scopes `games` and `games/...`.
        next_step: What does the units again: a sentence without a full stop.
    """

    def __init__(self, database: StateDatabase, pipeline: str, next_step: str) -> None:
        self.pipeline = pipeline
        self.next_step = next_step
        self._queries = LedgerQueries(database)

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """See `Redriver.count`."""
        return [
            FailureCount(row.scope, row.error_kind, row.count)
            for row in self._queries.count_units(self._translate(wanted))
        ]

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        """See `Redriver.find`."""
        return [
            Failure(
                row.scope,
                row.record.unit.unit_id,
                row.record.error_kind,
                row.record.error_message,
                row.failed_at,
            )
            for row in self._queries.failed_units(self._translate(wanted), limit)
        ]

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        """See `Redriver.redrive`."""
        if dry_run:
            return sum_by_cell(self.count(wanted))
        return [
            Requeued(scope, count)
            for scope, count in self._queries.redrive(self._translate(wanted)).items()
        ]

    def _translate(self, wanted: FailureFilter) -> UnitFilter:
        return UnitFilter(
            pipeline=wanted.pipeline or self.pipeline,
            with_parts=True,
            only_open=True,
            tenant=wanted.tenant,
            partition=wanted.partition,
            state=UnitState.FAILED,
            error_kind=wanted.error_kind,
            unit_ids=wanted.unit_ids,
        )
