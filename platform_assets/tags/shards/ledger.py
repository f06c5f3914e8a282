"""`ShardLedger`: the tables of one shard as units of the engine; what is done is what has an up-to-date receipt.

There are no leases: what two tasks make of a table has keys of its own, and the receipt says whose counts. The process
that does the table writes it, so recording an outcome only remembers it.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.objects import ObjectStore
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.table.receipts import StepVersions, read_receipt
from platform_assets.tags.tables import RawTable


class ShardLedger:
    """A `UnitLedger` over receipts, for one process.

    Args:
        objects: Where the receipts are.
        place: Whose tables.
        shard: The shard.
        tables: Those that are worked on, in the order of work.
        versions: What their outputs are to be made by.
    """

    def __init__(
        self,
        objects: ObjectStore,
        place: TenantSource,
        shard: str,
        tables: Sequence[RawTable],
        versions: StepVersions,
    ) -> None:
        self.plan = Plan(
            1,
            Scope("tags/tables", place.tenant_id, f"{place.source}|{shard}"),
            1,
            PlanState.OPEN,
            {},
        )
        self._objects = objects
        self._place = place
        self._tables = tables
        self._versions = versions
        self._records: dict[str, UnitRecord] | None = None
        self._held: dict[str, str] = {}
        self._lock = threading.Lock()

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        """See `UnitLedger.read_units`; receipts are read by the first call.

        Raises:
            TransientError: The store does not answer.
        """
        del plan
        with self._lock:
            return list(self._load().values())

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        """See `UnitLedger.claim`."""
        del plan, lease_seconds
        with self._lock:
            records = self._load()
            claimed: list[UnitRecord] = []
            for unit_id in unit_ids:
                record = records[unit_id]
                if record.state is UnitState.DONE or unit_id in self._held:
                    continue
                self._held[unit_id] = attempt.attempt_id
                records[unit_id] = replace(
                    record, state=UnitState.RUNNING, attempts=record.attempts + 1
                )
                claimed.append(records[unit_id])
            return claimed

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:
        """See `UnitLedger.renew`."""
        del plan, lease_seconds
        with self._lock:
            return {unit_id for unit_id, held in self._held.items() if held == attempt.attempt_id}

    def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
        """See `UnitLedger.record`."""
        del plan
        with self._lock:
            return {
                outcome.unit_id
                for outcome in outcomes
                if not self._take(outcome, attempt.attempt_id)
            }

    def save_checkpoints(
        self, plan: Plan, attempt: Attempt, checkpoints: Mapping[str, JsonObject]
    ) -> set[str]:
        """See `UnitLedger.save_checkpoints`; a table has none."""
        del plan
        with self._lock:
            return {each for each in checkpoints if self._held.get(each) != attempt.attempt_id}

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:
        """See `UnitLedger.read_done`."""
        del plan
        with self._lock:
            records = self._load()
            return {each for each in unit_ids if records[each].state is UnitState.DONE}

    def _take(self, outcome: UnitOutcome, attempt_id: str) -> bool:
        if self._held.get(outcome.unit_id) != attempt_id:
            return False
        del self._held[outcome.unit_id]
        records = self._load()
        records[outcome.unit_id] = replace(
            records[outcome.unit_id],
            state=outcome.state,
            detail=outcome.detail,
            error_kind=outcome.error_kind,
            error_message=outcome.error_message,
        )
        return True

    def _load(self) -> dict[str, UnitRecord]:
        if self._records is None:
            self._records = {table.table_id: self._read(table) for table in self._tables}
        return self._records

    def _read(self, table: RawTable) -> UnitRecord:
        unit = Unit(table.table_id, {"table": table.table_id})
        receipt = read_receipt(self._objects, self._place, table.table_id)
        if receipt is None or receipt.find_outdated(table, self._versions) is not None:
            return UnitRecord(unit, UnitState.PENDING)
        return UnitRecord(unit, UnitState.DONE, detail=receipt.counts)
