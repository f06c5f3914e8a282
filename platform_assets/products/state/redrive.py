"""`ProductRedriver`: redrive for products, whose batches must wait again if one of their products does."""

from collections.abc import Collection, Iterable

from platform_assets.core.engine.units import UnitState
from platform_assets.core.redrive import Failure, FailureCount, FailureFilter, Requeued
from platform_assets.products.batches import SCAN_PIPELINE, find_day, read_batch, reopen_batch
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger
from resources.state.ledger_redrive import LedgerRedriver

PIPELINE = "products"


class ProductRedriver:
    """Satisfies `platform_assets.core.redrive.Redriver`. Safe to use from several threads.

    A unit is a product of a batch (`products/scan`), or a batch of a day (`products/batches`).

    Args:
        database: The state database.
    """

    pipeline = PIPELINE
    next_step = "the sensor product_batches starts these batches, of any day, with its next ticks"

    def __init__(self, database: StateDatabase) -> None:
        self._database = database
        self._units = LedgerRedriver(database, PIPELINE, self.next_step)

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """See `Redriver.count`."""
        return self._units.count(wanted)

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        """See `Redriver.find`."""
        return self._units.find(wanted, limit)

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        """See `Redriver.redrive`. A batch of which a product is to be read again waits again, done or failed."""
        cells = self._units.redrive(wanted, dry_run=True)
        if dry_run:
            return cells
        # Before: a process that dies in between must not leave products that wait in a batch that is done.
        self._reopen(cells, {UnitState.DONE})
        taken = self._units.redrive(wanted, dry_run=False)
        self._reopen(taken, {UnitState.FAILED})
        return taken

    def _reopen(self, cells: Iterable[Requeued], states: Collection[UnitState]) -> None:
        ledger, now = SqlLedger(self._database), self._database.clock.now()
        for scope in (cell.scope for cell in cells):
            if scope.pipeline == SCAN_PIPELINE:
                reopen_batch(ledger, read_batch(scope.partition), now, states)
            elif UnitState.FAILED in states:
                # The batches that were taken wait already; they are to wait for the sensor, whatever their day.
                for planned in find_day(ledger, scope.tenant, scope.partition):
                    if planned.reason is not None:
                        reopen_batch(ledger, planned.batch, now, {UnitState.PENDING})
